"""What is kept how long: buckets grow coarser with age, and what is too old or too much is dropped and counted."""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.audit.leaf import microseconds
from controlplane.audit.model import Kind
from controlplane.insight.contribution import BUCKET, COUNTERS
from controlplane.insight.report import DAY, FINE_KEPT, HOUR, HOURS_KEPT
from controlplane.insight.rollups import ADD_DROPPED, PUT_SKETCH, Rollups, advance, as_bytes, as_int, batches, marks
from controlplane.insight.sketch import merged
from controlplane.store.protocols import Database, Statement, StoreUnavailable, Value

_log = logging.getLogger(__name__)
MILLION = 1_000_000

ERASED = (Kind.DECISION, Kind.REFUSAL, Kind.RECEIPT, Kind.EXPIRY, Kind.FEEDBACK, Kind.ALERT)
"""Kinds whose bodies grow with traffic. Those of configurations, keys and erasures are few, and stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long each kind is kept; None means for ever. Leaves of the log always are.

    `decisions`: the list of decisions, which feedback needs for 30 days; of these `most_decisions` at most. `orphans`: what was
    heard of decisions that are not known. `hours`, `days`: the age at which buckets of 5 minutes become hours, and from which only
    days are left.
    `bodies`: the bodies of decisions, receipts and the like, without which nothing can be replayed or explained; `documents`
    that no body of that age refers to go with them. `reservations`: those that ended, which a late receipt still finds.
    """

    decisions: timedelta = timedelta(days=35)
    most_decisions: int = 5_000_000
    orphans: timedelta = timedelta(days=1)
    hours: timedelta = FINE_KEPT
    days: timedelta = HOURS_KEPT
    rollups: timedelta = timedelta(days=400)
    bodies: timedelta | None = timedelta(days=90)
    requests: timedelta = timedelta(hours=1)
    reservations: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """`every`: seconds between two rounds; `batch`: rows in one transaction at most, for the hot path waits for it on SQLite."""

    every: float = 300.0
    batch: int = 2_000


