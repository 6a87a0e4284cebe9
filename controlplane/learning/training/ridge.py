"""Straight-line predictions of results from embeddings, and places of the texts among them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

HARSH, MILD = 60.0, 8.0
"""How much weights are held back, in rows: for results, which are noisy, and for subjects, which are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """`rows @ weights + offsets`."""

    weights: Matrix
    offsets: Matrix

    def __call__(self, rows: Matrix) -> Matrix:
        """Predictions, one row for each of `rows`."""
        return rows @ self.weights + self.offsets


def ridge(rows: Matrix, targets: Matrix, penalty: float) -> Lines:
    """Least squares with a penalty on weights; columns of `targets` are fitted each on the rows where they are known (not NaN)."""
    known = ~np.isnan(targets)
    weights, offsets = np.zeros((rows.shape[1], targets.shape[1])), np.zeros(targets.shape[1])
    patterns, which = np.unique(known.T, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        columns = np.flatnonzero(which.ravel() == number)
        if pattern.sum() < 2:
            continue
        fitted = _fit(rows[pattern], targets[np.ix_(pattern, columns)], penalty)
        weights[:, columns], offsets[columns] = fitted.weights, fitted.offsets
    return Lines(weights=weights, offsets=offsets)


def _fit(rows: Matrix, targets: Matrix, penalty: float) -> Lines:
    middle, mean = rows.mean(0), targets.mean(0)
    centred = rows - middle
    square = centred.T @ centred
    square[np.diag_indices(len(square))] += penalty
    weights = np.linalg.solve(square, centred.T @ (targets - mean))
    return Lines(weights=weights, offsets=mean - middle @ weights)


def centres(rows: Matrix, count: int, seed: int, rounds: int = 8) -> Matrix:
    """Places, each of length 1, that the texts lie around (spherical k-means)."""
    rng = np.random.default_rng(seed)
    found = rows[rng.choice(len(rows), min(count, len(rows)), replace=False)]
    for _ in range(rounds):
        nearest = np.argmax(rows @ found.T, axis=1)
        sums = np.zeros_like(found)
        np.add.at(sums, nearest, rows)
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        found = np.where(length > 0, sums / np.maximum(length, 1e-12), found)
    return found


def summaries(scores: Matrix) -> Matrix:
    """What is worth predicting of a table's scores (prompts x models): each model of a few; of many, groups by ability."""
    present = scores[:, ~np.isnan(scores).all(0)]
    if present.shape[1] <= 4:
        return present
    order: Sequence[int] = np.argsort(np.nanmean(present, axis=0)).tolist()
    groups = [present[:, part.tolist()] for part in np.array_split(np.array(order), 4)]
    with np.errstate(invalid="ignore"):
        means = [_row_means(group) for group in groups]
    return np.stack([*means, means[-1] - means[0]], axis=1)


def _row_means(rows: Matrix) -> Matrix:
    known = ~np.isnan(rows)
    count = known.sum(1)
    sums = np.where(known, rows, 0.0).sum(1)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)
