"""The ways in which results of a table differ: principal directions in the space of its models, and how long answers are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controlplane.learning.model import LENGTH, OTHERS

Matrix = NDArray[np.float64]
Whole = NDArray[np.int64]

MOST = 8
"""Principal directions of a table."""

FEW = 60.0
"""Prompts with results of two models that weigh as much as what is known of any two."""

EASE = 0.05
"""The part of the mean variance that is added to each, so that chance in how models vary together is not taken at its word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directions:
    """What is to be explained of prompts, along each direction: `wanted` (prompts x directions), and how much of it is `known` of
    each prompt, from 0 to 1; nothing of those of other tables than the direction's, of which `tables` (directions) tells.

    `weights` (directions x models + 2, as Forest.directions) have length 1 without that of OTHERS, which is the mean over the
    models of the table. Those of one table are at right angles.
    """

    tables: Whole
    weights: Matrix
    wanted: Matrix
    known: Matrix

    @property
    def lengthwise(self) -> NDArray[np.bool_]:
        """Which of them are about lengths of answers."""
        found: NDArray[np.bool_] = self.weights[:, LENGTH] != 0
        return found


def directions(residuals: Matrix, longer: Matrix, tables: Whole) -> Directions:
    """Of each table the principal directions of its `residuals` (prompts x models, NaN where unknown), about their means, and one for
    how much `longer` its answers are than usual (prompts, NaN where unknown).

    What is not known of a prompt is filled in by what the other models of it let expect: else what all have in common would be
    missing from it.
    """
    of, weights, wanted, known = [], [], [], []
    for table in range(int(tables.max()) + 1):
        mine = tables == table
        for axis, height, share in [*_principal(residuals[mine]), *_lengthwise(longer[mine], residuals.shape[1])]:
            of.append(table)
            weights.append(axis)
            wanted.append(_spread(height, mine))
            known.append(_spread(share, mine))
    return Directions(
        tables=np.array(of, dtype=np.int64),
        weights=np.array(weights),
        wanted=np.array(wanted).T,
        known=np.array(known).T,
    )


def _spread(values: Matrix, mine: NDArray[np.bool_]) -> Matrix:
    found = np.zeros(len(mine))
    found[mine] = values
    return found


def _principal(part: Matrix) -> list[tuple[Matrix, Matrix, Matrix]]:
    """Weights, what is wanted and how much is known of each prompt, by direction."""
    present = np.flatnonzero(~np.isnan(part).all(0))
    if not len(present):
        return []
    mine = part[:, present]
    covariance = _covariance(mine)
    filled, known = _filled(mine, covariance), ~np.isnan(mine)
    found = []
    for axis in np.linalg.eigh(covariance)[1].T[::-1][:MOST]:
        weights = np.zeros(part.shape[1] + 2)
        weights[present], weights[OTHERS] = axis, axis.mean()
        found.append((weights, filled @ axis, known @ (axis * axis)))
    return found


def _lengthwise(longer: Matrix, models: int) -> list[tuple[Matrix, Matrix, Matrix]]:
    known = ~np.isnan(longer)
    if not known.any():
        return []
    weights = np.zeros(models + 2)
    weights[LENGTH] = 1.0
    return [(weights, np.where(known, longer, 0.0), known.astype(np.float64))]


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