class Keeping:
    """Drops what is too old. Takes turns with the projector, for both take generations of the same cursor.

    `erase` removes bodies of entries by seq; `on_dropped` hears how much of each kind was dropped.
    """

    def __init__(
        self,
        database: Database,
        erase: Callable[[Collection[int]], Awaitable[int]],
        *,
        clock: Callable[[], datetime],
        retention: Retention | None = None,
        rhythm: Rhythm | None = None,
        on_dropped: Callable[[str, int], None] | None = None,
    ) -> None:
        self._database = database
        self._rollups = Rollups(database)
        self._erase = erase
        self._clock = clock
        self._retention = retention or Retention()
        self._rhythm = rhythm or Rhythm()
        self._on_dropped = on_dropped
        self._erased_to = 0

    async def turn(self) -> float:
        """A round, if the store can: what fails is done in a later one. How many seconds to wait before the next."""
        try:
            await self.round()
        except StoreUnavailable as unavailable:
            _log.warning("nothing was dropped", extra={"cause": str(unavailable)})
        except Exception:  # noqa: BLE001 - such as a projector that took the generation first
            _log.exception("nothing was dropped")
        return self._rhythm.every

    async def round(self) -> Mapping[str, int]:
        """Compact, and drop everything whose time is over: how much of each kind. Raises StoreUnavailable."""
        now, retention = self._clock(), self._retention
        await self._compact(before(now, retention.hours, HOUR))
        await self._forget_hours(before(now, retention.days, DAY))
        dropped = {
            "rollups": await self._drop_rollups(before(now, retention.rollups, DAY)),
            "decisions": await self._drop_decisions(microseconds(now - retention.decisions)),
            "orphans": await self._drop(
                "decision_row", "known = 0 AND at_us < ?", microseconds(now - retention.orphans)
            ),
            "requests": await self._drop("request", "expires_us < ?", microseconds(now - retention.requests)),
            "reservations": await self._drop(
                "reservation", "state <> 'open' AND expires_us < ?", microseconds(now - retention.reservations)
            ),
            **await self._drop_bodies(now),
        }
        await self._count(dropped)
        return dropped

    async def _compact(self, end: int) -> None:
        """Make buckets of 5 minutes that begin before `end` into hours and into days, a day in each transaction.

        So hours and days tell the same. What comes late into an old bucket is added to both in the next round.
        """
        while True:
            found = []
            for table in ("rollup", "tally"):
                sql = f"SELECT MIN(begins) FROM {table} WHERE width = ? AND begins < ?"  # noqa: S608 - names of ours
                found += [as_int(row[0]) for row in await self._database.fetch(sql, BUCKET, end) if row[0] is not None]
            if not found:
                return
            day = min(found) - min(found) % DAY
            hours = range(day, min(day + DAY, end), HOUR)
            widened = [statement for hour in hours for statement in await self._widened(hour, hour, HOUR, hour + HOUR)]
            widened += await self._widened(day, day, DAY, min(day + DAY, end))
            cursor = await self._rollups.cursor()
            narrow = _deleted(BUCKET, day, min(day + DAY, end))
            await self._database.write([*advance(cursor, cursor.next_index), *widened, *narrow])

    async def _forget_hours(self, end: int) -> None:
        """Hours that begin before `end`: the days say the same."""
        if await self._count_of("rollup", "width = ? AND begins < ?", HOUR, end):
            cursor = await self._rollups.cursor()
            await self._database.write([*advance(cursor, cursor.next_index), *_deleted(HOUR, 0, end)])

    async def _widened(self, into: int, first: int, wider: int, end: int) -> list[Statement]:
        """Statements that add what is in the narrow buckets from `first` to before `end` to the wide one that begins at `into`."""
        groups: defaultdict[int, list[tuple[bytes | None, bytes | None]]] = defaultdict(list)
        narrow = "SELECT segment, latency, first_token FROM sketch WHERE width = ? AND begins >= ? AND begins < ?"
        wide = "SELECT segment, latency, first_token FROM sketch WHERE width = ? AND begins = ?"
        rows = await self._database.fetch(narrow, BUCKET, first, end)
        fresh = {row[0] for row in rows}
        rows += [row for row in await self._database.fetch(wide, wider, into) if row[0] in fresh]
        for segment, latency, first_token in rows:
            groups[as_int(segment)].append((as_bytes(latency), as_bytes(first_token)))
        sketches = [
            (into, segment, wider, _one(latency for latency, _ in each), _one(token for _, token in each))
            for segment, each in groups.items()
        ]
        values = (into, wider, BUCKET, first, end)
        return [
            Statement(sql=_WIDEN_COUNTERS, rows=[values]),
            Statement(sql=_WIDEN_TALLIES, rows=[values]),
            *([Statement(sql=PUT_SKETCH, rows=sketches)] if sketches else []),
        ]

    async def _drop_rollups(self, end: int) -> int:
        count = await self._count_of("rollup", "begins < ?", end)
        if count:
            tables = ("rollup", "tally", "sketch")
            statements = [Statement(sql=f"DELETE FROM {table} WHERE begins < ?", rows=[(end,)]) for table in tables]  # noqa: S608
            unused = "DELETE FROM segment WHERE id NOT IN (SELECT segment FROM rollup) AND id NOT IN (SELECT segment FROM tally)"
            await self._database.write([*statements, Statement(sql=unused, rows=[()])])
        return count

    async def _drop_decisions(self, end_us: int) -> int:
        total = await self._count_of("decision_row", "at_us >= ?", end_us)
        excess = total - self._retention.most_decisions
        if excess > 0:
            sql = "SELECT at_us FROM decision_row WHERE at_us >= ? ORDER BY at_us LIMIT 1 OFFSET ?"
            end_us = as_int((await self._database.fetch(sql, end_us, excess))[0][0])
        return await self._drop("decision_row", "at_us < ?", end_us)

    async def _drop_bodies(self, now: datetime) -> Mapping[str, int]:
        age = self._retention.bodies
        if age is None:
            return {}
        end_us = microseconds(now - age)
        kinds = [kind.value for kind in ERASED]
        sql = (
            f"SELECT seq FROM entry WHERE seq > ? AND at_us < ? AND body IS NOT NULL AND kind IN ({marks(kinds)}) "  # noqa: S608
            "ORDER BY seq LIMIT ?"
        )
        bodies, batch = 0, self._rhythm.batch
        while rows := await self._database.fetch(sql, self._erased_to, end_us, *kinds, batch):
            seqs = [as_int(row[0]) for row in rows]
            bodies += await self._erase(seqs)
            # Only a new process looks again at those that have no body any more.
            self._erased_to = seqs[-1]
        return {"bodies": bodies, "documents": await self._drop_documents(end_us)}

    async def _drop_documents(self, end_us: int) -> int:
        """Documents that the fold saw referred to, but by nothing that still has a body."""
        rows = await self._database.fetch("SELECT digest FROM document_use WHERE last_us < ?", end_us)
        for batch in batches(rows):
            await self._database.write(
                [
                    Statement(sql="DELETE FROM document WHERE digest = ?", rows=batch),
                    Statement(sql="DELETE FROM document_use WHERE digest = ?", rows=batch),
                ]
            )
        return len(rows)

    async def _drop(self, table: str, where: str, end: int) -> int:
        """Delete rows in batches, by primary key."""
        keys = _KEYS[table]
        names, dropped = ", ".join(keys), 0
        found = f"SELECT {names} FROM {table} WHERE {where} LIMIT ?"  # noqa: S608 - names of ours
        # The condition again: a request id may have been taken anew since it was looked at.
        gone = f"DELETE FROM {table} WHERE {' AND '.join(f'{key} = ?' for key in keys)} AND {where}"  # noqa: S608 - names of ours
        while rows := await self._database.fetch(found, end, self._rhythm.batch):
            await self._database.write([Statement(sql=gone, rows=[(*row, end) for row in rows])])
            dropped += len(rows)
        return dropped

    async def _count_of(self, table: str, where: str, *values: Value) -> int:
        return as_int((await self._database.fetch(f"SELECT COUNT(*) FROM {table} WHERE {where}", *values))[0][0])  # noqa: S608

    async def _count(self, dropped: Mapping[str, int]) -> None:
        counts = [(kind, count) for kind, count in dropped.items() if count]
        if counts:
            await self._database.write([Statement(sql=ADD_DROPPED, rows=counts)])
        for kind, count in counts:
            if self._on_dropped is not None:
                self._on_dropped(kind, count)


