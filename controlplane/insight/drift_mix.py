"""The band of a mix of kinds of requests: by its population stability index beside the days before. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from controlplane.insight.band import Band, Limits, Noise, between, weights
from controlplane.insight.traffic import Group, Kind, Traffic, grouped

FEW = 5.0
"""Kinds of which fewer are expected are taken together (Cochran: Some Methods for Strengthening the Common Chi-Square Tests, 1954)."""
SMOOTH = 0.5
"""Added to every count (Jeffreys' prior), so that a kind that is new or gone is no infinite shift."""
OTHERS: Kind = ("all other kinds", "")
N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Counts by slot: of the latest time, what was expected then, and of each group of the reference by day."""

    slots: Sequence[Kind]
    recent: Sequence[int]
    expected: Sequence[float]
    groups: Sequence[Group]
    days: Sequence[Sequence[Sequence[int]]]

    @property
    def sizes(self) -> list[list[int]]:
        """Requests by group and day."""
        return [[sum(day) for day in found] for found in self.days]


def mix_band(traffic: Traffic, limits: Limits) -> Band:
    """How much the mix of the latest time differs from that of such days before. There must be requests in both."""
    mix = mix_of(traffic)
    parts = shifts(mix)
    value, high = sum(parts), max(limits.least, limits.reach(noise_of(mix, traffic.days)))
    return Band(value=value, reference=0.0, low=0.0, high=high, detail=_told(mix, parts))


def mix_of(traffic: Traffic) -> Mix:
    """The counts that are compared: kinds of which few are expected are one slot."""
    groups = grouped(traffic, lambda day: day.requests)
    recent = _summed(day.mix for day in traffic.recent)
    expected: dict[Kind, float] = {}
    for group in groups:
        past = _summed(day.mix for day in group.reference)
        for kind, count in past.items():
            expected[kind] = expected.get(kind, 0.0) + group.recent * count / past.total()
    slots = sorted(kind for kind, count in expected.items() if count >= FEW)
    if len(slots) < len(recent.keys() | expected.keys()):
        slots.append(OTHERS)
    return Mix(
        slots=slots,
        recent=_slotted(recent, slots),
        expected=_slotted(expected, slots),
        groups=groups,
        days=[[_slotted(day.mix, slots) for day in group.reference] for group in groups],
    )


def shifts(mix: Mix) -> Sequence[float]:
    """What each slot adds to the population stability index, Σ (p − q) · ln(p / q).

    That is the divergence of Jeffreys (1946); Siddiqi: Credit Risk Scorecards, 2006. For small shifts it is the sum of
    (p − q)² / q, and of samples of one mix about χ² / n (Yurdakul and Naranjo: Statistical Properties of the Population
    Stability Index, Journal of Risk Model Validation 2020).
    """
    whole = sum(mix.recent) + SMOOTH * len(mix.slots)
    pairs = zip(mix.recent, mix.expected, strict=True)
    return [(seen - due) / whole * math.log((seen + SMOOTH) / (due + SMOOTH)) for seen, due in pairs]


def noise_of(mix: Mix, days: int) -> Noise:
    """What the index is by chance: so many requests drawn, and one day differing from another as the reference's days do."""
    free = len(mix.slots) - 1
    rows = [row for group in mix.days for row in _residuals(group)]
    squares = sum(value * value for row in rows for value in row)
    fitted = sum(_free(group) for group in mix.days)
    weight = weights(mix.groups, mix.sizes, days)
    variance = free * weight.request + between(squares, mix.sizes, fitted=fitted) * weight.day
    return Noise(variance=variance, freedom=_directions(rows), days=max(1, len(rows) - len(mix.groups)))


def _residuals(days: Sequence[Sequence[int]]) -> Sequence[Sequence[float]]:
    """By day and slot: the count less what was due, over the root of that: Pearson's."""
    totals = [sum(column) for column in zip(*days, strict=True)]
    whole = sum(totals)
    due = [[sum(day) * total / whole for total in totals] for day in days]
    return [
        [(seen - want) / math.sqrt(want) if want else 0.0 for seen, want in zip(day, wanted, strict=True)]
        for day, wanted in zip(days, due, strict=True)
    ]


def _free(days: Sequence[Sequence[int]]) -> float:
    """The sum of the squares of those residuals, expected of requests that are drawn independently."""
    slots = sum(any(column) for column in zip(*days, strict=True))
    return max(0, slots - 1) * max(0, len(days) - 1)


def _directions(rows: Sequence[Sequence[float]]) -> float:
    """How many independent directions days differ in: (Σλ)² / Σλ² of their covariance's eigenvalues (Satterthwaite 1946).

    By the products of days or of slots, whichever are fewer: both have the same eigenvalues. Of few days it is too small, and the
    tail rather too long.
    """
    vectors = min(rows, list(zip(*rows, strict=True)), key=len)
    lengths = [_product(one, one) for one in vectors]
    crossed = sum(_product(one, other) ** 2 for one, other in combinations(vectors, 2))
    square = sum(length * length for length in lengths) + 2 * crossed
    return max(1.0, sum(lengths) ** 2 / square) if square > 0 else 1.0


def _product(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(left * right for left, right in zip(one, other, strict=True))


def _summed(counts: Iterable[Mapping[Kind, int]]) -> "Counter[Kind]":
    total: Counter[Kind] = Counter()
    for each in counts:
        total.update(each)
    return total


def _slotted(counts: Mapping[Kind, N], slots: Sequence[Kind]) -> Sequence[N]:
    """By slot; what has none is in the last."""
    found: dict[Kind, N] = {}
    for kind, count in counts.items():
        slot = kind if kind in slots else slots[-1]
        found[slot] = found[slot] + count if slot in found else count
    return [found.get(slot, 0) for slot in slots]


def _told(mix: Mix, parts: Sequence[float]) -> str:
    """The slot that shifted most; of those that shifted alike the one that grew, so that the same shift is told in the same words."""
    whole = sum(mix.recent)
    place = max(range(len(parts)), key=lambda each: (round(parts[each], 6), mix.recent[each] - mix.expected[each]))
    name = "/".join(filter(None, mix.slots[place])) or "requests that were not classified"
    return f"most of it: {name} is {mix.recent[place] / whole:.1%} of requests, where {mix.expected[place] / whole:.1%} were due"
