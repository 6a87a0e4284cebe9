"""A journal in memory: the same rules as the stores have, without a store; it can be told to fail."""

from collections.abc import Sequence
from datetime import datetime

from controlplane.audit.documents import Referred
from controlplane.audit.model import Document, Entry, Kind
from controlplane.budget.model import Account, Balance, Reservation
from controlplane.decision.model import Request
from controlplane.journal.apply import apply
from controlplane.journal.model import AlreadyDecided, Found, Operation, Outcome, RequestKey, Result
from controlplane.routing.books import Books, Place
from controlplane.routing.model import Ask, Basis, NoEligibleTarget, NoRoom, SignedDecision
from controlplane.snapshot.model import Snapshot
from controlplane.store.protocols import StoreUnavailable
from turnout_wire.failure import Failure


class MemoryWriter:
    """A Writer over dictionaries. `failing` makes it unavailable."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.requests: dict[RequestKey, AlreadyDecided] = {}
        self.reservations: dict[str, Reservation] = {}
        self.balances: dict[Account, Balance] = {}
        self.documents: dict[bytes, Document] = {}
        self.groups: list[int] = []
        self.failing = False

    async def run(self, operations: Sequence[Operation]) -> Outcome:
        """See Writer."""
        if self.failing:
            raise StoreUnavailable("switched off")
        found = Found(
            requests=self.requests,
            refs=frozenset((entry.kind.value, entry.ref) for entry in self.entries),
            reservations=self.reservations,
            balances=self.balances,
        )
        changes, outcome = apply(operations, found)
        self.groups.append(len(operations))
        self.entries.extend(changes.entries)
        bodies = {entry.ref: entry.body for entry in self.entries if entry.kind is Kind.DECISION}
        self.requests.update(
            {one.key: AlreadyDecided(known=one, body=bodies[one.decision_id]) for one in changes.requests}
        )
        self.reservations.update({one.decision_id: one for one in changes.reservations})
        self.balances.update(changes.balances)
        self.documents.update({document.digest: document for document in changes.documents})
        return outcome

    def of(self, kind: Kind) -> list[Entry]:
        """The entries of one kind."""
        return [entry for entry in self.entries if entry.kind is kind]


class MemoryJournal:
    """A journal whose every operation is a group of its own."""

    def __init__(self, writer: MemoryWriter | None = None) -> None:
        self.writer = writer or MemoryWriter()
        self.kept: list[Operation] = []
        self.posted: list[Operation] = []

    async def submit(self, operation: Operation) -> Result:
        """See JournalLike."""
        outcome = await self.writer.run([operation])
        return outcome.results[0]

    async def keep(self, operation: Operation) -> None:
        """See JournalLike."""
        self.kept.append(operation)
        await self.submit(operation)

    def post(self, operation: Operation) -> bool:
        """See JournalLike. `write_posted` writes them."""
        self.posted.append(operation)
        return True

    async def write_posted(self) -> None:
        """What the queue does when the store is there."""
        while self.posted:
            await self.writer.run([self.posted.pop(0)])


class PlainRecorder:
    """Entries whose bodies only name what they are about."""

    def __init__(self) -> None:
        self._given: dict[bytes, SignedDecision] = {}
        self._refusals = 0

    def decision(self, signed: SignedDecision, ask: Ask, request: Request, basis: Basis, owner: str) -> Entry:
        """See Recorder."""
        del ask, request, owner
        body = signed.decision_id.encode()
        self._given[body] = signed
        return entry(Kind.DECISION, signed.decision_id, basis.decided_at, body, decision_id=signed.decision_id)

    def refusal(self, failure: Failure, ask: Ask, request: Request | None, basis: Basis | None, place: Place) -> Entry:
        """See Recorder."""
        del ask, request, place
        self._refusals += 1
        at = basis.decided_at if basis is not None else EPOCH
        return entry(Kind.REFUSAL, f"refusal-{self._refusals}", at, failure.reason.encode())

    def signed(self, body: bytes) -> SignedDecision:
        """See Recorder."""
        return self._given[body]


class NoDocuments:
    """Snapshots are referred to by their own digests, and kept nowhere."""

    def of(self, snapshot: Snapshot) -> Referred:
        """See Documents."""
        return Referred(catalog_digest=snapshot.catalog.digest, live_digest=bytes(32))

    def missing(self, referred: Referred) -> tuple[Document, ...]:
        """See Documents."""
        del referred
        return ()

    def written(self, digests: object) -> None:
        """See Documents."""


EPOCH = datetime.fromisoformat("2026-11-21T12:00:00+00:00")


def entry(kind: Kind, ref: str, at: datetime, body: bytes = b"", *, decision_id: str = "") -> Entry:
    """An entry with a salt of zeros."""
    return Entry(kind=kind, ref=ref, decision_id=decision_id, at=at, salt=bytes(16), body=body)


def worded(unfit: NoEligibleTarget | NoRoom) -> Failure:
    """What a caller is told, with the cause."""
    reason = "BUDGET_EXHAUSTED" if isinstance(unfit, NoRoom) else "NO_ELIGIBLE_TARGET"
    failure = Failure(reason, str(unfit))
    failure.__cause__ = unfit
    return failure


def books(journal: MemoryJournal) -> Books:
    """Everything that writing down takes, in memory."""
    return Books(
        journal=journal,
        recorder=PlainRecorder(),
        documents=NoDocuments(),
        balances=lambda: journal.writer.balances,
        checkpoint=lambda: "",
        word=worded,
    )
