"""Trains the heads of the learned classifier: multinomial logistic regression beside the votes of the rules."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from controlplane.classification import structural
from controlplane.classification.heads import COMPLEXITY_ROWS, DOMAIN_ROWS, ROWS, TASK_ROWS, UNIT, Calibration, Heads
from controlplane.classification.rules import DOMAIN_FLOOR
from controlplane.classification.votes import COMPLEXITIES, DOMAINS, TASKS
from controlplane.learning.training.classes import Read
from controlplane.learning.training.example import Example

Floats = NDArray[np.float64]

MOST = {"clinc150": 1500, "routellm_mmlu": 1200, "mmlu_pro": 700, "task_templates": 2500}
"""Prompts of a whole set, spread evenly."""

SHARES: Mapping[str, float] = MappingProxyType(
    {
        "written": 6.0, "demo": 6.0, "routellm_mmlu": 0.25, "mmlu_pro": 0.25, "routellm_gsm8k": 0.4, "clinc150": 0.2,
        "task_templates": 0.3,
    }
)  # fmt: skip
"""What a prompt of each source counts: what people write counts more than what exams and templates ask."""

HARD_SHARES: Mapping[str, float] = MappingProxyType(
    {**SHARES, "written": 3.0, "demo": 12.0, "routellm_mmlu": 0.05, "mmlu_pro": 0.05}
)
"""The same for the complexity: an exam's is known as a whole only, and says little of each of its questions."""

ALSO = 0.2
"""How much of a prompt's weight goes to the task types that are as right."""

FOLDS = 4
STEPS = 120
_EASE = 8.0
"""Added to the spread of each input, so that what hardly varies cannot weigh much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One head: its rows, how strongly inputs are held to zero (embedding, structure, signals), what a vote and a source count."""

    rows: slice
    ridge: tuple[float, float, float]
    votes: float
    shares: Mapping[str, float]

    def weights(self, sources: Sequence[str]) -> Floats:
        """What prompts of `sources` count."""
        return np.array([self.shares[source] for source in sources])


