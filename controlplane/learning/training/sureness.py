"""Fits how sure the learned classifier may be: on families that it had not seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from controlplane.classification.heads import COMPLEXITY_ROWS, TASK_ROWS, UNIT, WIDEST, Calibration
from controlplane.learning.training.descent import descended

Floats = NDArray[np.float64]

SHARES: Mapping[str, float] = MappingProxyType(
    {
        "written": 3.0, "demo": 6.0, "routellm_mmlu": 0.25, "mmlu_pro": 0.25, "routellm_gsm8k": 1.0, "clinc150": 2.0,
        "task_templates": 1.0,
    }
)  # fmt: skip
"""What a prompt of each source counts."""

LEAD_RIDGE, SAME_RIDGE, INPUT_RIDGE = 1e-3, 3e-3, (0.3, 0.03, 0.1)
"""How strongly the factors of leads, of agreement, and of inputs (embedding, structure, signals) are held to zero."""

STEPS = 32
"""Parts of equal weight into which prompts are sorted by how sure one would be; isotonic regression joins them."""

DOUBT = 2.0
"""Right and wrong prompts that are added to each part."""

_AXES = (TASK_ROWS, COMPLEXITY_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guess:
    """What was answered for prompts out of training: totals in logits, votes of the rules, what is right (all by row), inputs
    scaled to about one (`sizes` of embedding, structure and signals), the number of each one's family, and its source.
    """

    scores: Floats
    votes: Floats
    targets: Floats
    inputs: Floats
    spread: Floats
    sizes: tuple[int, int, int]
    families: NDArray[np.int64]
    sources: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sureness:
    """The last row of the heads, and the calibration that belongs to it."""

    weights: Floats
    bias: float
    calibration: Calibration


def sureness(guess: Guess, folds: int) -> Sureness:
    """A logistic regression of being right on both axes, and isotonic regression of what it says of families left out."""
    shares = np.array([SHARES[source] for source in guess.sources])
    known = guess.targets[:, COMPLEXITY_ROWS].sum(axis=1) > 0
    right, inputs = _right(guess), np.hstack([_leads(guess), guess.inputs])
    said = np.zeros(len(right))
    for fold in range(folds):
        out = guess.families == fold
        weights, bias = _fitted(inputs, right, shares, known & ~out, guess.sizes)
        said[out] = inputs[out] @ weights + bias
    weights, bias = _fitted(inputs, right, shares, known, guess.sizes)
    reached, chances = isotonic(said[known], right[known], shares[known])
    heat = [_temperature(guess.scores[:, rows], guess.targets[:, rows], shares) for rows in _AXES]
    calibration = Calibration(
        task_temperature=heat[0],
        complexity_temperature=heat[1],
        leads=(round(float(weights[0]) * 1024), round(float(weights[1]) * 1024)),
        same=(round(float(weights[2]) * UNIT), round(float(weights[3]) * UNIT)),
        reached=tuple(round(step * UNIT) for step in reached),
        chances=tuple(round(chance * 1_000_000) for chance in chances),
    )
    return Sureness(weights=weights[4:] / guess.spread, bias=bias, calibration=calibration)


def _right(guess: Guess) -> Floats:
    """1 where both axes are right, types that are as right too; 0 elsewhere."""
    rows = np.arange(len(guess.scores))
    hits = [guess.targets[:, axis][rows, guess.scores[:, axis].argmax(axis=1)] > 0 for axis in _AXES]
    right: Floats = np.all(hits, axis=0).astype(np.float64)
    return right


def _leads(guess: Guess) -> Floats:
    """Leads of both axes, and whether the rules alone say the same."""
    ordered = [np.sort(guess.scores[:, axis], axis=1) for axis in _AXES]
    leads = [np.minimum(each[:, -1] - each[:, -2], WIDEST / UNIT) for each in ordered]
    same = [guess.scores[:, axis].argmax(axis=1) == guess.votes[:, axis].argmax(axis=1) for axis in _AXES]
    return np.column_stack([*leads, *same])


def _fitted(
    inputs: Floats, right: Floats, shares: Floats, rows: NDArray[np.bool_], sizes: Sequence[int]
) -> tuple[Floats, float]:
    """Weights and bias: two classes, of which the difference counts."""
    ridge = [LEAD_RIDGE] * 2 + [SAME_RIDGE] * 2 + [*np.repeat(INPUT_RIDGE, sizes), 0.0]
    targets = np.column_stack([1 - right[rows], right[rows]]).astype(np.float32)
    found = descended(
        np.hstack([inputs[rows], np.ones((rows.sum(), 1))]).astype(np.float32),
        np.zeros_like(targets),
        targets,
        (shares[rows] / shares[rows].sum()).astype(np.float32),
        np.array(ridge, np.float32),
    )
    weights = found[:, 1] - found[:, 0]
    return weights[:-1], float(weights[-1])


def isotonic(said: Floats, right: Floats, shares: Floats) -> tuple[list[float], list[float]]:
    """From where on which chance holds, by pooling adjacent violators (Ayer and others 1955); the first holds from the least.

    There is one chance more than there are places.
    """
    order = np.argsort(said, kind="stable")
    ends = np.searchsorted(np.cumsum(shares[order]), shares.sum() * np.arange(1, STEPS) / STEPS)
    blocks: list[tuple[float, float, float]] = []
    for part in np.split(order, np.unique(ends)):
        if len(part):
            hits, weight = float(shares[part] @ right[part]), float(shares[part].sum())
            blocks.append((float(said[part].min()), hits + DOUBT, weight + 2 * DOUBT))
        while len(blocks) > 1 and blocks[-2][1] / blocks[-2][2] >= blocks[-1][1] / blocks[-1][2]:
            last, before = blocks.pop(), blocks.pop()
            blocks.append((before[0], before[1] + last[1], before[2] + last[2]))
    return [start for start, _, _ in blocks[1:]], [hits / weight for _, hits, weight in blocks]


def _temperature(scores: Floats, targets: Floats, weights: Floats) -> float:
    known = targets.sum(axis=1) > 0

    def loss(heat: float) -> float:
        shifted = scores[known] / heat
        shifted = shifted - shifted.max(axis=1, keepdims=True)
        log_chances = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return -float((weights[known] * (targets[known] * log_chances).sum(axis=1)).sum())

    return least(loss, [step / 50 for step in range(15, 251)])


def least(loss: Callable[[float], float], among: Sequence[float]) -> float:
    """The one of `among` with the least loss, the first if several."""
    return min(among, key=loss)
