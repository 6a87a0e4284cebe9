"""Counts and distributions of a process in plain dictionaries, which whoever exports them reads: counting costs about a microsecond.

Names follow OpenTelemetry; `turnout_wire.prometheus` and `turnout_wire.otlp` read them.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

Attributes = Mapping[str, str | int | float | bool]
Series = tuple[tuple[str, str | int | float | bool], ...]
"""Attributes in an order that is always the same."""
Observe = Callable[[], Iterable[tuple[float, Attributes]]]

MOST_SERIES = 2_000
"""Series of one metric; what is more is counted together as `OVERFLOW`, as OpenTelemetry's SDK does."""
OVERFLOW: Series = (("otel.metric.overflow", True),)

SECONDS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0,
)  # fmt: skip
"""Bounds of times: from what a decision takes to what a long answer takes."""
TOKENS = (1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576)
"""Bounds of numbers of tokens, as OpenTelemetry's conventions for GenAI advise."""
TOKEN_UNIT = "{token}"  # noqa: S105 - a unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """What was recorded of one series: how many at most at each bound and above the last, the sum, the least and the greatest."""

    buckets: tuple[int, ...]
    total: float
    least: float
    greatest: float

    @property
    def count(self) -> int:
        """How many."""
        return sum(self.buckets)


class Counter:
    """Numbers that only grow, by series."""

    __slots__ = ("_values", "name", "unit")

    def __init__(self, name: str, unit: str) -> None:
        self.name = name
        self.unit = unit
        self._values: dict[Series, int] = {}

    def add(self, series: Series, value: int) -> None:
        """Add to a series."""
        values = self._values
        if series not in values and len(values) >= MOST_SERIES:
            series = OVERFLOW
        values[series] = values.get(series, 0) + value

    def read(self) -> Mapping[Series, int]:
        """By series, in one order of attributes."""
        found: dict[Series, int] = {}
        for series, value in dict(self._values).items():
            ordered = tuple(sorted(series))
            found[ordered] = found.get(ordered, 0) + value
        return found


class Histogram:
    """Distributions by series."""

    __slots__ = ("_cells", "bounds", "name", "unit")

    def __init__(self, name: str, unit: str) -> None:
        self.name = name
        self.unit = unit
        self.bounds: tuple[float, ...] = TOKENS if unit == TOKEN_UNIT else SECONDS
        self._cells: dict[Series, list[float]] = {}

    def add(self, series: Series, value: float) -> None:
        """Record a value: a cell is the buckets, and then sum, least and greatest."""
        cells = self._cells
        cell = cells.get(series)
        if cell is None:
            if len(cells) >= MOST_SERIES:
                series = OVERFLOW
            cell = cells.setdefault(series, [*([0] * (len(self.bounds) + 1)), 0.0, value, value])
        cell[bisect_left(self.bounds, value)] += 1
        cell[-3] += value
        if value < cell[-2]:
            cell[-2] = value
        elif value > cell[-1]:
            cell[-1] = value

    def read(self) -> Mapping[Series, Distribution]:
        """By series, in one order of attributes."""
        found: dict[Series, Distribution] = {}
        for series, cell in dict(self._cells).items():
            *buckets, total, least, greatest = list(cell)
            new = Distribution(buckets=tuple(map(int, buckets)), total=total, least=least, greatest=greatest)
            ordered = tuple(sorted(series))
            found[ordered] = merged(found[ordered], new) if ordered in found else new
        return found


def merged(one: Distribution, other: Distribution) -> Distribution:
    """Both together."""
    return Distribution(
        buckets=tuple(mine + theirs for mine, theirs in zip(one.buckets, other.buckets, strict=True)),
        total=one.total + other.total,
        least=min(one.least, other.least),
        greatest=max(one.greatest, other.greatest),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """What is read when it is asked for."""

    name: str
    unit: str
    read: Observe


class Metrics(Protocol):
    """What code counts into. Attributes must be few and of closed sets: no ids of requests, decisions, users or sessions."""

    def count(self, name: str, attributes: Attributes, value: int = 1, unit: str = "1") -> None:
        """Add to the counter `name`."""
        ...

    def record(self, name: str, value: float, attributes: Attributes, unit: str = "s") -> None:
        """Record into the histogram `name`."""
        ...

    def gauge(self, name: str, read: Observe, unit: str = "1") -> None:
        """Report what `read` gives whenever metrics are read, in whichever thread they are."""
        ...

    @property
    def counters(self) -> Mapping[str, Counter]:
        """What was counted, by name."""
        ...

    @property
    def histograms(self) -> Mapping[str, Histogram]:
        """What was recorded, by name."""
        ...

    @property
    def gauges(self) -> Mapping[str, Gauge]:
        """What can be read, by name."""
        ...


class PlainMetrics:
    """See Metrics. Counted in one thread, read in any: readers take copies, which another thread cannot get into."""

    def __init__(self) -> None:
        self.counters: dict[str, Counter] = {}
        self.histograms: dict[str, Histogram] = {}
        self.gauges: dict[str, Gauge] = {}
        self._told: Callable[[Counter | Gauge], None] | None = None

    def count(self, name: str, attributes: Attributes, value: int = 1, unit: str = "1") -> None:
        """See Metrics."""
        counter = self.counters.get(name)
        if counter is None:
            counter = self.counters[name] = Counter(name, unit)
            self._tell(counter)
        counter.add(tuple(attributes.items()), value)

    def record(self, name: str, value: float, attributes: Attributes, unit: str = "s") -> None:
        """See Metrics."""
        histogram = self.histograms.get(name)
        if histogram is None:
            histogram = self.histograms[name] = Histogram(name, unit)
        histogram.add(tuple(attributes.items()), value)

    def gauge(self, name: str, read: Observe, unit: str = "1") -> None:
        """See Metrics."""
        gauge = self.gauges[name] = Gauge(name=name, unit=unit, read=read)
        self._tell(gauge)

    def on_new(self, told: Callable[[Counter | Gauge], None]) -> None:
        """Tell `told` of every counter and gauge that there is, and of each when it comes."""
        self._told = told
        for counter in self.counters.values():
            told(counter)
        for gauge in self.gauges.values():
            told(gauge)

    def _tell(self, new: Counter | Gauge) -> None:
        if self._told is not None:
            self._told(new)
