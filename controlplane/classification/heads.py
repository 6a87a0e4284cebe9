"""Linear heads over whole numbers: what the learned classifier consists of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controlplane.classification.votes import COMPLEXITIES, DOMAINS, TASKS

KINDS = len(TASKS) + len(COMPLEXITIES) + 1 + len(DOMAINS)
"""Rows of the weights that are kinds: task types, complexities, no domain, domains."""

ROWS = KINDS + 1
"""All rows; the last one says how sure to be of the others."""

TASK_ROWS = slice(0, len(TASKS))
COMPLEXITY_ROWS = slice(len(TASKS), len(TASKS) + len(COMPLEXITIES))
DOMAIN_ROWS = slice(len(TASKS) + len(COMPLEXITIES), KINDS)
SURE_ROW = KINDS

UNIT = 1 << 16
"""Totals are counted in this part of a logit."""

Numbers = NDArray[np.float64]
"""Whole numbers below 2**53: sums and products of them are exact in double precision, whatever the order."""


WIDEST = 6 * UNIT
"""A wider lead says no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Chances of being right, of the task type and the complexity together.

    How sure to be is counted in totals: that of the last row, and for each of the two axes its lead over the next best, up to
    WIDEST, times a factor in 1/1024, and `same`, where the rules alone say the same. `chances`, in millionths, are what that comes to:
    the one after the last of `reached` that it reaches (isotonic regression).
    Where the caller says what one axis is, the chance of the other is by softmax of its totals over a temperature.
    """

    task_temperature: float
    complexity_temperature: float
    leads: tuple[int, int]
    same: tuple[int, int]
    reached: tuple[int, ...]
    chances: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heads:
    """Weights for inputs in this order: the embedding of `encoder`, structural.NAMES, and `signals` of the rules.

    `weights` has ROWS rows, `bias` as many totals, `votes` what a thousandth of a vote of the rules adds to each row.
    """

    digest: str
    encoder: str
    dimensions: int
    signals: Mapping[str, int]
    """The input of each signal of the packaged rules."""
    weights: Numbers
    bias: Numbers
    votes: Numbers
    calibration: Calibration
