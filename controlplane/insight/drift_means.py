"""The band of a mean, such as that of quality: by what single values and whole days differ from each other. Pure."""

import math
from collections.abc import Callable, Sequence

from controlplane.insight.band import Band, Limits, Noise, between, weights
from controlplane.insight.traffic import Day, Group, Moments, Traffic, added, grouped

Of = Callable[[Day], Moments]
"""Which of a day's values."""


def mean_band(traffic: Traffic, of: Of, limits: Limits) -> Band:
    """What the mean of the latest time is, and was on such days before. There must be values in both."""
    groups = grouped(traffic, lambda day: of(day).count)
    recent = added(map(of, traffic.recent))
    due = sum(group.recent * added(map(of, group.reference)).mean for group in groups if group.recent) / recent.count
    noise = noise_of(groups, recent, of, traffic.days)
    reach = max(limits.least, math.sqrt(limits.reach(noise)))
    detail = f"the mean is {recent.mean:.3f}, where {due:.3f} was due"
    return Band(value=recent.mean, reference=due, low=max(0.0, due - reach), high=min(1.0, due + reach), detail=detail)


def noise_of(groups: Sequence[Group], recent: Moments, of: Of, days: int) -> Noise:
    """What the difference of the means is by chance: one-way random effects, days within groups.

    The spread of single values is that of the reference, or of the latest time where it is wider: few values that happen to be
    alike say nothing of how others would be.
    """
    found = [[of(day) for day in group.reference] for group in groups]
    sizes = [[day.count for day in group] for group in found]
    request = max(_variance([day for group in found for day in group]), _variance([recent]))
    free = sum(len(group) - 1 for group in found)
    variation = between(sum(map(_squares, found)), sizes, fitted=free * request)
    weight = weights(groups, sizes, days)
    return Noise(variance=request * weight.request + variation * weight.day, freedom=1.0, days=max(1, free))


def _variance(days: Sequence[Moments]) -> float:
    """Of values within their days."""
    free = sum(day.count - 1 for day in days)
    return sum(day.within for day in days) / free if free > 0 else 0.0


def _squares(days: Sequence[Moments]) -> float:
    """The sum over days of their size times the squared shift of their mean from that of all."""
    if not days:
        return 0.0
    mean = added(days).mean
    return sum(day.count * (day.mean - mean) ** 2 for day in days)