def before(now: datetime, age: timedelta, width: int) -> int:
    """The begin of the bucket of `width` that is the first not to be older than `age` as a whole, in seconds since 1970."""
    seconds = microseconds(now - age) // MILLION
    return seconds - seconds % width


def _one(sketches: Iterable[bytes | None]) -> bytes | None:
    found = [sketch for sketch in sketches if sketch is not None]
    return merged(found) if found else None


def _deleted(width: int, first: int, end: int) -> list[Statement]:
    return [
        Statement(
            sql=f"DELETE FROM {table} WHERE width = ? AND begins >= ? AND begins < ?",  # noqa: S608 - names of ours
            rows=[(width, first, end)],
        )
        for table in ("rollup", "tally", "sketch")
    ]


_KEYS: Mapping[str, tuple[str, ...]] = {
    "decision_row": ("decision_id",),
    "request": ("tenant", "presenter", "request_id"),
    "reservation": ("decision_id",),
}
_SUMS = ", ".join(f"SUM({name})" for name in COUNTERS)
_ADDED = ", ".join(f"{name} = rollup.{name} + excluded.{name}" for name in COUNTERS)
_WIDEN_COUNTERS = (
    f"INSERT INTO rollup (begins, segment, width, {', '.join(COUNTERS)}) "  # noqa: S608 - names of ours
    f"SELECT CAST(? AS BIGINT), segment, CAST(? AS INTEGER), {_SUMS} FROM rollup "
    "WHERE width = ? AND begins >= ? AND begins < ? GROUP BY segment "
    f"ON CONFLICT (begins, segment, width) DO UPDATE SET {_ADDED}"
)
_WIDEN_TALLIES = (
    "INSERT INTO tally (begins, segment, width, name, count) "
    "SELECT CAST(? AS BIGINT), segment, CAST(? AS INTEGER), name, SUM(count) FROM tally "
    "WHERE width = ? AND begins >= ? AND begins < ? GROUP BY segment, name "
    "ON CONFLICT (begins, segment, width, name) DO UPDATE SET count = tally.count + excluded.count"
)
