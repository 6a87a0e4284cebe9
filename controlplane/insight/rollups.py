"""Where what was folded is kept: one transaction for each batch, with the place in the log that it reaches."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from controlplane.insight.contribution import BUCKET, COUNTERS, Cell, Known
from controlplane.insight.fold import SOON_US, Changes
from controlplane.insight.row import from_text, to_text
from controlplane.insight.sketch import absorbed
from controlplane.store.protocols import Database, Statement, Value

T = TypeVar("T")
MOST_VALUES = 500
"""Values in one question: both databases take more, and gain nothing by it."""

SEGMENT = ("tenant", "workload", "owner", "feature", "task_type", "complexity", "model", "deployment")
_ROW = (
    "decision_id", "at_us", "known", "tenant", "workload", "owner", "feature", "policy", "model", "deployment", "reason",
    "result", "cost_nanousd", "unit", "state",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far the log was folded. Each transaction has a generation of its own, so that of two that begin at the same only one
    can end: both would make the next.
    """

    generation: int
    next_index: int


def marks(values: Collection[object]) -> str:
    """`?, ?, ?` for as many values."""
    return ", ".join("?" * len(values))


def batches(values: Iterable[T], size: int = MOST_VALUES) -> Iterator[list[T]]:
    """`values` in lists of at most `size`."""
    left = iter(values)
    while batch := list(islice(left, size)):
        yield batch


def inserted(table: str, columns: Sequence[str]) -> str:
    """An INSERT of one row."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks(columns)})"  # noqa: S608 - names of ours


_SUMMED = ", ".join(f"{name} = rollup.{name} + excluded.{name}" for name in COUNTERS)
_CELL = ("begins", "segment", "width")
ADD_COUNTERS = f"{inserted('rollup', (*_CELL, *COUNTERS))} ON CONFLICT (begins, segment, width) DO UPDATE SET {_SUMMED}"
ADD_TALLY = (
    inserted("tally", (*_CELL, "name", "count"))
    + " ON CONFLICT (begins, segment, width, name) DO UPDATE SET count = tally.count + excluded.count"
)
PUT_SKETCH = (
    inserted("sketch", (*_CELL, "latency", "first_token")) + " ON CONFLICT (begins, segment, width) DO UPDATE SET "
    "latency = excluded.latency, first_token = excluded.first_token"
)
ADD_DROPPED = (
    inserted("dropped", ("kind", "count")) + " ON CONFLICT (kind) DO UPDATE SET count = dropped.count + excluded.count"
)
_PUT_ROW = f"{inserted('decision_row', _ROW)} ON CONFLICT (decision_id) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in _ROW[1:]
)
_PUT_SEGMENT = f"{inserted('segment', ('id', *SEGMENT))} ON CONFLICT (id) DO NOTHING"
_PUT_USE = (
    inserted("document_use", ("digest", "last_us")) + " ON CONFLICT (digest) DO UPDATE SET last_us = excluded.last_us"
)


def segment_of(cell: Cell) -> tuple[str, ...]:
    """The values of `SEGMENT`."""
    place, route = cell.place, cell.route
    return (
        place.tenant,
        place.workload,
        place.owner,
        place.feature,
        place.task_type,
        place.complexity,
        route.model,
        route.deployment,
    )


def segment_id(segment: Sequence[str]) -> int:
    """A number for it that is the same everywhere: 63 bits of SHA-256, so that two of a million meet by chance once in ten million."""
    digest = hashlib.sha256("\x00".join(segment).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Rollups:
    """The tables. Every method raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cursor(self) -> Cursor:
        """How far the log was folded."""
        rows = await self._database.fetch("SELECT MAX(generation), MAX(next_index) FROM fold_cursor")
        generation, next_index = rows[0]
        return Cursor(generation=int(generation or 0), next_index=int(next_index or 0))

    async def known(self, decision_ids: Iterable[str]) -> dict[str, Known]:
        """What is known of decisions."""
        found: dict[str, Known] = {}
        for batch in batches(decision_ids):
            sql = f"SELECT decision_id, state FROM decision_row WHERE decision_id IN ({marks(batch)})"  # noqa: S608
            for decision_id, state in await self._database.fetch(sql, *batch):
                found[str(decision_id)] = from_text(str(decision_id), str(state))
        return found

    async def near(self, units: Mapping[int, tuple[int, int]]) -> set[str]:
        """Decisions that say, together with those made from (first) to (last) of each unit, which came soon after another.

        Those made since the first, and the latest one before it: what came earlier was compared with that one already, so a unit
        that asks the same all day costs no more than one that asks twice.
        """
        found: set[str] = set()
        for batch in batches(units):
            first = min(units[unit][0] for unit in batch)
            last = max(units[unit][1] for unit in batch) + SOON_US
            of = f"unit IN ({marks(batch)}) AND at_us"
            since = f"SELECT decision_id FROM decision_row WHERE {of} BETWEEN ? AND ?"  # noqa: S608
            before = (
                "SELECT decision_row.decision_id FROM decision_row JOIN "  # noqa: S608
                f"(SELECT unit, MAX(at_us) AS latest FROM decision_row WHERE {of} BETWEEN ? AND ? GROUP BY unit) AS newest "
                "ON decision_row.unit = newest.unit AND decision_row.at_us = newest.latest"
            )
            for sql, begin, end in ((since, first, last), (before, first - SOON_US, first - 1)):
                found.update(str(row[0]) for row in await self._database.fetch(sql, *batch, begin, end))
        return found

    async def features(self, most: int) -> set[str]:
        """Names of features that figures are kept of."""
        rows = await self._database.fetch("SELECT DISTINCT feature FROM segment LIMIT ?", most)
        return {str(row[0]) for row in rows}

    async def dropped(self) -> dict[str, int]:
        """How much was dropped so far, by kind."""
        return {
            str(kind): int(count or 0) for kind, count in await self._database.fetch("SELECT kind, count FROM dropped")
        }

    async def save(self, changes: Changes, cursor: Cursor, next_index: int, dropped: Mapping[str, int]) -> Cursor:
        """Write everything, and that the log was folded up to `next_index`; the new cursor.

        Raises whatever the database raises if somebody else went on from `cursor`; then nothing was written.
        """
        sketches = await self._sketches(changes)
        statements = (
            *advance(cursor, next_index),
            Statement(sql=_PUT_ROW, rows=[_row(known) for known in changes.rows.values()]),
            *_counted(changes),
            Statement(sql=PUT_SKETCH, rows=sketches),
            Statement(sql=_PUT_USE, rows=list(changes.documents.items())),
            Statement(sql=ADD_DROPPED, rows=[(kind, count) for kind, count in dropped.items() if count]),
        )
        await self._database.write([statement for statement in statements if statement.rows])
        return Cursor(generation=cursor.generation + 1, next_index=next_index)

    async def _sketches(self, changes: Changes) -> list[tuple[Value, ...]]:
        """The sketches of all cells that have new samples, with these in them."""
        cells = {(cell.begins, segment_id(segment_of(cell))): samples for cell, samples in changes.samples.items()}
        kept = await self._kept(cells)
        grown: list[tuple[Value, ...]] = []
        for key, samples in cells.items():
            latency, first_token = kept.get(key, (None, None))
            firsts = [first for _, first in samples if first is not None]
            latency = absorbed(latency, (value for value, _ in samples))
            grown.append((*key, BUCKET, latency, absorbed(first_token, firsts) if firsts else first_token))
        return grown

    async def _kept(
        self, cells: Collection[tuple[int, int]]
    ) -> Mapping[tuple[int, int], tuple[bytes | None, bytes | None]]:
        kept: dict[tuple[int, int], tuple[bytes | None, bytes | None]] = {}
        for begins in {begins for begins, _ in cells}:
            for batch in batches(segment for at, segment in cells if at == begins):
                sql = (
                    "SELECT segment, latency, first_token FROM sketch "  # noqa: S608
                    f"WHERE begins = ? AND width = ? AND segment IN ({marks(batch)})"
                )
                for segment, latency, first_token in await self._database.fetch(sql, begins, BUCKET, *batch):
                    kept[begins, as_int(segment)] = (as_bytes(latency), as_bytes(first_token))
        return kept


