"""Balances and reservations, on any database."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from controlplane.audit.leaf import microseconds
from controlplane.budget.model import Account, Balance, Reservation
from controlplane.journal.model import KnownRequest
from controlplane.store import rows
from controlplane.store.protocols import Database

_BALANCE = f"SELECT {rows.BALANCE} FROM balance"
# Every account of a budget is its name, or begins with its name and a brace; `|` is what follows `{`.
_WINDOWS = (
    f"{_BALANCE} WHERE (account = ? OR (account >= ? AND account < ?)) AND (window_start >= ? OR window_start = 0) "
    "ORDER BY account, window_start"
)
_DUE = "SELECT decision_id FROM reservation WHERE state = 'open' AND expires_us <= ? ORDER BY expires_us LIMIT ?"
_RESERVATION = f"SELECT {rows.RESERVATION} FROM reservation"
_OPEN = f"{_RESERVATION} WHERE state = 'open' AND decision_id > ? ORDER BY decision_id LIMIT ?"
_REQUEST = f"SELECT {rows.REQUEST} FROM request WHERE tenant = ? AND presenter = ? AND request_id = ?"
_PAGE = 1_000


class SqlLedger:
    """See Ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def balances(self, accounts: Collection[Account]) -> Mapping[Account, Balance]:
        """See Ledger."""
        found = []
        for window, group in groupby(sorted(accounts, key=_WINDOW), _WINDOW):
            for part in rows.chunks(account.id for account in group):
                sql = f"{_BALANCE} WHERE window_start = ? AND account IN ({rows.marks(len(part))})"
                found += await self._database.fetch(sql, window, *part)
        return dict(map(rows.balance, found))

    async def windows(self, budget: str, since: int) -> Mapping[Account, Balance]:
        """See Ledger."""
        found = await self._database.fetch(_WINDOWS, budget, f"{budget}{{", f"{budget}|", since)
        return dict(map(rows.balance, found))

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """See Ledger."""
        return [str(decision_id) for (decision_id,) in await self._database.fetch(_DUE, microseconds(now), limit)]

    async def reservations(self, decision_ids: Collection[str]) -> Mapping[str, Reservation]:
        """See Ledger."""
        found = []
        for part in rows.chunks(decision_ids):
            found += await self._database.fetch(f"{_RESERVATION} WHERE decision_id IN ({rows.marks(len(part))})", *part)
        return {one.decision_id: one for one in map(rows.reservation, found)}

    async def open_sums(self) -> Mapping[Account, int]:
        """See Ledger."""
        sums: Counter[Account] = Counter()
        async for reservation in self._open():
            for hold in reservation.holds:
                sums[hold.account] += hold.amount * reservation.runs_left
        return sums

    async def request(self, tenant: str, presenter: str, request_id: str) -> KnownRequest | None:
        """See Ledger."""
        found = await self._database.fetch(_REQUEST, tenant, presenter, request_id)
        return rows.known_request(found[0]) if found else None

    async def _open(self) -> AsyncIterator[Reservation]:
        after = ""
        while page := await self._database.fetch(_OPEN, after, _PAGE):
            for row in page:
                yield rows.reservation(row)
            after = str(page[-1][0])


_WINDOW = attrgetter("window_start")
