"""What is asked of the journal, and what comes of it, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from controlplane.audit.model import Document, Entry
from controlplane.budget.model import Account, Balance, Hold, Reservation, Shortage, Used
from turnout_wire.quick import quick


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """Who asked under which id, for giving the same decision again."""

    tenant: str
    presenter: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRequest:
    """A request that was decided. `fingerprint` is a digest of all that was asked; void from `expires_at` on."""

    key: RequestKey
    fingerprint: bytes
    decision_id: str
    expires_at: datetime


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Record a decision and hold what it may cost: all or nothing. One that is known, as from its receipt, changes nothing."""

    entry: Entry
    request: KnownRequest | None = None
    reservation: Reservation | None = None
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """Record a receipt and book what was used.

    `decision` is the record of the decision as the receipt tells it, taken if there is none yet; `holds` are the accounts
    that such a decision is booked to.
    """

    entry: Entry
    used: tuple[Used, ...]
    decision: Entry
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A run began: its reservation lasts until `until`, and is booked at the estimate if nothing is heard by then."""

    decision_id: str
    run_id: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """End the reservation of a decision whose time has passed. `salt` is for the entry that says so."""

    decision_id: str
    now: datetime
    salt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Record something else. An entry whose kind and ref are known changes nothing."""

    entry: Entry
    documents: tuple[Document, ...] = ()


Operation = Issue | Settle | Start | Expire | Append


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """It is durable. `fresh` is False if it was known before."""

    fresh: bool = True
    late: bool = False
    """Of a receipt: its reservation had ended."""
    adopted: bool = False
    """Of a receipt: its decision was not known, and was taken from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyDecided:
    """The same request id was decided before; `body` is that decision's record."""

    known: KnownRequest
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """There is no room: nothing was written."""

    shortages: tuple[Shortage, ...]


Result = Recorded | AlreadyDecided | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What must be read before a group of operations can be worked out."""

    requests: frozenset[RequestKey]
    refs: frozenset[tuple[str, str]]
    """Kind and ref of entries that may be there already."""
    reservations: frozenset[str]
    accounts: frozenset[Account]
    """Those that new reservations name; those of the reservations that are read come in addition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was read, and locked until the group is committed. Accounts that are absent have never been used."""

    requests: Mapping[RequestKey, AlreadyDecided] = field(default_factory=dict)
    refs: frozenset[tuple[str, str]] = frozenset()
    reservations: Mapping[str, Reservation] = field(default_factory=dict)
    balances: Mapping[Account, Balance] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What must be written, as a whole."""

    entries: Sequence[Entry]
    documents: Sequence[Document]
    requests: Sequence[KnownRequest]
    """To be put in the place of an older one of the same key."""
    reservations: Sequence[Reservation]
    """New ones, and those that changed."""
    balances: Mapping[Account, Balance]
    """Only those that changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a group: a result for each operation, in order, and the balances that the group touched."""

    results: Sequence[Result]
    balances: Mapping[Account, Balance]
