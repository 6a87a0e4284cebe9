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

FEW = 60.0
"""Prompts with results of two models that weigh as much as what is known of any two."""

EASE = 0.05
"""The part of the mean variance that is added to each, so that chance in how models vary together is not taken at its word."""

MOST = 512
"""Trees of a bag, over all tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How trees are grown: in each of `bags` so many `trees` a table, divided among its `directions`, at most so many.

    Each step takes `rate` of what is left; a leaf's mean is held back as by `shrink` prompts.
    """

    bags: int = 4
    trees: int = 96
    directions: int = 8
    rate: float = 0.12
    shrink: float = 30.0
    least: int = 30
    bins: int = 24
    columns: float = 0.3
    rows: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """Trees as `learning.model.Forest` has them, tree by tree: leaves (trees x 8) as shares; directions of length 1, with
    the mean over the table's models in one more column.
    """

    features: NDArray[np.intp]
    thresholds: Matrix
    leaves: Matrix
    directions: Matrix
    starts: NDArray[np.intp]
    bags: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Direction:
    """A way in which results of a table differ: weights of models, of length 1, and their mean over the models of the table."""

    table: int
    weights: Matrix
    common: float
    trees: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Binned:
    """Features by bins: bin numbers of the prompts, feature by feature, and the upper edge of each bin."""

    places: Sequence[Whole]
    edges: Sequence[Matrix]


def grow(features: Matrix, residuals: Matrix, tables: Whole, growth: Growth, seed: int) -> Grown:
    """Trees for `residuals` (prompts x models, NaN where unknown), which say how far results are from what is expected anyway.

    Each tree is about one direction in the space of a table's models, a principal one of their residuals: what is common to all
    of many models shows in them more clearly than in any one, and so does what sets some apart, while what is left over is mostly
    chance. Of two models the two directions together are simply both.
    """
    rng = np.random.default_rng(seed)
    binned = _bin(features, growth.bins)
    known = ~np.isnan(residuals)
    directions, filled = _directions(residuals, tables, growth)
    every = [number for number, each in enumerate(directions) for _ in range(each.trees)]
    grown: list[tuple[list[int], list[float], Matrix]] = []
    for _ in range(growth.bags):
        left = filled.copy()
        drawn = rng.random(len(left)) < growth.rows
        by_direction: list[list[tuple[list[int], list[float], Matrix]]] = [[] for _ in directions]
        for number in rng.permutation(every).tolist():
            weights = directions[number].weights
            rows = np.flatnonzero(drawn & (tables == directions[number].table))
            shares = known[rows] @ (weights * weights)
            seen = _Seen(wanted=(left[rows] @ weights) * shares, weights=shares)
            asked, cuts = _questions(binned, rows, seen, growth, rng)
            leaf = _leaf(features, asked, cuts)
            values = _values(leaf[rows], seen, growth) * growth.rate
            left -= values[leaf][:, None] * weights
            by_direction[number].append((asked, cuts, values / growth.bags))
        grown += [tree for those in by_direction for tree in those]
    counts = [each.trees for each in directions] * growth.bags
    return Grown(
        features=np.array([asked for asked, _, _ in grown], dtype=np.intp).reshape(-1, DEPTH),
        thresholds=np.array([cuts for _, cuts, _ in grown]).reshape(-1, DEPTH),
        leaves=np.array([values for _, _, values in grown]),
        directions=np.array([[*each.weights, each.common] for each in directions]),
        starts=np.concatenate([[0], np.cumsum(counts[:-1])]).astype(np.intp),
        bags=growth.bags,
    )


