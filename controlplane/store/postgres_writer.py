"""Writes groups of operations to PostgreSQL, with the balances that everybody wants locked for as short as can be."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import asyncpg

from controlplane.budget.model import Account, Balance, Reservation
from controlplane.journal.apply import accounts_of, apply, needs
from controlplane.journal.model import (
    AlreadyDecided,
    Append,
    Changes,
    Found,
    Issue,
    Needs,
    Operation,
    Outcome,
    RequestKey,
)
from controlplane.store import rows
from controlplane.store.postgres_session import MET_ANOTHER, Connection, Session, fetch
from controlplane.store.protocols import StoreUnavailable

T = TypeVar("T")
ATTEMPTS = 8
"""How often a group is tried that met another one."""


# Requests, reservations and balances are locked in this order, each sorted: so no two groups wait for each other.
_REQUESTS = """
SELECT r.tenant, r.presenter, r.request_id, r.fingerprint, r.decision_id, r.expires_us, e.body
FROM request r
JOIN unnest($1::text[], $2::text[], $3::text[]) AS k(tenant, presenter, request_id)
  ON (r.tenant, r.presenter, r.request_id) = (k.tenant, k.presenter, k.request_id)
LEFT JOIN entry e ON e.kind = 'decision' AND e.ref = r.decision_id
ORDER BY r.tenant, r.presenter, r.request_id
FOR UPDATE OF r
"""
_REFS = """
SELECT e.kind, e.ref FROM entry e JOIN unnest($1::text[], $2::text[]) AS k(kind, ref) ON (e.kind, e.ref) = (k.kind, k.ref)
"""
_RESERVATIONS = """
SELECT decision_id, state, expires_us, body FROM reservation WHERE decision_id = ANY($1::text[])
ORDER BY decision_id FOR UPDATE
"""
_DOCUMENTS = "SELECT digest FROM document WHERE digest = ANY($1::bytea[])"
_BALANCES = """
SELECT b.account, b.window_start, b.spent, b.reserved
FROM balance b
JOIN unnest($1::text[], $2::bigint[]) AS k(account, window_start) ON (b.account, b.window_start) = (k.account, k.window_start)
ORDER BY b.account, b.window_start
"""
_LOCKED_BALANCES = _BALANCES + "FOR UPDATE OF b"
_NEW_BALANCES = """
INSERT INTO balance (account, window_start, spent, reserved)
SELECT account, window_start, 0, 0 FROM unnest($1::text[], $2::bigint[]) AS k(account, window_start)
ORDER BY account, window_start
ON CONFLICT DO NOTHING
"""
_SAVE_RECORDS = """
WITH new_entry AS (
  INSERT INTO entry (kind, ref, decision_id, at_us, leaf, salt, body)
  SELECT kind, ref, decision_id, at_us, leaf, salt, body
  FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bytea[])
    WITH ORDINALITY AS n(kind, ref, decision_id, at_us, leaf, salt, body, place)
  ORDER BY place
  RETURNING seq
), new_pending AS (
  INSERT INTO pending (seq) SELECT seq FROM new_entry
), new_document AS (
  INSERT INTO document (digest, kind, body)
  SELECT digest, kind, body FROM unnest($8::bytea[], $9::text[], $10::bytea[]) AS n(digest, kind, body)
  ORDER BY digest
  ON CONFLICT DO NOTHING
), new_request AS (
  INSERT INTO request (tenant, presenter, request_id, fingerprint, decision_id, expires_us)
  SELECT tenant, presenter, request_id, fingerprint, decision_id, expires_us
  FROM unnest($11::text[], $12::text[], $13::text[], $14::bytea[], $15::text[], $16::bigint[])
    AS n(tenant, presenter, request_id, fingerprint, decision_id, expires_us)
  ORDER BY tenant, presenter, request_id
), changed_request AS (
  UPDATE request r SET fingerprint = n.fingerprint, decision_id = n.decision_id, expires_us = n.expires_us
  FROM unnest($17::text[], $18::text[], $19::text[], $20::bytea[], $21::text[], $22::bigint[])
    AS n(tenant, presenter, request_id, fingerprint, decision_id, expires_us)
  WHERE (r.tenant, r.presenter, r.request_id) = (n.tenant, n.presenter, n.request_id)
), new_reservation AS (
  INSERT INTO reservation (decision_id, state, expires_us, body)
  SELECT decision_id, state, expires_us, body
  FROM unnest($23::text[], $24::text[], $25::bigint[], $26::text[]) AS n(decision_id, state, expires_us, body)
  ORDER BY decision_id
)
UPDATE reservation r SET state = n.state, expires_us = n.expires_us, body = n.body
FROM unnest($27::text[], $28::text[], $29::bigint[], $30::text[]) AS n(decision_id, state, expires_us, body)
WHERE r.decision_id = n.decision_id
"""
_SAVE_BALANCES = """
UPDATE balance b SET spent = n.spent, reserved = n.reserved
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) AS n(account, window_start, spent, reserved)
WHERE (b.account, b.window_start) = (n.account, n.window_start)
"""


class Unforeseen(Exception):
    """The balances came out otherwise than they looked, and with them what is to be recorded."""


class PostgresWriter:
    """A Writer on a connection of its own."""

    def __init__(
        self,
        session: Session,
        *,
        draw: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`draw` gives one uniform number in [0, 1) for each wait."""
        self._session = session
        self._draw = draw
        self._sleep = sleep

    async def run(self, operations: Sequence[Operation]) -> Outcome:
        """See Writer. A group that meets another one is tried again as a whole.

        Raises asyncpg.UniqueViolationError if the group itself names something twice that may be there once.
        """
        needed = needs(operations)
        met: Exception | None = None
        foreseen = True
        for attempt in range(ATTEMPTS):
            if met is not None:
                await self._sleep(self._draw() * 0.005 * 2.0**attempt)
            try:
                async with self._session.use() as connection, connection.transaction():
                    return await _group(connection, operations, needed, foreseen=foreseen)
            except Unforeseen:
                foreseen = False
            except (asyncpg.UniqueViolationError, *MET_ANOTHER) as error:
                met = error
        if isinstance(met, asyncpg.UniqueViolationError):
            raise met
        raise StoreUnavailable("PostgreSQL: too many groups want the same rows; try again later") from met


