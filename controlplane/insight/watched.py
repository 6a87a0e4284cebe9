"""Which segments are watched for drift, and what was counted of each: from the rows of rollups. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from controlplane.insight.drift import Segment
from controlplane.insight.traffic import Day, Kind, Moments, Traffic, added

MILLION = 1_000_000
SATURDAY = 5
MOST_SEGMENTS = 500
"""Workloads of tenants that are watched, those with the most requests: the look has an end, and so have the metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was counted of one kind of request of a workload on a day, which begins at `begins` in seconds since 1970."""

    tenant: str
    workload: str
    kind: Kind
    begins: int
    counters: Mapping[str, int]


@dataclass(slots=True)
class _Days:
    """The rows of a segment, by day."""

    recent: defaultdict[int, list[Counted]] = field(default_factory=lambda: defaultdict(list))
    reference: defaultdict[int, list[Counted]] = field(default_factory=lambda: defaultdict(list))

    def traffic(self, days: int) -> Traffic:
        return Traffic(recent=_days(self.recent), reference=_days(self.reference), days=days)


def watched(recent: Sequence[Counted], reference: Sequence[Counted], days: int) -> Mapping[Segment, Traffic]:
    """By segment: the latest time, which is `days` long, beside its reference."""
    busiest = {owner for owner, _ in _requests((*recent, *reference)).most_common(MOST_SEGMENTS)}
    segments: defaultdict[Segment, _Days] = defaultdict(_Days)
    for rows, name in ((reference, "reference"), (recent, "recent")):
        for row in rows:
            if (row.tenant, row.workload) in busiest:
                for segment in _segments(row):
                    getattr(segments[segment], name)[row.begins].append(row)
    return {segment: found.traffic(days) for segment, found in segments.items() if not _is_all(segment, segments)}


def _requests(rows: Iterable[Counted]) -> "Counter[tuple[str, str]]":
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        found[row.tenant, row.workload] += row.counters["decided"]
    return found


def _segments(row: Counted) -> Iterator[Segment]:
    """Those that a row counts in."""
    yield Segment(tenant=row.tenant, workload=row.workload)
    if task_type := row.kind[0]:
        yield Segment(tenant=row.tenant, workload=row.workload, task_type=task_type)


def _is_all(segment: Segment, segments: Mapping[Segment, _Days]) -> bool:
    """Whether it is of a kind of work that is all that the workload does, and would say the same again."""
    if not segment.task_type:
        return False
    whole = segments[Segment(tenant=segment.tenant, workload=segment.workload)]
    days = (*whole.recent.values(), *whole.reference.values())
    return all(row.kind[0] == segment.task_type for rows in days for row in rows)


def _days(by_day: Mapping[int, Sequence[Counted]]) -> Sequence[Day]:
    return [_day(begins, by_day[begins]) for begins in sorted(by_day)]


def _day(begins: int, rows: Sequence[Counted]) -> Day:
    mix: Counter[Kind] = Counter()
    for row in rows:
        mix[row.kind] += row.counters["decided"]
    return Day(
        weekend=datetime.fromtimestamp(begins, UTC).weekday() >= SATURDAY,
        mix={kind: count for kind, count in mix.items() if count},
        confidence=added(_moments(row, "decided", "confidence") for row in rows),
        quality=added(_moments(row, "quality_count", "quality") for row in rows),
    )


def _moments(row: Counted, count: str, name: str) -> Moments:
    counters = row.counters
    return Moments(
        count=counters[count],
        total=counters[f"{name}_ppm"] / MILLION,
        squares=counters[f"{name}_square_ppm"] / MILLION,
    )
