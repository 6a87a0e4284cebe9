"""Operations of the journal for tests, with as little said as possible, and a store in memory that is the pure rules alone."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from controlplane.audit.model import Document, Entry, Kind
from controlplane.budget.model import Account, AccountId, Balance, Hold, Measure, Reservation, ReservationState, Used
from controlplane.journal.apply import accounts_of, apply, needs
from controlplane.journal.model import (
    AlreadyDecided,
    Append,
    Expire,
    Found,
    Issue,
    KnownRequest,
    Operation,
    Outcome,
    RequestKey,
    Settle,
    Start,
)

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
LIFE = timedelta(seconds=60)
DAILY = Account(id=AccountId("daily"), window_start=1_782_864_000)


def salt_of(name: str) -> bytes:
    """16 bytes that are the same for the same name."""
    return hashlib.sha256(name.encode()).digest()[:16]


def entry(kind: Kind, ref: str, *, decision_id: str = "", body: bytes = b"", at: datetime = NOON) -> Entry:
    """An entry; a body that names it if none is given."""
    text = body or f"{kind}:{ref}".encode()
    return Entry(kind=kind, ref=ref, decision_id=decision_id, at=at, salt=salt_of(ref), body=text)


def hold(
    amount: int = 10, *, account: Account = DAILY, limit: int = 1_000, estimate: int = 5, model: str = "",
    measure: Measure = Measure.COST,
) -> Hold:  # fmt: skip
    """What one run may take."""
    return Hold(account=account, measure=measure, limit=limit, amount=amount, estimate=estimate, model=model)


def request(
    request_id: str, decision_id: str, *, fingerprint: bytes = b"same", expires_at: datetime = NOON + LIFE
) -> KnownRequest:
    """A request with an id."""
    key = RequestKey(tenant="acme", presenter="app", request_id=request_id)
    return KnownRequest(key=key, fingerprint=fingerprint, decision_id=decision_id, expires_at=expires_at)


def decision(decision_id: str, *, at: datetime = NOON) -> Entry:
    """The record of a decision."""
    return entry(Kind.DECISION, decision_id, decision_id=decision_id, at=at)


def issue(
    decision_id: str, *holds: Hold, runs: int = 1, asked: KnownRequest | None = None, at: datetime = NOON,
    documents: tuple[Document, ...] = (),
) -> Issue:  # fmt: skip
    """A decision that holds `holds` for each of `runs` until a minute after it was made."""
    reservation = Reservation(decision_id=decision_id, holds=holds, runs_left=runs, expires_at=at + LIFE)
    return Issue(
        entry=decision(decision_id, at=at),
        request=asked,
        reservation=reservation if holds else None,
        documents=documents,
    )


def settle(
    decision_id: str, run_id: str, cost: int = 0, *, tokens: int = 0, model: str = "m", holds: tuple[Hold, ...] = (),
) -> Settle:  # fmt: skip
    """The receipt of a run that used so much."""
    return Settle(
        entry=entry(Kind.RECEIPT, run_id, decision_id=decision_id),
        used=(Used(model=model, cost_nanousd=cost, tokens=tokens),),
        decision=decision(decision_id),
        holds=holds,
    )


def start(decision_id: str, run_id: str, until: datetime = NOON + LIFE) -> Start:
    """A run begins."""
    return Start(decision_id=decision_id, run_id=run_id, until=until)


def expire(decision_id: str, now: datetime = NOON + 10 * LIFE) -> Expire:
    """Long after its time."""
    return Expire(decision_id=decision_id, now=now, salt=salt_of(decision_id))


def append(kind: Kind, ref: str, *documents: Document) -> Append:
    """Something else."""
    return Append(entry=entry(kind, ref), documents=documents)


@dataclass(slots=True)
class MemoryJournal:
    """The rules without any database: what every store must agree with."""

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    requests: dict[RequestKey, KnownRequest] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    balances: dict[Account, Balance] = field(default_factory=dict)
    documents: dict[bytes, Document] = field(default_factory=dict)

    def run(self, operations: Sequence[Operation]) -> Outcome:
        """As Writer.run."""
        changes, outcome = apply(operations, self.found(operations))
        self.entries.update(((one.kind.value, one.ref), one) for one in changes.entries)
        self.requests.update((one.key, one) for one in changes.requests)
        self.reservations.update((one.decision_id, one) for one in changes.reservations)
        self.documents.update((one.digest, one) for one in changes.documents)
        self.balances.update(changes.balances)
        return outcome

    def found(self, operations: Sequence[Operation]) -> Found:
        """Exactly what the operations need, and nothing more."""
        needed = needs(operations)
        reservations = {key: self.reservations[key] for key in needed.reservations if key in self.reservations}
        accounts = accounts_of(needed, reservations.values())
        return Found(
            requests={key: self._decided(key) for key in needed.requests if key in self.requests},
            refs=frozenset(ref for ref in needed.refs if ref in self.entries),
            reservations=reservations,
            balances={account: self.balances[account] for account in accounts if account in self.balances},
        )

    def open_sums(self) -> dict[Account, int]:
        """What open reservations hold."""
        sums: dict[Account, int] = {}
        for one in self.reservations.values():
            if one.state is ReservationState.OPEN:
                for held in one.holds:
                    sums[held.account] = sums.get(held.account, 0) + held.amount * one.runs_left
        return sums

    def _decided(self, key: RequestKey) -> AlreadyDecided:
        known = self.requests[key]
        return AlreadyDecided(known=known, body=self.entries[Kind.DECISION.value, known.decision_id].body)