def advance(cursor: Cursor, next_index: int) -> tuple[Statement, Statement]:
    """Takes the next generation, which only one can, and forgets those before."""
    generation = cursor.generation + 1
    return (
        Statement(sql=inserted("fold_cursor", ("generation", "next_index")), rows=[(generation, next_index)]),
        Statement(sql="DELETE FROM fold_cursor WHERE generation < ?", rows=[(generation,)]),
    )


def as_int(value: Value) -> int:
    """A number that a database gave."""
    if not isinstance(value, int):
        raise TypeError(f"a whole number was expected, not {type(value).__name__}")
    return value


def as_bytes(value: Value) -> bytes | None:
    """Bytes that a database gave, or None."""
    if value is not None and not isinstance(value, bytes):
        raise TypeError(f"bytes were expected, not {type(value).__name__}")
    return value


def _row(known: Known) -> tuple[Value, ...]:
    decided, best = known.decided, known.best()
    cost = sum(run.cost_nanousd for run in known.runs)
    result = best.result.value if best is not None else ""
    if decided is None:
        at_us = min((run.at_us for run in known.runs), default=0)
        return (known.decision_id, at_us, 0, *[""] * 8, result, cost, None, to_text(known))
    place, route = decided.place, known.route() or decided.route
    return (
        known.decision_id,
        decided.at_us,
        1,
        place.tenant,
        place.workload,
        place.owner,
        place.feature,
        decided.policy,
        route.model,
        route.deployment,
        decided.reason,
        result,
        cost,
        decided.unit,
        to_text(known),
    )


def _counted(changes: Changes) -> Iterator[Statement]:
    """Statements that add counters and tallies, and make the segments that they are about."""
    sums = changes.sums
    counters = [(cell, values) for cell, values in sums.counters.items() if any(values.values())]
    tallies = [(cell, name, count) for (cell, name), count in sums.tallies.items() if count]
    cells = {cell for cell, _ in counters} | {cell for cell, _, _ in tallies} | set(changes.samples)
    segments = {segment: segment_id(segment) for segment in map(segment_of, cells)}
    ids = {cell: segments[segment_of(cell)] for cell in cells}
    yield Statement(sql=_PUT_SEGMENT, rows=[(number, *segment) for segment, number in segments.items()])
    yield Statement(
        sql=ADD_COUNTERS,
        rows=[
            (cell.begins, ids[cell], BUCKET, *(values.get(name, 0) for name in COUNTERS)) for cell, values in counters
        ],
    )
    yield Statement(
        sql=ADD_TALLY, rows=[(cell.begins, ids[cell], BUCKET, name, count) for cell, name, count in tallies]
    )
