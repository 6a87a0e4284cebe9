"""Trains the heads of the learned classifier: multinomial logistic regression beside the votes of the rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from controlplane.classification import structural
from controlplane.classification.heads import COMPLEXITY_ROWS, DOMAIN_ROWS, KINDS, TASK_ROWS, UNIT, Heads
from controlplane.classification.rules import DOMAIN_FLOOR
from controlplane.classification.votes import COMPLEXITIES, DOMAINS, TASKS
from controlplane.learning.training.classes import Read
from controlplane.learning.training.descent import Floats, descended
from controlplane.learning.training.example import Example
from controlplane.learning.training.sureness import Guess, sureness

MOST = {"clinc150": 1500, "routellm_mmlu": 1200, "mmlu_pro": 700, "task_templates": 2500}
"""Prompts of a whole set, spread evenly."""

SHARES: Mapping[str, float] = MappingProxyType(
    {
        "written": 6.0, "demo": 6.0, "routellm_mmlu": 0.25, "mmlu_pro": 0.25, "routellm_gsm8k": 0.4, "clinc150": 0.2,
        "task_templates": 0.3,
    }
)  # fmt: skip
"""What a prompt of each source counts: what people write counts more than what exams and templates ask."""

HARD_SHARES: Mapping[str, float] = MappingProxyType({**SHARES, "written": 3.0, "routellm_mmlu": 0.1, "mmlu_pro": 0.1})
"""The same for the complexity: an exam's is known as a whole only, and says little of each of its questions."""

ALSO = 0.2
"""How much of a prompt's weight goes to the task types that are as right."""

FOLDS = 4
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
    Axis(rows=COMPLEXITY_ROWS, ridge=(0.5, 0.03, 0.1), votes=3.0, shares=HARD_SHARES),
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
    scores = np.zeros((len(read), KINDS))
    for fold in range(FOLDS):
        out = families == fold
        weights, bias = solved(table, ~out, len(signals))
        scores[out] = table.inputs[out] @ weights.T + bias + _scaled(table.votes[out])
    weights, bias = solved(table, np.ones(len(read), bool), len(signals))
    size = table.inputs.shape[1] - len(signals) - len(structural.NAMES)
    votes = np.concatenate([*(np.full(_count(axis.rows), axis.votes) for axis in AXES), [0.0]])
    guess = Guess(
        scores=scores,
        votes=table.votes,
        targets=table.targets,
        inputs=table.inputs / spread_of(table),
        spread=spread_of(table),
        sizes=(size, len(structural.NAMES), len(signals)),
        families=families,
        sources=table.sources,
    )
    sure = sureness(guess, FOLDS)
    return Heads(
        digest="",
        encoder=encoder,
        dimensions=size,
        signals={name: size + len(structural.NAMES) + number for number, name in enumerate(signals)},
        weights=np.clip(np.round(np.vstack([weights, sure.weights]) * UNIT), -32767, 32767),
        bias=np.round(np.append(bias, sure.bias) * UNIT),
        votes=np.round(votes * UNIT / 1000),
        calibration=sure.calibration,
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


def spread_of(table: Table) -> Floats:
    """By how much each input varies, and a little."""
    spread: Floats = table.inputs.std(axis=0) + _EASE
    return spread


def solved(table: Table, chosen_rows: NDArray[np.bool_], signals: int) -> tuple[Floats, Floats]:
    """Weights and bias of all rows, by multinomial logistic regression with the votes of the rules as offset."""
    spread = spread_of(table)
    scaled = (table.inputs / spread).astype(np.float32)
    weights, bias = np.zeros((KINDS, table.inputs.shape[1])), np.zeros(KINDS)
    sizes = (table.inputs.shape[1] - signals - len(structural.NAMES), len(structural.NAMES), signals)
    for axis in AXES:
        known = chosen_rows & (table.targets[:, axis.rows].sum(axis=1) > 0)
        counts = axis.weights(table.sources)[known]
        found = descended(
            np.hstack([scaled[known], np.ones((known.sum(), 1), np.float32)]),
            (axis.votes * table.votes[known][:, axis.rows]).astype(np.float32),
            table.targets[known][:, axis.rows].astype(np.float32),
            (counts / counts.sum()).astype(np.float32),
            np.append(np.repeat(axis.ridge, sizes), 0.0).astype(np.float32),
        )
        weights[axis.rows], bias[axis.rows] = (found[:-1] / spread[:, None]).T, found[-1]
    return weights, bias


def _scaled(votes: Floats) -> Floats:
    return np.hstack([axis.votes * votes[:, axis.rows] for axis in AXES])


def _count(rows: slice) -> int:
    return int(rows.stop) - int(rows.start)
