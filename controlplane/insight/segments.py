"""What was learned of each model at each kind of work in each workload; what is older counts less."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.audit.leaf import microseconds
from controlplane.insight.figures import MILLION, Figures, Share, interval
from controlplane.insight.report import DAY, Dimension, Filters, Reports, Window
from controlplane.insight.sketch import Spread

HALF_LIFE = timedelta(days=7)
"""Providers change models, and teams change prompts, within weeks: a week is long enough that weekdays and weekends are both in
it, and short enough that a change shows within days.
"""
LOOK_BACK = 8
"""Half-lives that are read: what is older would count less than 1/256."""
TIMES = 2
"""Half-lives that percentiles are of: sketches have no weights."""

BY = (Dimension.WORKLOAD, Dimension.TASK_TYPE, Dimension.COMPLEXITY, Dimension.MODEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """How a model does at one kind of work in one workload. Counts and means are weighted by age."""

    workload: str
    task_type: str
    complexity: str
    model: str
    decided: float
    executed: float
    success: Share | None
    mean_cost_nanousd: float | None
    cost_per_successful_nanousd: float | None
    mean_output_tokens: float | None
    quality: Share | None
    latency: Spread | None
    first_token: Spread | None


class _Decayed:
    """Weighted sums of counters, and of the squares of the weights of what shares are of."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._squares: defaultdict[str, float] = defaultdict(float)

    def add(self, name: str, value: float, weight: float) -> None:
        self._sums[name] += weight * value
        self._squares[name] += weight * weight * value

    def __getitem__(self, name: str) -> float:
        return self._sums[name]

    def share(self, part: float, whole: str) -> Share | None:
        return interval(part, self._sums[whole], self._squares[whole])

    def mean(self, part: str, whole: str) -> float | None:
        return self._sums[part] / self._sums[whole] if self._sums[whole] else None


_NAMES = ("decided", "executed", "successful", "cost_nanousd", "output_tokens", "quality_count", "quality_ppm")


class Segments:
    """Reads segments from the rollups. Raises StoreUnavailable."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def __call__(self, now: datetime, filters: Filters) -> Sequence[Segment]:
        """All that occurred, by weight, the most first.

        A day counts 2^(−age/half-life), its age taken at its middle: exponential decay, forgotten in whole days, which keeps
        what it is derived from additive (within a day weights differ by 5 % at most).
        """
        end = microseconds(now) // MILLION
        past = _last(end, LOOK_BACK)
        days = await self._reports.counted(past, (*BY, Dimension.TIME), filters)
        decayed: defaultdict[tuple[str, ...], _Decayed] = defaultdict(_Decayed)
        for (*names, begins), counters in days:
            age = max(0.0, end - (float(begins) + DAY / 2))
            weight = 2.0 ** (-age / HALF_LIFE.total_seconds())
            for name in _NAMES:
                decayed[tuple(map(str, names))].add(name, counters[name], weight)
        times = await self._reports.times(_last(end, TIMES), BY, filters)
        found = [_segment(names, sums, times.get(names)) for names, sums in decayed.items() if sums["decided"]]
        return sorted(found, key=lambda each: (-each.decided, each.workload, each.model, each.task_type))


def _last(end: int, half_lives: int) -> Window:
    """The days so far back, whole at its begin."""
    since = end - half_lives * int(HALF_LIFE.total_seconds())
    return Window(since=since - since % DAY, until=end + 1, bucket=DAY)


def _segment(names: tuple[str, ...], sums: _Decayed, times: Figures | None) -> Segment:
    workload, task_type, complexity, model = names
    return Segment(
        workload=workload,
        task_type=task_type,
        complexity=complexity,
        model=model,
        decided=sums["decided"],
        executed=sums["executed"],
        success=sums.share(sums["successful"], "executed"),
        mean_cost_nanousd=sums.mean("cost_nanousd", "executed"),
        cost_per_successful_nanousd=sums.mean("cost_nanousd", "successful"),
        mean_output_tokens=sums.mean("output_tokens", "executed"),
        quality=sums.share(sums["quality_ppm"] / MILLION, "quality_count"),
        latency=times.latency if times else None,
        first_token=times.first_token if times else None,
    )
