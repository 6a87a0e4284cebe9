"""Straight lines through what lines from embeddings and the structure say of prompts: the part of a direction that needs no tree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controlplane.learning.training.directions import Directions

Matrix = NDArray[np.float64]

PENALTY = 100.0
"""How much slopes over features of variance 1 are held back, in prompts."""

ENDS = (0.5, 99.5)
"""Percentiles of a feature: what is farther out counts as there, for a straight line would go on for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slopes:
    """Along each direction `clip(features, low, high) @ weights.T + offsets`; `weights` (directions x features)."""

    weights: Matrix
    offsets: Matrix
    low: Matrix
    high: Matrix

    def __call__(self, features: Matrix) -> Matrix:
        """The heights of prompts (rows of `features`) along each direction."""
        found: Matrix = np.clip(features, self.low, self.high) @ self.weights.T + self.offsets
        return found


def slopes(features: Matrix, aims: Directions, columns: Sequence[Sequence[int]]) -> Slopes:
    """Ridge regression along each direction on the prompts of its table, which count as far as they are known; `columns` are the
    features that each table's directions look at.
    """
    low, high = (np.floor(edge) for edge in np.percentile(features, ENDS, axis=0))
    within = np.clip(features, low, high)
    weights, offsets = np.zeros((len(aims.tables), features.shape[1])), np.zeros(len(aims.tables))
    for number, table in enumerate(aims.tables.tolist()):
        used = aims.known[:, number] > 0
        mine = list(columns[table])
        told = _fit(within[np.ix_(used, mine)], aims.wanted[used, number], aims.known[used, number])
        weights[number, mine], offsets[number] = told
    return Slopes(weights=weights, offsets=offsets, low=low, high=high)


def _fit(features: Matrix, wanted: Matrix, counts: Matrix) -> tuple[Matrix, float]:
    middle = np.average(features, axis=0, weights=counts)
    spread = np.sqrt(np.average((features - middle) ** 2, axis=0, weights=counts))
    spread = np.where(spread > 0, spread, 1.0)
    told = (features - middle) / spread
    mean = float(np.average(wanted, weights=counts))
    square = (told * counts[:, None]).T @ told
    square[np.diag_indices(len(square))] += PENALTY
    found: Matrix = np.linalg.solve(square, (told * counts[:, None]).T @ (wanted - mean)) / spread
    return found, mean - float(middle @ found)
