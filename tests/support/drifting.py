"""Traffic of segments drawn day by day: requests of kinds, their confidence and what was said of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from controlplane.insight.drift import Segment
from controlplane.insight.traffic import Day, Kind, Moments, Traffic, added

KINDS = (
    ("qa", "simple"), ("qa", "moderate"), ("chat", "simple"), ("code", "moderate"), ("code", "complex"),
    ("summarization", "simple"), ("extraction", "moderate"), ("reasoning", "expert"),
)  # fmt: skip
SHARES = (0.3, 0.2, 0.16, 0.12, 0.08, 0.07, 0.05, 0.02)
WEEK = 7
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a workload's days are. `uneven`: how much days differ beyond chance, as the correlation of two requests of a day in
    kind, and as the standard deviation of a day's mean; `weekend`: how much of the mix is another one then.
    """

    requests: float = 1_000.0
    uneven: float = 0.0
    daily: float = 0.0
    weekend: float = 0.0
    shares: tuple[float, ...] = SHARES
    confidence: float = 0.8
    quality: float = 0.85
    judged: float = 0.1


class Draw:
    """Draws days, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def day(self, habits: Habits, weekday: int) -> Day:
        """A day; 5 and 6 are the weekend."""
        return self.parts(habits, weekday, 1)[0]

    def parts(self, habits: Habits, weekday: int, count: int) -> list[Day]:
        """A day in so many parts, which have in common what is particular about it."""
        weekend = weekday % WEEK >= 5
        shares = np.array(habits.shares)
        if weekend:
            shares = (1 - habits.weekend) * shares + habits.weekend * shares[::-1]
        if habits.uneven:
            shares = self._random.dirichlet(shares * (1 / habits.uneven - 1))
        levels = [self._level(mean, habits.daily) for mean in (habits.confidence, habits.quality)]
        part = replace(habits, requests=habits.requests / count, confidence=levels[0], quality=levels[1])
        return [self._part(part, shares, weekend=weekend) for _ in range(count)]

    def _part(self, habits: Habits, shares: Shares, *, weekend: bool) -> Day:
        counts = self._random.multinomial(self._random.poisson(habits.requests), shares)
        size = int(counts.sum())
        return Day(
            weekend=weekend,
            mix={kind: int(each) for kind, each in zip(KINDS, counts, strict=True) if each},
            confidence=self._spread(size, habits.confidence),
            quality=self._votes(int(self._random.binomial(size, habits.judged)), habits.quality),
        )

    def days(self, habits: Habits, count: int) -> list[Day]:
        """Days one after the other, a Monday first."""
        return [self.day(habits, number) for number in range(count)]

    def _level(self, mean: float, daily: float) -> float:
        return float(np.clip(mean + daily * self._random.normal(), 0.01, 0.99))

    def _spread(self, count: int, level: float) -> Moments:
        values = self._random.beta(6 * level, 6 * (1 - level), count)
        return Moments(count=count, total=float(values.sum()), squares=float((values * values).sum()))

    def _votes(self, count: int, level: float) -> Moments:
        good = float(self._random.binomial(count, level))
        return Moments(count=count, total=good, squares=good)


def joined(parts: Sequence[Day]) -> Day:
    """Parts of a day as one."""
    mix: Counter[Kind] = Counter()
    for part in parts:
        mix.update(part.mix)
    return Day(
        weekend=parts[0].weekend,
        mix=mix,
        confidence=added(part.confidence for part in parts),
        quality=added(part.quality for part in parts),
    )


def looks(days: Mapping[Segment, Sequence[Day]], reference: int = 28) -> Sequence[Mapping[Segment, Traffic]]:
    """What is watched on each day that has so many before it: that day beside them."""
    length = min(map(len, days.values()))
    return [
        {
            segment: Traffic(recent=[found[last]], reference=found[last - reference : last])
            for segment, found in days.items()
        }
        for last in range(reference, length)
    ]


def shifted(habits: Habits, share: float, source: int = 0, target: int = 4) -> Habits:
    """The same with `share` of the requests of one kind instead of another."""
    shares = list(habits.shares)
    shares[source] -= share
    shares[target] += share
    return replace(habits, shares=tuple(shares))
