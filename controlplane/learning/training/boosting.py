"""Grows trees that correct the expected quality of many models at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controlplane.learning.model import DEPTH, LEAVES

Matrix = NDArray[np.float64]
Whole = NDArray[np.int64]


NEVER = 1 << 52
"""A threshold that nothing is above."""

MOST_TABLES = 4
"""Each table adds trees, up to so many tables: what a tree asks is drawn from one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How trees are grown: `bags` times `trees`, each step `rate` of what is left; a leaf's mean is held back as by `shrink` prompts."""

    bags: int = 8
    trees: int = 40
    rate: float = 0.08
    shrink: float = 30.0
    least: int = 40
    bins: int = 24
    columns: float = 0.3
    rows: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """Trees as `learning.model.Forest` has them, leaves as shares."""

    features: NDArray[np.intp]
    thresholds: Matrix
    leaves: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class _Binned:
    """Features by bins: bin numbers (prompts x features) and the upper edge of each bin."""

    places: Whole
    edges: Sequence[Matrix]


def grow(features: Matrix, residuals: Matrix, tables: Whole, growth: Growth, seed: int) -> Grown:
    """Trees for `residuals` (prompts x models, NaN where unknown), which say how far results are from what is expected anyway.

    Each tree asks about one direction in the space of models, drawn by lot from a table's: all of them together, or the better
    against the lesser half (random output projections, Joly et al. 2014); its leaves then correct every model. So what is
    common to all models and what sets them apart are both found, and a model with few results gets what is common.
    """
    rng = np.random.default_rng(seed)
    binned = _bin(features, growth.bins)
    grown: list[tuple[list[int], list[float], Matrix]] = []
    for _ in range(growth.bags):
        left = residuals.copy()
        left[rng.random(len(left)) >= growth.rows] = np.nan
        for _ in range(growth.trees * min(MOST_TABLES, int(tables.max()) + 1)):
            target, concerned = _direction(left, tables, rng)
            asked, cuts = _questions(binned, target, growth, rng)
            leaf = _leaf(features, asked, cuts)
            values = _values(leaf, left, growth) * growth.rate
            values[:, :-1] *= concerned
            left = left - values[leaf, :-1]
            grown.append((asked, cuts, values / growth.bags))
    return Grown(
        features=np.array([asked for asked, _, _ in grown], dtype=np.intp).reshape(-1, DEPTH),
        thresholds=np.array([cuts for _, cuts, _ in grown]).reshape(-1, DEPTH),
        leaves=np.array([values for _, _, values in grown]),
    )


def _bin(features: Matrix, bins: int) -> _Binned:
    edges = [np.unique(np.quantile(column, np.linspace(0, 1, bins + 1)[1:-1])) for column in features.T]
    places = [np.searchsorted(cuts, column, side="left") for cuts, column in zip(edges, features.T, strict=True)]
    return _Binned(places=np.stack(places, axis=1).astype(np.int64), edges=[np.floor(cuts) for cuts in edges])


def _direction(left: Matrix, tables: Whole, rng: np.random.Generator) -> tuple[Matrix, NDArray[np.bool_]]:
    """What a tree is asked to explain, one number for each prompt, NaN where it says nothing; and which models it is about."""
    counts = np.bincount(tables) ** 0.5
    table = rng.choice(len(counts), p=counts / counts.sum())
    rows = np.flatnonzero(tables == table)
    present = np.flatnonzero(~np.isnan(left[rows]).all(0))
    found = np.full(len(left), np.nan)
    concerned = np.zeros(left.shape[1], dtype=bool)
    concerned[present] = True
    if not len(present):
        return found, concerned
    part = left[np.ix_(rows, present)]
    if len(present) > 1 and rng.random() < 0.7:
        chosen = rng.permutation(len(present))
        half = max(1, len(present) // 2)
        found[rows] = _means(part[:, chosen[:half]]) - _means(part[:, chosen[half:]])
    else:
        found[rows] = _means(part)
    return found, concerned


def _means(part: Matrix) -> Matrix:
    known = ~np.isnan(part)
    count = known.sum(1)
    return np.where(count > 0, np.where(known, part, 0.0).sum(1) / np.maximum(count, 1), np.nan)


def _questions(
    binned: _Binned, target: Matrix, growth: Growth, rng: np.random.Generator
) -> tuple[list[int], list[float]]:
    """The three questions, one after the other, that leave the least unexplained."""
    rows = np.flatnonzero(~np.isnan(target))
    wanted, places = target[rows], binned.places[rows]
    leaf = np.zeros(len(rows), dtype=np.int64)
    asked: list[int] = []
    cuts: list[float] = []
    for level in range(DEPTH):
        usable = np.flatnonzero(rng.random(places.shape[1]) < growth.columns)
        best, feature, at = 0.0, -1, 0
        for column in usable.tolist():
            gain, cut = _best_cut(places[:, column], wanted, leaf, 1 << level, len(binned.edges[column]), growth)
            if gain > best:
                best, feature, at = gain, column, cut
        if feature < 0:
            asked.append(0)
            cuts.append(float(NEVER))
            leaf = leaf * 2
            continue
        asked.append(feature)
        cuts.append(float(binned.edges[feature][at]))
        leaf = leaf * 2 + (places[:, feature] > at)
    return asked, cuts


def _best_cut(places: Whole, wanted: Matrix, leaf: Whole, leaves: int, cuts: int, growth: Growth) -> tuple[float, int]:
    """How much is explained by the best cut of a feature, and which it is."""
    if cuts == 0:
        return 0.0, 0
    cells = leaf * (cuts + 1) + places
    counts = np.bincount(cells, minlength=leaves * (cuts + 1)).reshape(leaves, cuts + 1)
    sums = np.bincount(cells, wanted, minlength=leaves * (cuts + 1)).reshape(leaves, cuts + 1)
    low_n, low = counts.cumsum(1)[:, :-1], sums.cumsum(1)[:, :-1]
    high_n, high = counts.sum(1, keepdims=True) - low_n, sums.sum(1, keepdims=True) - low
    explained = low**2 / (low_n + growth.shrink) + high**2 / (high_n + growth.shrink)
    whole = sums.sum(1) ** 2 / (counts.sum(1) + growth.shrink)
    gains = explained.sum(0) - whole.sum()
    gains[(low_n.max(0) < growth.least) | (high_n.max(0) < growth.least)] = 0.0
    at = int(np.argmax(gains))
    return float(gains[at]), at


def _leaf(features: Matrix, asked: Sequence[int], cuts: Sequence[float]) -> Whole:
    found = np.zeros(len(features), dtype=np.int64)
    for column, cut in zip(asked, cuts, strict=True):
        found = found * 2 + (features[:, column] > cut)
    return found


def _values(leaf: Whole, left: Matrix, growth: Growth) -> Matrix:
    """For each leaf and model the mean of what is left, held back towards the mean over all models, and that in the last column."""
    member = np.zeros((LEAVES, len(leaf)))
    member[leaf, np.arange(len(leaf))] = 1.0
    known = ~np.isnan(left)
    counts, sums = member @ known, member @ np.where(known, left, 0.0)
    rows = known.any(1)
    common_n = member @ rows.astype(np.float64)
    common = member @ np.where(rows, np.nan_to_num(_means(left)), 0.0) / (common_n + growth.shrink)
    values = (sums + growth.shrink * common[:, None]) / (counts + growth.shrink)
    return np.concatenate([values, common[:, None]], axis=1)
