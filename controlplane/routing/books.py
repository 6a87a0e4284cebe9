"""Where decisions are written down before, or just after, they are given."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from controlplane.audit.documents import Referred
from controlplane.audit.model import Document, Entry
from controlplane.budget.model import Account, Balance
from controlplane.decision.model import Request
from controlplane.journal.model import Operation, Result
from controlplane.routing.model import Ask, Basis, NoEligibleTarget, NoRoom, SignedDecision
from controlplane.snapshot.model import Snapshot
from turnout_wire.failure import Failure


class JournalLike(Protocol):
    """What the use cases need of the journal."""

    async def submit(self, operation: Operation) -> Result:
        """Durable when this returns. Raises StoreUnavailable."""
        ...

    async def keep(self, operation: Operation) -> None:
        """Durable soon. Raises StoreUnavailable."""
        ...

    def post(self, operation: Operation) -> bool:
        """Durable when the store is there; False if there is no place for it."""
        ...


class Recorder(Protocol):
    """Makes entries of decisions and refusals, and reads decisions back."""

    def decision(self, signed: SignedDecision, ask: Ask, request: Request, basis: Basis, owner: str) -> Entry:
        """The entry of a decision."""
        ...

    def refusal(
        self, failure: Failure, ask: Ask, request: Request | None, basis: Basis | None, place: "Place"
    ) -> Entry:
        """The entry of a refusal."""
        ...

    def signed(self, body: bytes) -> SignedDecision:
        """The decision in the body of an entry."""
        ...


class Documents(Protocol):
    """What entries refer to by digest."""

    def of(self, snapshot: Snapshot) -> Referred:
        """Digests of the catalog and the live view of `snapshot`."""
        ...

    def missing(self, referred: Referred) -> tuple[Document, ...]:
        """Those that the store is not known to have."""
        ...

    def written(self, digests: Collection[bytes]) -> None:
        """The store has them now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a refused request belongs; empty where that was not found out."""

    workload: str = ""
    owner: str = ""
    policy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Everything that writing down takes.

    `checkpoint` is the log's newest signed note, empty before the first; `word` makes of what deciding could not do what the
    caller is told.
    """

    journal: JournalLike
    recorder: Recorder
    documents: Documents
    balances: Callable[[], Mapping[Account, Balance]]
    checkpoint: Callable[[], str]
    word: Callable[[NoEligibleTarget | NoRoom], Failure]