def _directions(residuals: Matrix, tables: Whole, growth: Growth) -> tuple[list[_Direction], Matrix]:
    """Of each table the principal directions of its residuals, about their means; and the residuals, with what is not known filled in
    by what the other models of the same prompt let expect: else what all have in common would be missing from it.
    """
    found: list[_Direction] = []
    filled = np.nan_to_num(residuals)
    each = min(growth.trees, MOST // (int(tables.max()) + 1))
    for table in range(int(tables.max()) + 1):
        mine = residuals[tables == table]
        present = np.flatnonzero(~np.isnan(mine).all(0))
        if not len(present):
            continue
        covariance = _covariance(mine[:, present])
        principal = np.linalg.eigh(covariance)[1].T[::-1][: growth.directions]
        filled[np.ix_(tables == table, present)] = _filled(mine[:, present], covariance)
        for axis in principal:
            weights = np.zeros(residuals.shape[1])
            weights[present] = axis
            found.append(
                _Direction(
                    table=table, weights=weights, common=float(axis.mean()), trees=max(1, each // len(principal))
                )
            )
    return found, filled


def _covariance(part: Matrix) -> Matrix:
    """How models vary together, by the prompts that both have results of: of few such, as any two of the table's models do."""
    known = ~np.isnan(part)
    centred = np.where(known, part - np.nanmean(part, axis=0), 0.0)
    counts = known.T.astype(np.float64) @ known
    sums = centred.T @ centred
    own = np.eye(len(sums), dtype=bool)
    usual = np.where(own, sums[own].sum() / counts[own].sum(), sums[~own].sum() / max(1.0, counts[~own].sum()))
    found: Matrix = (sums + FEW * usual) / (counts + FEW)
    return found


def _filled(part: Matrix, covariance: Matrix) -> Matrix:
    """`part` with what is not known (NaN) as it is expected beside what is, if both vary together as `covariance` says."""
    known = ~np.isnan(part)
    middle = np.nanmean(part, axis=0)
    found = np.where(known, part, middle)
    steady = covariance + np.eye(len(covariance)) * (EASE * np.trace(covariance) / len(covariance))
    patterns, which = np.unique(known, axis=0, return_inverse=True)
    for number, seen in enumerate(patterns):
        if seen.all() or not seen.any():
            continue
        rows = np.flatnonzero(which.ravel() == number)
        share = np.linalg.solve(steady[np.ix_(seen, seen)], steady[np.ix_(seen, ~seen)])
        found[np.ix_(rows, ~seen)] += (part[np.ix_(rows, seen)] - middle[seen]) @ share
    return found


def _bin(features: Matrix, bins: int) -> _Binned:
    edges = [np.unique(np.quantile(column, np.linspace(0, 1, bins + 1)[1:-1])) for column in features.T]
    places = [np.searchsorted(cuts, column, side="left") for cuts, column in zip(edges, features.T, strict=True)]
    return _Binned(places=places, edges=[np.floor(cuts) for cuts in edges])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What is left of prompts along a direction, `wanted`, and how much of that direction is known of each, from 0 to 1."""

    wanted: Matrix
    weights: Matrix


def _questions(
    binned: _Binned, rows: Whole, seen: _Seen, growth: Growth, rng: np.random.Generator
) -> tuple[list[int], list[float]]:
    """The three questions, one after the other, that leave the least unexplained of `rows`."""
    leaf = np.zeros(len(rows), dtype=np.int64)
    asked: list[int] = []
    cuts: list[float] = []
    for level in range(DEPTH):
        usable = np.flatnonzero(rng.random(len(binned.edges)) < growth.columns)
        best, feature, at = 0.0, -1, 0
        for column in usable.tolist():
            places = binned.places[column][rows]
            gain, cut = _best_cut(places, seen, leaf, 1 << level, len(binned.edges[column]), growth)
            if gain > best:
                best, feature, at = gain, column, cut
        if feature < 0:
            asked.append(0)
            cuts.append(float(NEVER))
            leaf = leaf * 2
            continue
        asked.append(feature)
        cuts.append(float(binned.edges[feature][at]))
        leaf = leaf * 2 + (binned.places[feature][rows] > at)
    return asked, cuts


def _best_cut(places: Whole, seen: _Seen, leaf: Whole, leaves: int, cuts: int, growth: Growth) -> tuple[float, int]:
    """How much is explained by the best cut of a feature, and which it is."""
    if cuts == 0:
        return 0.0, 0
    cells = leaf * (cuts + 1) + places
    counts = np.bincount(cells, seen.weights, leaves * (cuts + 1)).reshape(leaves, cuts + 1)
    sums = np.bincount(cells, seen.wanted, leaves * (cuts + 1)).reshape(leaves, cuts + 1)
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


def _values(leaf: Whole, seen: _Seen, growth: Growth) -> Matrix:
    """For each leaf the mean of what is left along the direction, held back."""
    means: Matrix = np.bincount(leaf, seen.wanted, LEAVES) / (np.bincount(leaf, seen.weights, LEAVES) + growth.shrink)
    return means
