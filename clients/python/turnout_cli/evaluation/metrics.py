"""How good an order of prompts is for sending the first of them to the stronger model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

NAMES = ("apgr", "cpt50", "cpt80", "cost_apgr", "aiq", "saved95", "saved98")
"""What is measured, in order of the tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Results of two models on the same prompts: what each scored (0 to 1) and cost (any unit, the same for both)."""

    weak: Column
    strong: Column
    weak_cost: Column
    strong_cost: Column

    @property
    def gain(self) -> Column:
        """What the stronger one scores more."""
        return self.strong - self.weak

    @property
    def surcharge(self) -> Column:
        """What the stronger one costs more."""
        return self.strong_cost - self.weak_cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What is reached by sending more and more prompts to the stronger model.

    `calls` is the share of prompts sent, `spent` the share of the whole surcharge, `gained` the share of the quality gap;
    each from 0 to 1 at the ends, `gained` may leave that range between them.
    """

    calls: Column
    spent: Column
    gained: Column


def curve(scores: Column, pair: Pair, weights: Column | None = None) -> Curve:
    """The curve of an order: prompts with higher `scores` are sent first; `weights` count prompts more than once or not.

    Among equal scores the order is drawn by lot, and the curve is what is expected of that: a straight line between the ends of a tie.
    """
    counted = np.ones(len(scores)) if weights is None else weights
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    columns = np.stack([counted, counted * pair.surcharge, counted * pair.gain])[:, order]
    sums = np.cumsum(np.add.reduceat(columns, starts, axis=1), axis=1)
    parts = np.concatenate([np.zeros((3, 1)), sums], axis=1)
    totals = parts[:, -1:]
    shares = np.divide(parts, totals, out=np.zeros_like(parts), where=totals != 0)
    return Curve(calls=shares[0], spent=shares[1], gained=shares[2])


def area(across: Column, up: Column) -> float:
    """The area under straight lines between points."""
    return float(np.sum(np.diff(across) * (up[1:] + up[:-1])) / 2)


def crossing(across: Column, up: Column, level: float) -> float:
    """The first place where `up` reaches `level`, along straight lines; the last place if it never does."""
    reached = np.flatnonzero(up >= level - 1e-12)
    if not len(reached):
        return float(across[-1])
    at = int(reached[0])
    if at == 0:
        return float(across[0])
    part = (level - up[at - 1]) / (up[at] - up[at - 1])
    return float(across[at - 1] + min(1.0, part) * (across[at] - across[at - 1]))


def apgr(found: Curve) -> float:
    """Average performance gap recovered over the share of strong calls (RouteLLM, arXiv 2406.18665): random has 0.5."""
    return area(found.calls, found.gained)


def cpt(found: Curve, share: float) -> float:
    """Call-performance threshold: the least share of strong calls that recovers `share` of the gap (the same paper)."""
    return crossing(found.calls, found.gained, share)


def cost_apgr(found: Curve) -> float:
    """The same area over the share of the surcharge that is spent."""
    return area(found.spent, found.gained)


def hull(costs: Column, qualities: Column) -> tuple[Column, Column]:
    """The points of the non-decreasing convex hull, the cheapest first (RouterBench, arXiv 2403.12031, section 3.2).

    What lies between two points is reached by drawing lots between them.
    """
    kept: list[tuple[float, float]] = []
    for cost, quality in sorted(zip(costs.tolist(), qualities.tolist(), strict=True), key=lambda at: (at[0], -at[1])):
        if kept and quality <= kept[-1][1]:
            continue
        while len(kept) > 1 and _below(kept[-2], kept[-1], (cost, quality)):
            kept.pop()
        kept.append((cost, quality))
    return np.array([cost for cost, _ in kept]), np.array([quality for _, quality in kept])


def _below(left: tuple[float, float], middle: tuple[float, float], right: tuple[float, float]) -> bool:
    return (middle[1] - left[1]) * (right[0] - left[0]) <= (right[1] - left[1]) * (middle[0] - left[0])


def aiq(costs: Column, qualities: Column, least: float, most: float) -> float:
    """Average improvement in quality: the mean height of the hull between two costs (RouterBench, equation 4)."""
    across, up = hull(costs, qualities)
    if most <= least:
        return float(up[-1])
    places = np.unique(np.concatenate([[least, most], across[(across > least) & (across < most)]]))
    return area(places, np.interp(places, across, up)) / (most - least)


def saved(costs: Column, qualities: Column, target: float, dearest: float) -> float:
    """The share of `dearest` that is not spent when `target` is reached at the least cost; 0 if it never is."""
    across, up = hull(costs, qualities)
    if up[-1] < target - 1e-12 or dearest <= 0:
        return 0.0
    return 1 - crossing(across, up, target) / dearest


def measures(scores: Column, pair: Pair, weights: Column | None = None) -> Mapping[str, float]:
    """Everything in NAMES about an order of prompts between two models."""
    found = curve(scores, pair, weights)
    cheap, dear = (float(np.average(column, weights=weights)) for column in (pair.weak_cost, pair.strong_cost))
    low, high = (float(np.average(column, weights=weights)) for column in (pair.weak, pair.strong))
    costs, qualities = cheap + found.spent * (dear - cheap), low + found.gained * (high - low)
    return {
        "apgr": apgr(found),
        "cpt50": cpt(found, 0.5),
        "cpt80": cpt(found, 0.8),
        "cost_apgr": cost_apgr(found),
        "aiq": aiq(costs, qualities, min(cheap, dear), max(cheap, dear)),
        "saved95": saved(costs, qualities, 0.95 * high, dear),
        "saved98": saved(costs, qualities, 0.98 * high, dear),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure, and between what it lies with nineteen chances in twenty over draws of the prompts."""

    value: float
    low: float
    high: float


def bootstrap(scores: Column, pair: Pair, draws: int, seed: int) -> Mapping[str, Interval]:
    """Every measure with its interval: the 2.5 and 97.5 percentiles over `draws` samples of the prompts with replacement."""
    values = measures(scores, pair)
    rng, count = np.random.default_rng(seed), len(scores)
    sampled: dict[str, list[float]] = {name: [] for name in values}
    for _ in range(draws):
        weights = np.bincount(rng.integers(0, count, count), minlength=count).astype(np.float64)
        if np.dot(weights, pair.gain) <= 0:
            continue
        for name, value in measures(scores, pair, weights).items():
            sampled[name].append(value)
    return {name: _interval(value, sampled[name]) for name, value in values.items()}


def _interval(value: float, sampled: list[float]) -> Interval:
    if not sampled:
        return Interval(value=value, low=value, high=value)
    low, high = np.percentile(sampled, [2.5, 97.5])
    return Interval(value=value, low=float(low), high=float(high))
