"""Grows trees that correct the expected quality of many models at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controlplane.learning.model import DEPTH, LEAVES
from controlplane.learning.training.directions import Directions

Matrix = NDArray[np.float64]
Whole = NDArray[np.int64]


NEVER = 1 << 52
"""A threshold that nothing is above."""

MOST = 512
"""Trees of a bag along principal directions, over all tables."""

TINY = 1e-12
"""Less than any sum of squares that says something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How trees are grown: in each of `bags` so many `trees` a table, divided among its principal directions, and so many `lengthwise`.

    Each step takes `rate` of what is left; a leaf's mean is held back as by `shrink` prompts.
    """

    bags: int = 4
    trees: int = 96
    lengthwise: int = 24
    rate: float = 0.12
    shrink: float = 30.0
    least: int = 30
    bins: int = 24
    columns: float = 0.3
    rows: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """Trees as `learning.model.Forest` has them, tree by tree: leaves (trees x 8) are heights along the tree's direction.

    `heights` (prompts x directions) is what they say of the prompts they were grown on: each prompt by the trees that did not see it.
    """

    features: NDArray[np.intp]
    thresholds: Matrix
    leaves: Matrix
    starts: NDArray[np.intp]
    bags: int
    heights: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class _Binned:
    """Features by bins: bin numbers of the prompts, feature by feature, and the upper edge of each bin."""

    places: Sequence[Whole]
    edges: Sequence[Matrix]


def grow(features: Matrix, aims: Directions, growth: Growth, seed: int) -> Grown:
    """Trees for what is wanted along each of the directions: what is common to all of many models shows in one of them more clearly than
    in any model, and so does what sets some apart, while what is left over is mostly chance.

    Each bag has its sample of the prompts; what its trees say of the others shows how far they can be listened to. So all leaves of
    a table's directions shrink by the slope of what is wanted over what is said where it was not seen.
    """
    rng = np.random.default_rng(seed)
    binned = _bin(features, growth.bins)
    bags = [_bag(features, binned, aims, growth, rng) for _ in range(growth.bags)]
    heights = _unseen(bags)
    shrinks = _shrinks(aims, heights)
    grown = [
        (asked, cuts, leaves * shrinks[number] / growth.bags)
        for bag in bags
        for number, trees in enumerate(bag.trees)
        for asked, cuts, leaves in trees
    ]
    counts = [len(trees) for bag in bags for trees in bag.trees]
    return Grown(
        features=np.array([asked for asked, _, _ in grown], dtype=np.intp).reshape(-1, DEPTH),
        thresholds=np.array([cuts for _, cuts, _ in grown]).reshape(-1, DEPTH),
        leaves=np.array([leaves for _, _, leaves in grown]),
        starts=np.concatenate([[0], np.cumsum(counts[:-1])]).astype(np.intp),
        bags=growth.bags,
        heights=heights * shrinks,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bag:
    """Trees by direction, which prompts they saw, and what they say of all (prompts x directions)."""

    trees: Sequence[Sequence[tuple[list[int], list[float], Matrix]]]
    seen: NDArray[np.bool_]
    heights: Matrix


def _bag(features: Matrix, binned: _Binned, aims: Directions, growth: Growth, rng: np.random.Generator) -> _Bag:
    drawn = rng.random(len(features)) < growth.rows
    heights = np.zeros_like(aims.wanted)
    trees: list[list[tuple[list[int], list[float], Matrix]]] = [[] for _ in aims.tables]
    for number in rng.permutation(np.repeat(np.arange(len(aims.tables)), _counts(aims, growth))).tolist():
        rows = np.flatnonzero(drawn & (aims.known[:, number] > 0))
        shares = aims.known[rows, number]
        left = aims.wanted[rows, number] - heights[rows, number]
        seen = _Seen(wanted=left * shares, weights=shares)
        asked, cuts = _questions(binned, rows, seen, growth, rng)
        leaf = _leaf(features, asked, cuts)
        leaves = _values(leaf[rows], seen, growth) * growth.rate
        heights[:, number] += leaves[leaf]
        trees[number].append((asked, cuts, leaves))
    return _Bag(trees=trees, seen=drawn, heights=heights)


def _counts(aims: Directions, growth: Growth) -> Whole:
    """Trees of each direction."""
    tables = np.bincount(aims.tables[~aims.lengthwise], minlength=int(aims.tables.max()) + 1)
    each = min(growth.trees, MOST // len(tables))
    return np.where(aims.lengthwise, growth.lengthwise, np.maximum(1, each // np.maximum(tables[aims.tables], 1)))


def _unseen(bags: Sequence[_Bag]) -> Matrix:
    """What the trees say of each prompt that did not see it; of one that all saw, all of them."""
    unseen = np.array([~bag.seen for bag in bags])
    unseen |= ~unseen.any(axis=0)
    sums = sum(bag.heights * mine[:, None] for bag, mine in zip(bags, unseen, strict=True))
    found: Matrix = sums / unseen.sum(axis=0)[:, None]
    return found


def _shrinks(aims: Directions, heights: Matrix) -> Matrix:
    """For each direction the slope of what is wanted over what is said, from 0 to 1; the same for all principal ones of a table."""
    agree = (heights * aims.wanted * aims.known).sum(axis=0)
    said = (heights * heights * aims.known).sum(axis=0)
    kinds = 2 * aims.tables + aims.lengthwise
    slopes = np.bincount(kinds, agree) / np.maximum(np.bincount(kinds, said), TINY)
    found: Matrix = np.clip(slopes, 0.0, 1.0)[kinds]
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
