"""The hot path on SQLite: a group of operations in one transaction."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

from controlplane.audit.model import Document, Entry
from controlplane.budget.model import Account, Balance, Reservation
from controlplane.journal.apply import accounts_of, apply, needs
from controlplane.journal.model import AlreadyDecided, Changes, Found, Operation, Outcome, RequestKey
from controlplane.store import rows
from controlplane.store.sqlite_file import transaction
from controlplane.store.sqlite_line import SqliteLine

# Lists of values come as one JSON text, so that the statement is always the same and compiled once.
_REFS = "SELECT ref FROM entry WHERE kind = ? AND ref IN (SELECT value FROM json_each(?))"
_RESERVATIONS = f"SELECT {rows.RESERVATION} FROM reservation WHERE decision_id IN (SELECT value FROM json_each(?))"
_BALANCE = f"SELECT {rows.BALANCE} FROM balance WHERE account = ? AND window_start = ?"
_REQUEST = (
    "SELECT r.tenant, r.presenter, r.request_id, r.fingerprint, r.decision_id, r.expires_us, e.body FROM request r "
    "LEFT JOIN entry e ON e.kind = 'decision' AND e.ref = r.decision_id "
    "WHERE r.tenant = ? AND r.presenter = ? AND r.request_id = ?"
)
_LAST_SEQ = "SELECT seq FROM sqlite_sequence WHERE name = 'entry'"
_ADD_ENTRY = f"INSERT INTO entry (seq, {rows.ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_PENDING = "INSERT INTO pending (seq) VALUES (?)"
_ADD_DOCUMENT = "INSERT INTO document (digest, kind, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_PUT_REQUEST = f"INSERT OR REPLACE INTO request ({rows.REQUEST}) VALUES (?, ?, ?, ?, ?, ?)"
_PUT_RESERVATION = f"INSERT OR REPLACE INTO reservation ({rows.RESERVATION}) VALUES (?, ?, ?, ?)"
_PUT_BALANCE = f"INSERT OR REPLACE INTO balance ({rows.BALANCE}) VALUES (?, ?, ?, ?)"


class SqliteWriter:
    """See Writer."""

    def __init__(self, line: SqliteLine) -> None:
        self._line = line

    async def run(self, operations: Sequence[Operation]) -> Outcome:
        """See Writer."""
        return await self._line.run(lambda connection: commit(connection, operations))


def commit(connection: sqlite3.Connection, operations: Sequence[Operation]) -> Outcome:
    """Read what they need, work it out, and write it, in one transaction."""
    with transaction(connection):
        changes, outcome = apply(operations, _found(connection, operations))
        _save(connection, changes)
    return outcome


def _found(connection: sqlite3.Connection, operations: Sequence[Operation]) -> Found:
    needed = needs(operations)
    reservations = _reservations(connection, needed.reservations)
    return Found(
        requests=_requests(connection, needed.requests),
        refs=_refs(connection, needed.refs),
        reservations=reservations,
        balances=_balances(connection, accounts_of(needed, reservations.values())),
    )


def _refs(connection: sqlite3.Connection, wanted: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    known: set[tuple[str, str]] = set()
    for kind, group in groupby(sorted(wanted), itemgetter(0)):
        found = connection.execute(_REFS, (kind, json.dumps([ref for _, ref in group])))
        known.update((kind, ref) for (ref,) in found)
    return frozenset(known)


def _reservations(connection: sqlite3.Connection, wanted: Iterable[str]) -> dict[str, Reservation]:
    found = connection.execute(_RESERVATIONS, (json.dumps(list(wanted)),))
    return {row[0]: rows.reservation(row) for row in found}


def _balances(connection: sqlite3.Connection, accounts: Iterable[Account]) -> dict[Account, Balance]:
    found = (connection.execute(_BALANCE, (account.id, account.window_start)).fetchone() for account in accounts)
    return dict(rows.balance(row) for row in found if row is not None)


def _requests(connection: sqlite3.Connection, keys: Iterable[RequestKey]) -> dict[RequestKey, AlreadyDecided]:
    found = (connection.execute(_REQUEST, (key.tenant, key.presenter, key.request_id)).fetchone() for key in keys)
    decided = (rows.already_decided(row) for row in found if row is not None)
    return {one.known.key: one for one in decided}


def _save(connection: sqlite3.Connection, changes: Changes) -> None:
    _add_entries(connection, changes.entries)
    connection.executemany(_ADD_DOCUMENT, map(_document_row, changes.documents))
    connection.executemany(_PUT_REQUEST, map(rows.request_row, changes.requests))
    connection.executemany(_PUT_RESERVATION, map(rows.reservation_row, changes.reservations))
    connection.executemany(_PUT_BALANCE, (rows.balance_row(*item) for item in changes.balances.items()))


def _add_entries(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    if not entries:
        return
    last = connection.execute(_LAST_SEQ).fetchone()
    first = (last[0] if last else 0) + 1
    connection.executemany(
        _ADD_ENTRY, ((seq, *rows.entry_row(entry)) for seq, entry in enumerate(entries, start=first))
    )
    connection.executemany(_ADD_PENDING, ((seq,) for seq in range(first, first + len(entries))))


def _document_row(document: Document) -> tuple[bytes, str, bytes]:
    return document.digest, document.kind, document.body
