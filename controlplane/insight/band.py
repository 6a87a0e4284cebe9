"""A value and the band that it should be in. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from controlplane.insight.tails import f_quantile
from controlplane.insight.traffic import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """`reference` is what `value` is expected to be, or 0 where that is no number. `detail` says it in one sentence."""

    value: float
    reference: float
    low: float
    high: float
    detail: str

    @property
    def holds(self) -> bool:
        """Whether the value is in it."""
        return self.low <= self.value <= self.high

    def narrowed(self, share: float) -> "Band":
        """The part of it that is nearest to the reference."""
        low, high = (self.reference + share * (end - self.reference) for end in (self.low, self.high))
        return replace(self, low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`least`: the smallest shift that counts, however sure it is. `tail`: how likely a band may be left by chance."""

    least: float
    tail: float

    def reach(self, noise: "Noise") -> float:
        """How large a square of a shift is by chance at most; 0 where there is no chance in it."""
        if noise.variance <= 0:
            return 0.0
        return noise.variance * f_quantile(self.tail, noise.freedom, noise.freedom * noise.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The expected square of a shift that is none.

    `freedom`: how many independent directions it has; `days`: how many days its size was seen on, less what was fitted.
    """

    variance: float
    freedom: float
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much of the variance of one request, and of one day, is left in what a latest time differs from its reference by."""

    request: float
    day: float


def weights(groups: Iterable[Group], sizes: Iterable[list[int]], days: int) -> Weights:
    """Of groups and the sizes of their reference days. The reference is weighted as the latest time lies on its groups.

    Days of the latest time count as `days` of them, though two halves would be more even: what lasts over midnight is one.
    """
    pairs = [(group.recent, found) for group, found in zip(groups, sizes, strict=True) if group.recent]
    total = sum(recent for recent, _ in pairs)
    request, day = 1 / total, 1 / days
    for recent, found in pairs:
        share, whole = recent / total, sum(found)
        request += share * share / whole
        day += share * share * sum(size * size for size in found) / (whole * whole)
    return Weights(request=request, day=day)


def between(squares: float, sizes: Iterable[list[int]], *, fitted: float) -> float:
    """The variance of days beside that of requests: by the method of moments, as in an analysis of variance; at least 0.

    `squares` is the sum over days of size times the squared shift of the day from its group, `fitted` what requests alone would
    make of it (McCullagh and Nelder: Generalized Linear Models, 1989, on overdispersion; DerSimonian and Laird, 1986).
    """
    free = sum(sum(found) - sum(size * size for size in found) / sum(found) for found in sizes if found)
    return max(0.0, (squares - fitted) / free) if free > 0 else 0.0
