"""Asking the rollups: totals and groups over a window."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from controlplane.audit.leaf import microseconds
from controlplane.insight.contribution import BUCKET, COUNTERS
from controlplane.insight.figures import Figures
from controlplane.insight.rollups import as_bytes, as_int, marks
from controlplane.insight.sketch import merged, spread
from controlplane.store.protocols import Database, Value

HOUR, DAY, MILLION = 3_600, 86_400, 1_000_000


class Dimension(StrEnum):
    """What figures can be grouped by; all but time can be filtered by."""

    WORKLOAD = "workload"
    OWNER = "owner"
    FEATURE = "feature"
    MODEL = "model"
    DEPLOYMENT = "deployment"
    TASK_TYPE = "task_type"
    COMPLEXITY = "complexity"
    TENANT = "tenant"
    TIME = "time"


Filters = Mapping[Dimension, Sequence[str]]
"""The values that are counted; of a dimension that is absent all, of one without values none."""
Group = tuple[str | int, ...]
"""The value of each dimension that was asked for, in order; of time the begin of the bucket in seconds since 1970."""


HOURS_KEPT, FINE_KEPT = timedelta(days=30), timedelta(hours=48)
"""The age at which hours, and buckets of 5 minutes, are there no more; see keeping.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Seconds since 1970, from `since` to before `until`, and the width of the buckets in it."""

    since: int
    until: int
    bucket: int

    def parts(self) -> tuple[tuple[int, int, int], ...]:
        """Which buckets to read, as (width, from, before): what was not made wider yet, and of the rest whole days as days.

        Days and hours tell the same; days are fewer. Hours are for what is no whole day, and for buckets that are finer.
        """
        first, last = -(-self.since // DAY) * DAY, self.until // DAY * DAY
        if self.bucket < DAY or first >= last:
            return (BUCKET, self.since, self.until), (HOUR, self.since, self.until)
        return (
            (BUCKET, self.since, self.until),
            (DAY, first, last),
            (HOUR, self.since, first),
            (HOUR, last, self.until),
        )


def window(since: datetime, until: datetime, now: datetime, bucket: int = 0) -> Window:
    """The window in whole buckets as fine as there still are at its begin.

    `bucket` 0 chooses their width by its length: 5 minutes up to 6 hours, hours up to 4 days, then days.
    """
    first, last = microseconds(since) // MILLION, -(-microseconds(until) // MILLION)
    length = last - first
    finest = BUCKET if now - since < FINE_KEPT else HOUR if now - since < HOURS_KEPT else DAY
    width = max(finest, bucket or (BUCKET if length <= 6 * HOUR else HOUR if length <= 4 * DAY else DAY))
    if finest == DAY:
        last = -(-last // DAY) * DAY
    return Window(since=first - first % finest, until=last, bucket=width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Figures in all and by group, the groups in order of time where that is one, then of requests, the most first."""

    window: Window
    totals: Figures
    rows: Sequence[tuple[Group, Figures]]


@dataclass(slots=True)
class _Counted:
    counters: tuple[int, ...] = (0,) * len(COUNTERS)
    tallies: dict[str, int] = field(default_factory=dict)
    latency: list[bytes] = field(default_factory=list)
    first_token: list[bytes] = field(default_factory=list)

    def add(self, other: "_Counted") -> None:
        self.counters = tuple(map(sum, zip(self.counters, other.counters, strict=True)))
        for name, count in other.tallies.items():
            self.tallies[name] = self.tallies.get(name, 0) + count
        self.latency += other.latency
        self.first_token += other.first_token

    def merge(self) -> None:
        """Make one sketch of each kind, so that adding this to others costs little."""
        self.latency = [merged(self.latency)] if self.latency else []
        self.first_token = [merged(self.first_token)] if self.first_token else []

    def figures(self) -> Figures:
        counters = dict(zip(COUNTERS, self.counters, strict=True))
        self.merge()
        return Figures(
            counters=counters,
            tallies=self.tallies,
            latency=spread(
                next(iter(self.latency), None), count=counters["latency_count"], total_us=counters["latency_us"]
            ),
            first_token=spread(
                next(iter(self.first_token), None),
                count=counters["first_token_count"],
                total_us=counters["first_token_us"],
            ),
        )


