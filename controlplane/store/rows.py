"""How values stand in the tables, the same in both databases."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from controlplane.audit.leaf import from_microseconds, leaf, microseconds
from controlplane.audit.model import Document, Entry
from controlplane.budget.model import (
    Account,
    AccountId,
    Balance,
    Hold,
    Measure,
    Reservation,
    ReservationState,
    Run,
    RunState,
)
from controlplane.journal.model import AlreadyDecided, KnownRequest, RequestKey
from controlplane.store.protocols import Checkpoint, StoredEntry, Tile, Value

Row = Sequence[Any]
_JSON = json.JSONEncoder(separators=(",", ":"))

ENTRY = "kind, ref, decision_id, at_us, leaf, salt, body"
"""The columns of `entry_row`, in its order."""
STORED = "e.seq, l.idx, e.kind, e.ref, e.decision_id, e.at_us, e.leaf, e.salt, e.body"
"""What `stored_entry` takes, of entry e and leaf l."""
REQUEST = "tenant, presenter, request_id, fingerprint, decision_id, expires_us"
RESERVATION = "decision_id, state, expires_us, body"
BALANCE = "account, window_start, spent, reserved"
CHECKPOINT = "size, root, at_us, note"


def entry_row(entry: Entry) -> tuple[str, str, str, int, bytes, bytes, bytes]:
    """For the columns ENTRY. Raises ValueError if the entry cannot be logged."""
    at = microseconds(entry.at)
    return entry.kind.value, entry.ref, entry.decision_id, at, leaf(entry), entry.salt, entry.body


def stored_entry(row: Row) -> StoredEntry:
    """From the columns STORED."""
    seq, index, kind, ref, decision_id, at, committed, salt, body = row
    return StoredEntry(
        seq=seq,
        index=index,
        kind=kind,
        ref=ref,
        decision_id=decision_id,
        at=time_of(at),
        leaf=committed,
        salt=salt,
        body=body,
    )


def request_row(request: KnownRequest) -> tuple[str, str, str, bytes, str, int]:
    """For the columns REQUEST."""
    key, expires = request.key, microseconds(request.expires_at)
    return key.tenant, key.presenter, key.request_id, request.fingerprint, request.decision_id, expires


def known_request(row: Row) -> KnownRequest:
    """From the columns REQUEST."""
    tenant, presenter, request_id, fingerprint, decision_id, expires = row
    return KnownRequest(
        key=RequestKey(tenant=tenant, presenter=presenter, request_id=request_id),
        fingerprint=fingerprint,
        decision_id=decision_id,
        expires_at=time_of(expires),
    )


def already_decided(row: Row) -> AlreadyDecided:
    """From the columns REQUEST and the body of the decision's entry, which is empty if it was erased."""
    return AlreadyDecided(known=known_request(row[:6]), body=row[6] or b"")


def reservation_row(reservation: Reservation) -> tuple[str, str, int, str]:
    """For the columns RESERVATION. The body is a JSON list: runs left, holds (see `_hold`), runs with their states."""
    body = (
        reservation.runs_left,
        [
            (
                hold.account.id,
                hold.account.window_start,
                hold.measure,
                hold.limit,
                hold.amount,
                hold.estimate,
                hold.model,
            )
            for hold in reservation.holds
        ],
        [(run.run_id, run.state) for run in reservation.runs],
    )
    return reservation.decision_id, reservation.state.value, microseconds(reservation.expires_at), _JSON.encode(body)


def reservation(row: Row) -> Reservation:
    """From the columns RESERVATION."""
    decision_id, state, expires, body = row
    runs_left, holds, runs = json.loads(body)
    return Reservation(
        decision_id=decision_id,
        holds=tuple(_hold(*hold) for hold in holds),
        runs_left=runs_left,
        expires_at=time_of(expires),
        state=ReservationState(state),
        runs=tuple(Run(run_id=run_id, state=RunState(known)) for run_id, known in runs),
    )


def _hold(account: str, window_start: int, measure: str, limit: int, amount: int, estimate: int, model: str) -> Hold:
    return Hold(
        account=Account(id=AccountId(account), window_start=window_start),
        measure=Measure(measure),
        limit=limit,
        amount=amount,
        estimate=estimate,
        model=model,
    )


def balance_row(account: Account, balance: Balance) -> tuple[str, int, int, int]:
    """For the columns BALANCE."""
    return account.id, account.window_start, balance.spent, balance.reserved


def balance(row: Row) -> tuple[Account, Balance]:
    """From the columns BALANCE."""
    account, window_start, spent, reserved = row
    return (
        Account(id=AccountId(account), window_start=window_start),
        Balance(spent=spent, reserved=reserved),
    )


def document(row: Row) -> Document:
    """From digest, kind and body."""
    digest, kind, body = row
    return Document(digest=digest, kind=kind, body=body)


def checkpoint(row: Row) -> Checkpoint:
    """From the columns CHECKPOINT."""
    size, root, at, note = row
    return Checkpoint(size=size, root=root, at=time_of(at), note=note)


def tile(row: Row) -> Tile:
    """From level, index and hashes."""
    level, index, hashes = row
    return Tile(level=level, index=index, hashes=hashes)


def time_of(microseconds_since_1970: int) -> datetime:
    """What a column of times holds."""
    return from_microseconds(microseconds_since_1970)


def marks(count: int) -> str:
    """So many `?` for a list of values."""
    return ", ".join("?" * count)


def chunks(items: Iterable[Value], size: int = 500) -> Iterable[list[Value]]:
    """In parts that one statement can take."""
    whole = list(items)
    return (whole[start : start + size] for start in range(0, len(whole), size))