async def _group(connection: Connection, operations: Sequence[Operation], needed: Needs, *, foreseen: bool) -> Outcome:
    """Write a group. If `foreseen`, records are written by how the balances look before they are locked.

    That is most of the work, and nearly always right: whoever waits for a balance need not wait for it.
    """
    read = await _read(connection, operations, needed)
    accounts = accounts_of(needed, read.found.reservations.values())
    expected = None
    if foreseen and accounts:
        expected, _ = apply(operations, replace(read.found, balances=await _look(connection, accounts)))
        await _save_records(connection, expected, read)
    balances = await _lock(connection, accounts)
    changes, outcome = apply(operations, replace(read.found, balances=balances))
    if expected is None:
        await _save_records(connection, changes, read)
    elif replace(expected, balances={}) != replace(changes, balances={}):
        raise Unforeseen
    if changes.balances:
        new = _columns((rows.balance_row(*item) for item in changes.balances.items()), 4)
        await connection.execute(_SAVE_BALANCES, *new)
    return outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What was read before the balances. `documents` are those that are there: most of a group's are, and they are large."""

    found: Found
    documents: frozenset[bytes]


async def _read(connection: Connection, operations: Sequence[Operation], needed: Needs) -> _Read:
    found = Found(
        requests=await _requests(connection, needed.requests),
        refs=await _refs(connection, needed.refs),
        reservations=await _reservations(connection, needed.reservations),
    )
    return _Read(found=found, documents=await _documents(connection, operations))


async def _requests(connection: Connection, keys: Collection[RequestKey]) -> Mapping[RequestKey, AlreadyDecided]:
    if not keys:
        return {}
    columns = _columns([(key.tenant, key.presenter, key.request_id) for key in keys], 3)
    known = map(rows.already_decided, await fetch(connection, _REQUESTS, *columns))
    return {decided.known.key: decided for decided in known}


async def _refs(connection: Connection, refs: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    if not refs:
        return frozenset()
    return frozenset((row[0], row[1]) for row in await fetch(connection, _REFS, *_columns(refs, 2)))


async def _reservations(connection: Connection, decision_ids: Collection[str]) -> Mapping[str, Reservation]:
    if not decision_ids:
        return {}
    found = map(rows.reservation, await fetch(connection, _RESERVATIONS, list(decision_ids)))
    return {reservation.decision_id: reservation for reservation in found}


async def _documents(connection: Connection, operations: Iterable[Operation]) -> frozenset[bytes]:
    """Digests of the documents of `operations` that are there."""
    carrying = (operation for operation in operations if isinstance(operation, Issue | Append))
    digests = {document.digest for operation in carrying for document in operation.documents}
    if not digests:
        return frozenset()
    return frozenset(row[0] for row in await fetch(connection, _DOCUMENTS, list(digests)))


async def _look(connection: Connection, accounts: Sequence[Account]) -> Mapping[Account, Balance]:
    """The balances as they are, which may change at once."""
    return dict(map(rows.balance, await fetch(connection, _BALANCES, *_account_columns(accounts))))


async def _lock(connection: Connection, accounts: Sequence[Account]) -> Mapping[Account, Balance]:
    """The balances, locked; an account that was never used gets a row first, for only a row can be locked."""
    if not accounts:
        return {}
    columns = _account_columns(accounts)
    found = await fetch(connection, _LOCKED_BALANCES, *columns)
    if len(found) < len(accounts):
        await connection.execute(_NEW_BALANCES, *columns)
        found = await fetch(connection, _LOCKED_BALANCES, *columns)
    return dict(map(rows.balance, found))


def _account_columns(accounts: Iterable[Account]) -> list[list[object]]:
    return _columns(((account.id, account.window_start) for account in accounts), 2)


async def _save_records(connection: Connection, changes: Changes, read: _Read) -> None:
    """Everything but balances."""
    old, new = _parted(changes.requests, lambda request: request.key in read.found.requests)
    moved, begun = _parted(changes.reservations, lambda one: one.decision_id in read.found.reservations)
    documents = [one for one in changes.documents if one.digest not in read.documents]
    await connection.execute(
        _SAVE_RECORDS,
        *_columns(map(rows.entry_row, changes.entries), 7),
        *_columns(((one.digest, one.kind, one.body) for one in documents), 3),
        *_columns(map(rows.request_row, new), 6),
        *_columns(map(rows.request_row, old), 6),
        *_columns(map(rows.reservation_row, begun), 4),
        *_columns(map(rows.reservation_row, moved), 4),
    )


def _columns(table: Iterable[Sequence[object]], width: int) -> list[list[object]]:
    """Rows of `width` values as the arrays that `unnest` takes."""
    columns: list[list[object]] = [list(column) for column in zip(*table, strict=True)]
    return columns or [[] for _ in range(width)]


def _parted(items: Iterable[T], chosen: Callable[[T], bool]) -> tuple[list[T], list[T]]:
    """Those that are chosen, and the others."""
    parts: tuple[list[T], list[T]] = ([], [])
    for item in items:
        parts[0 if chosen(item) else 1].append(item)
    return parts