class Reports:
    """Reads the rollups. Every method raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(self, span: Window, group_by: Sequence[Dimension], filters: Filters) -> Report:
        """Totals and groups."""
        groups: defaultdict[Group, _Counted] = defaultdict(_Counted)
        for group, counters in await self._counters(span, group_by, filters):
            groups[group].counters = counters
        for row in await self._grouped("tally", _TALLIED, span, (*group_by, "name"), filters):
            *names, name, count = row
            groups[_group(names)].tallies[str(name)] = as_int(count)
        await self._add_sketches(groups, span, group_by, filters)
        return _report(span, group_by, groups)

    async def counted(
        self, span: Window, group_by: Sequence[Dimension], filters: Filters
    ) -> list[tuple[Group, Mapping[str, int]]]:
        """Counters alone, by group."""
        found = await self._counters(span, group_by, filters)
        return [(group, dict(zip(COUNTERS, counters, strict=True))) for group, counters in found]

    async def times(self, span: Window, group_by: Sequence[Dimension], filters: Filters) -> Mapping[Group, Figures]:
        """Counters and times, by group."""
        groups: defaultdict[Group, _Counted] = defaultdict(_Counted)
        for group, counters in await self._counters(span, group_by, filters):
            groups[group].counters = counters
        await self._add_sketches(groups, span, group_by, filters)
        return {group: counted.figures() for group, counted in groups.items()}

    async def _counters(
        self, span: Window, group_by: Sequence[Dimension], filters: Filters
    ) -> list[tuple[Group, tuple[int, ...]]]:
        width = len(group_by)
        rows = await self._grouped("rollup", _COUNTED, span, group_by, filters)
        return [(_group(row[:width]), tuple(map(as_int, row[width:]))) for row in rows]

    async def _add_sketches(
        self, groups: "defaultdict[Group, _Counted]", span: Window, group_by: Sequence[Dimension], filters: Filters
    ) -> None:
        for row in await self._listed("sketch", "c.latency, c.first_token", span, group_by, filters):
            *names, latency, first_token = row
            counted = groups[_group(names)]
            counted.latency += filter(None, (as_bytes(latency),))
            counted.first_token += filter(None, (as_bytes(first_token),))

    async def _grouped(
        self, table: str, sums: str, span: Window, by: Sequence[str], filters: Filters
    ) -> list[tuple[Value, ...]]:
        """Sums by group. By segment first, which is a number, and by the segments' names then."""
        return await self._listed(table, sums, span, by, filters, grouped=True)

    async def _listed(
        self, table: str, what: str, span: Window, by: Sequence[str], filters: Filters, *, grouped: bool = False
    ) -> list[tuple[Value, ...]]:
        names = [_expression(name, span) for name in by]
        wanted, values = conditions(filters)
        parts = span.parts()
        read = f"SELECT * FROM {table} WHERE width = ? AND begins >= ? AND begins < ?"  # noqa: S608 - names of ours
        sql = f"SELECT {', '.join([*names, what])} FROM ({' UNION ALL '.join([read] * len(parts))}) c "  # noqa: S608
        sql += f"JOIN segment s ON s.id = c.segment WHERE 1 = 1{wanted}"
        if grouped and names:
            sql += f" GROUP BY {', '.join(names)}"
        rows = await self._database.fetch(sql, *(value for part in parts for value in part), *values)
        return [row for row in rows if row[-1] is not None or not grouped]


_COUNTED = ", ".join(f"CAST(SUM(c.{name}) AS BIGINT)" for name in COUNTERS)
_TALLIED = "CAST(SUM(c.count) AS BIGINT)"


def conditions(filters: Filters) -> tuple[str, list[str]]:
    """What to add to a WHERE about the segments `s`, and its values."""
    text = "".join(
        f" AND s.{dimension.value} IN ({marks(values)})" if values else " AND 1 = 0"
        for dimension, values in filters.items()
    )
    return text, [value for values in filters.values() for value in values]


def _expression(name: str, span: Window) -> str:
    if name == Dimension.TIME:
        return f"c.begins - c.begins % {span.bucket}"
    return f"c.{name}" if name == "name" else f"s.{name}"


def _group(values: Iterable[Value]) -> Group:
    return tuple(value if isinstance(value, int) else str(value) for value in values)


def _report(span: Window, group_by: Sequence[Dimension], groups: Mapping[Group, _Counted]) -> Report:
    totals = _Counted()
    for counted in groups.values():
        counted.merge()
        totals.add(counted)
    rows = [(group, counted.figures()) for group, counted in groups.items() if any(counted.counters)]
    if not group_by:
        rows = []
    time = group_by.index(Dimension.TIME) if Dimension.TIME in group_by else None
    rows.sort(key=lambda row: (row[0][time] if time is not None else 0, -row[1].requests, tuple(map(str, row[0]))))
    return Report(window=span, totals=totals.figures(), rows=rows)
