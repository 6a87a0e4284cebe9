"""Linear heads over whole numbers: what the learned classifier consists of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controlplane.classification.votes import COMPLEXITIES, DOMAINS, TASKS

ROWS = len(TASKS) + len(COMPLEXITIES) + 1 + len(DOMAINS)
"""Rows of the weights: task types, complexities, no domain, domains."""

TASK_ROWS = slice(0, len(TASKS))
COMPLEXITY_ROWS = slice(len(TASKS), len(TASKS) + len(COMPLEXITIES))
DOMAIN_ROWS = slice(len(TASKS) + len(COMPLEXITIES), ROWS)

UNIT = 1 << 16
"""Totals are counted in this part of a logit."""

Numbers = NDArray[np.float64]
"""Whole numbers below 2**53: sums and products of them are exact in double precision, whatever the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Chances of being right: softmax of the totals over a temperature, and how chances of two heads make one.

    The joint chance is the logistic of `task`·logit(p of the task type) + `complexity`·logit(p of the complexity) + `bias`
    (Platt scaling of both together).
    """

    task_temperature: float
    complexity_temperature: float
    task: float
    complexity: float
    bias: float


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