AXES = (
    Axis(rows=TASK_ROWS, ridge=(0.1, 0.003, 0.01), votes=1.5, shares=SHARES),
    Axis(rows=COMPLEXITY_ROWS, ridge=(0.5, 0.03, 0.1), votes=4.0, shares=HARD_SHARES),
    Axis(rows=DOMAIN_ROWS, ridge=(0.1, 0.01, 0.03), votes=1.5, shares=SHARES),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Examples as arrays: inputs, votes of the rules in logits, targets for each row (0 where unknown), and their sources."""

    inputs: Floats
    votes: Floats
    targets: Floats
    sources: Sequence[str]


def chosen(examples: Sequence[Example]) -> list[Example]:
    """At most MOST of a source, spread evenly."""
    by_source: dict[str, list[Example]] = {}
    for one in examples:
        by_source.setdefault(one.source, []).append(one)
    return [
        one for source, found in by_source.items() for one in found[:: -(-len(found) // MOST.get(source, len(found)))]
    ]


def trained(read: Sequence[Read], encoder: str) -> Heads:
    """Heads for `read`, quantised, with the calibration that families left out in turn give."""
    signals = sorted({signal for one in read for signal in one.features.signals})
    table = tabled(read, signals)
    families = np.array([hash_of(one.example.family) % FOLDS for one in read])
    scores = np.zeros((len(read), ROWS))
    for fold in range(FOLDS):
        out = families == fold
        weights, bias = solved(table, ~out, len(signals))
        scores[out] = table.inputs[out] @ weights.T + bias + _scaled(table.votes[out])
    weights, bias = solved(table, np.ones(len(read), bool), len(signals))
    size = table.inputs.shape[1] - len(signals) - len(structural.NAMES)
    votes = np.concatenate([np.full(_count(axis.rows), axis.votes) for axis in AXES])
    return Heads(
        digest="",
        encoder=encoder,
        dimensions=size,
        signals={name: size + len(structural.NAMES) + number for number, name in enumerate(signals)},
        weights=np.clip(np.round(weights * UNIT), -32767, 32767),
        bias=np.round(bias * UNIT),
        votes=np.round(votes * UNIT / 1000),
        calibration=calibrated(scores, table),
    )


def hash_of(name: str) -> int:
    """A number that depends on the name alone."""
    return sum(byte * (31 ** (place % 7)) for place, byte in enumerate(name.encode()))


def tabled(read: Sequence[Read], signals: Sequence[str]) -> Table:
    """The arrays of `read`."""
    place = {signal: number for number, signal in enumerate(signals)}
    fired = np.zeros((len(read), len(signals)))
    for number, one in enumerate(read):
        for signal in one.features.signals:
            if signal in place:
                fired[number, place[signal]] = structural.ON
    inputs = np.hstack(
        [
            np.array([np.frombuffer(one.embedding.values, np.int8) for one in read], np.float64),
            np.array([structural.numbers(one.features) for one in read], np.float64),
            fired,
        ]
    )
    sources = [one.example.source for one in read]
    return Table(inputs=inputs, votes=_votes(read), targets=np.array([_target(one) for one in read]), sources=sources)


def _votes(read: Sequence[Read]) -> Floats:
    """Votes of the rules for every row; none of the domains has DOMAIN_FLOOR."""
    counted = np.array([one.by_rules.votes for one in read], np.float64)
    floor = np.full((len(read), 1), float(DOMAIN_FLOOR))
    first = len(TASKS) + len(COMPLEXITIES)
    return np.hstack([counted[:, :first], floor, counted[:, first:]]) / 1000


def _target(one: Read) -> list[float]:
    example = one.example
    task = [float(kind is example.task_type) for kind in TASKS]
    if example.also:
        task = [(1 - ALSO) * hit for hit in task]
        for kind in example.also:
            task[TASKS.index(kind)] += ALSO / len(example.also)
    complexity = [float(kind is example.complexity) for kind in COMPLEXITIES]
    domain = [float(example.domain_known and kind is example.domain) for kind in (None, *DOMAINS)]
    return [*task, *complexity, *domain]


def solved(table: Table, chosen_rows: NDArray[np.bool_], signals: int) -> tuple[Floats, Floats]:
    """Weights and bias of all rows, by multinomial logistic regression with the votes of the rules as offset."""
    spread = table.inputs.std(axis=0) + _EASE
    scaled = (table.inputs / spread).astype(np.float32)
    weights, bias = np.zeros((ROWS, table.inputs.shape[1])), np.zeros(ROWS)
    sizes = (table.inputs.shape[1] - signals - len(structural.NAMES), len(structural.NAMES), signals)
    for axis in AXES:
        known = chosen_rows & (table.targets[:, axis.rows].sum(axis=1) > 0)
        counts = axis.weights(table.sources)[known]
        found = _descended(
            np.hstack([scaled[known], np.ones((known.sum(), 1), np.float32)]),
            (axis.votes * table.votes[known][:, axis.rows]).astype(np.float32),
            table.targets[known][:, axis.rows].astype(np.float32),
            (counts / counts.sum()).astype(np.float32),
            np.append(np.repeat(axis.ridge, sizes), 0.0).astype(np.float32),
        )
        weights[axis.rows], bias[axis.rows] = (found[:-1] / spread[:, None]).T, found[-1]
    return weights, bias


def _descended(
    inputs: NDArray[np.float32],
    offset: NDArray[np.float32],
    targets: NDArray[np.float32],
    weights: NDArray[np.float32],
    ridge: NDArray[np.float32],
) -> Floats:
    """The minimum of the weighted cross-entropy plus ridge, by Adam (Kingma and Ba 2015) with a step that falls as a cosine."""
    found = np.zeros((inputs.shape[1], targets.shape[1]), np.float32)
    mean, square = np.zeros_like(found), np.zeros_like(found)
    for step in range(1, STEPS + 1):
        chances = _softmax(inputs @ found + offset)
        slope = inputs.T @ ((chances - targets) * weights[:, None]) + ridge[:, None] * found
        mean = 0.9 * mean + 0.1 * slope
        square = 0.98 * square + 0.02 * slope * slope
        rate = 0.025 * (1 + math.cos(math.pi * step / STEPS)) + 1e-4
        found -= np.float32(rate) * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.98**step)) + 1e-8)
    return found.astype(np.float64)


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    softmax: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return softmax


def calibrated(scores: Floats, table: Table) -> Calibration:
    """Temperatures of least cross-entropy, and Platt scaling of both chances for being right on both axes."""
    counts = AXES[1].weights(table.sources)
    task = _temperature(scores[:, TASK_ROWS], table.targets[:, TASK_ROWS], counts)
    complexity = _temperature(scores[:, COMPLEXITY_ROWS], table.targets[:, COMPLEXITY_ROWS], counts)
    known = table.targets[:, COMPLEXITY_ROWS].sum(axis=1) > 0
    parts = [
        _logits(scores[known][:, rows] / heat) for rows, heat in ((TASK_ROWS, task), (COMPLEXITY_ROWS, complexity))
    ]
    right = np.all(
        [
            table.targets[known][:, rows][np.arange(known.sum()), scores[known][:, rows].argmax(axis=1)] > 0
            for rows in (TASK_ROWS, COMPLEXITY_ROWS)
        ],
        axis=0,
    )
    found = _platt(np.column_stack([*parts, np.ones(known.sum())]), right.astype(float), counts[known])
    return Calibration(
        task_temperature=round(task, 3),
        complexity_temperature=round(complexity, 3),
        task=round(float(found[0]), 3),
        complexity=round(float(found[1]), 3),
        bias=round(float(found[2]), 3),
    )


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


def _logits(scores: Floats) -> Floats:
    """The logit of the winner's chance."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    chance = np.clip(1 / powers.sum(axis=1), 1e-9, 1 - 1e-9)
    logits: Floats = np.log(chance / (1 - chance))
    return logits


def _platt(inputs: Floats, right: Floats, weights: Floats) -> Floats:
    """Logistic regression by Newton's method with short steps, and a light ridge."""
    found = np.array([0.5, 0.5, 0.0])
    scaled = weights / weights.sum()
    for _ in range(200):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ found, -30, 30)))
        slope = inputs.T @ (scaled * (chance - right)) + 1e-3 * found
        curve = (inputs * (scaled * chance * (1 - chance))[:, None]).T @ inputs + 1e-3 * np.eye(3)
        step = np.linalg.solve(curve, slope)
        found = found - step * min(1.0, 0.1 / float(np.abs(step).max(initial=1e-9)))
    return found


def _scaled(votes: Floats) -> Floats:
    return np.hstack([axis.votes * votes[:, axis.rows] for axis in AXES])


def _count(rows: slice) -> int:
    return int(rows.stop) - int(rows.start)
