"""Figures from what was counted: shares, costs, intervals. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from controlplane.insight.sketch import Spread

MILLION = 1_000_000
Z = 1.959963984540054
"""The quantile of the normal distribution for 95 % confidence on two sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A mean of values in [0, 1], and the interval that holds the true one with 95 % confidence.

    `observations` is how many of full weight it is worth.
    """

    observations: float
    mean: float
    low: float
    high: float


def wilson(mean: float, observations: float) -> Share:
    """The score interval of a share.

    Wilson: Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927:

        (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n)

    For shares it is right even where `mean` is 0 or 1 and n is small. Of other values in [0, 1] it is on the safe side, for no
    spread of them is wider than that of a share with the same mean. `observations` > 0.
    """
    square = Z * Z / observations
    middle = (mean + square / 2) / (1 + square)
    reach = Z / (1 + square) * math.sqrt(mean * (1 - mean) / observations + square / (4 * observations))
    return Share(observations=observations, mean=mean, low=max(0.0, middle - reach), high=min(1.0, middle + reach))


def share(part: float, whole: float) -> float | None:
    """`part` of `whole`; None if there is nothing to have a share of."""
    return part / whole if whole else None


def interval(part: float, whole: float, squares: float | None = None) -> Share | None:
    """`part` of `whole` with its interval; None if `whole` is nothing.

    Where observations have weights, `whole` is their sum and `squares` that of their squares: they are worth whole²/squares
    of full weight (Kish, Survey Sampling, 1965).
    """
    if whole <= 0:
        return None
    observations = whole if squares is None else whole * whole / squares
    return wilson(min(max(part / whole, 0.0), 1.0), observations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was counted of some requests: `counters` by name as in `contribution.COUNTERS`, `tallies` by kind and name."""

    counters: Mapping[str, int] = field(default_factory=dict)
    tallies: Mapping[str, int] = field(default_factory=dict)
    latency: Spread | None = None
    first_token: Spread | None = None

    def __getitem__(self, name: str) -> int:
        return self.counters.get(name, 0)

    def tallied(self, kind: str) -> list[tuple[str, int]]:
        """Names of a kind (`refusal`, `label`, `signal`, `error`) and their counts, the most first."""
        found = [
            (name.partition(":")[2], count)
            for name, count in self.tallies.items()
            if count and name.startswith(f"{kind}:")
        ]
        return sorted(found, key=lambda each: (-each[1], each[0]))

    @property
    def requests(self) -> int:
        """Decided and refused."""
        return self["decided"] + self["refused"]

    @property
    def savings_nanousd(self) -> int:
        """What the baseline would have cost, less what was paid for the decisions that have one."""
        return self["baseline_nanousd"] - self["compared_nanousd"]

    @property
    def cost_per_successful_nanousd(self) -> int | None:
        """All cost, that of failures too, by task that was done."""
        done = self["successful"]
        return (self["cost_nanousd"] + done // 2) // done if done else None

    @property
    def quality(self) -> Share | None:
        """What was said of the answers."""
        return interval(self["quality_ppm"] / MILLION, self["quality_count"])
