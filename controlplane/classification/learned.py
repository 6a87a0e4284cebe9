"""The learned rung: what texts and structures like this one turned out to be, together with what the rules say."""

from collections.abc import Sequence
from datetime import timedelta
from math import exp, log

import numpy as np

from controlplane.catalog.model import Domain
from controlplane.classification import structural
from controlplane.classification.heads import (
    COMPLEXITY_ROWS,
    DOMAIN_ROWS,
    TASK_ROWS,
    UNIT,
    Heads,
    Numbers,
)
from controlplane.classification.model import Classification, Signal, Silence
from controlplane.classification.rules import DOMAIN_FLOOR, Hint
from controlplane.classification.votes import COMPLEXITIES, DOMAINS, TASKS
from controlplane.policy.model import ClassifierKind, RuleSet
from turnout_features.model import Embedding, Features

SURE = 0.8
"""The confidence from which nothing more thorough is asked."""

LIMIT = timedelta(milliseconds=50)
"""A thousand times what it takes: later than that, something else holds the process up."""

TOLD = 2
"""Structural features and signals that an explanation names for an axis."""

FAINT = 0.05
"""Logits below which a feature is not worth naming."""

_DOMAIN_VOTES = len(TASKS) + len(COMPLEXITIES)
_CERTAIN = 30.0


class ByLearned:
    """The rung of the weights that `heads` gives; it goes on from the votes that the rules counted before it.

    The winner follows from whole numbers alone, so it is the same on every machine.
    """

    name = str(ClassifierKind.LEARNED)
    sure = SURE
    limit = LIMIT

    def __init__(self, heads: Heads) -> None:
        self._heads = heads
        told = [*structural.NAMES, *heads.signals]
        self._names = [""] * heads.dimensions + [f"learned.{name}" for name in told]

    def __call__(
        self, features: Features, _rule_set: RuleSet, hint: Hint, earlier: Classification | None
    ) -> Classification | Silence:
        """See Classifier. Silent without an embedding of the encoder that the weights belong to."""
        heads = self._heads
        if earlier is None or not earlier.votes:
            return Silence("the rules did not count their votes")
        if (embedding := features.embedding) is None:
            return Silence("the features have no embedding")
        if reason := _foreign(embedding, heads):
            return Silence(reason)
        inputs = vector(features, embedding, heads)
        totals = heads.weights @ inputs + heads.bias + heads.votes * _votes(earlier.votes)
        tasks, complexities = totals[TASK_ROWS].tolist(), totals[COMPLEXITY_ROWS].tolist()
        task, task_chance = winner(tasks, heads.calibration.task_temperature)
        complexity, complexity_chance = winner(complexities, heads.calibration.complexity_temperature)
        if hint.task_type:
            task, task_chance = TASKS.index(hint.task_type), 1.0
        if hint.complexity:
            complexity, complexity_chance = COMPLEXITIES.index(hint.complexity), 1.0
        won = (task, COMPLEXITY_ROWS.start + complexity)
        next_best = (_second(tasks, task), COMPLEXITY_ROWS.start + _second(complexities, complexity))
        text, rest = self._moved(inputs, won, next_best)
        moved = self._told(f"task_type={TASKS[task]}", text[0], rest[0])
        moved += self._told(f"complexity={COMPLEXITIES[complexity]}", text[1], rest[1])
        return Classification(
            task_type=TASKS[task],
            complexity=COMPLEXITIES[complexity],
            domain=_domain(totals[DOMAIN_ROWS].tolist()),
            confidence=joint(task_chance, complexity_chance, heads),
            classifier="hint" if hint.task_type and hint.complexity else self.name,
            signals=(*earlier.signals, *moved),
            votes=earlier.votes,
        )

    def _moved(
        self, inputs: Numbers, won: tuple[int, int], next_best: tuple[int, int]
    ) -> tuple[list[float], list[list[tuple[float, int]]]]:
        """What spoke for the answers against the next best, beside the votes of the rules: the text, and the other inputs."""
        weights, size = self._heads.weights, self._heads.dimensions
        parts = (weights.take(won, axis=0) - weights.take(next_best, axis=0)) * inputs
        filled = inputs[size:].nonzero()[0] + size
        places = filled.tolist()
        rest = [list(zip(values, places, strict=True)) for values in parts.take(filled, axis=1).tolist()]
        return np.add.reduce(parts[:, :size], axis=1).tolist(), rest

    def _told(self, votes_for: str, text: float, rest: list[tuple[float, int]]) -> list[Signal]:
        """The text, and TOLD of the inputs that weigh most, in logits."""
        rest.sort()
        most = sorted(rest[:TOLD] + rest[TOLD:][-TOLD:], key=_size, reverse=True)[:TOLD]
        found = [("learned.text", text)] + [(self._names[place], part) for part, place in most]
        return [
            Signal(name=name, votes_for=votes_for, weight=round(part / UNIT, 3))
            for name, part in found
            if abs(part) >= FAINT * UNIT
        ]


def _size(part: tuple[float, int]) -> float:
    return abs(part[0])


def _second(totals: Sequence[float], won: int) -> int:
    """The place of the largest beside the winner."""
    others = [*totals]
    others[won] = float("-inf")
    return others.index(max(others))


def _foreign(embedding: Embedding, heads: Heads) -> str:
    """Why `embedding` does not belong to `heads`; empty if it does."""
    if embedding.encoder != heads.encoder:
        return f"the embedding is of the encoder {embedding.encoder}, not {heads.encoder}"
    if len(embedding.values) != heads.dimensions:
        return f"the embedding has {len(embedding.values)} dimensions, not {heads.dimensions}"
    return ""


def vector(features: Features, embedding: Embedding, heads: Heads) -> Numbers:
    """The inputs of the heads, whole numbers in double precision."""
    size = heads.dimensions
    inputs = np.zeros(heads.weights.shape[1])
    inputs[:size] = np.frombuffer(embedding.values, np.int8)
    structure = structural.numbers(features)
    inputs[size : size + len(structure)] = structure
    for signal in features.signals:
        if (place := heads.signals.get(signal)) is not None:
            inputs[place] = structural.ON
    return inputs


def _votes(counted: Sequence[int]) -> Numbers:
    """The votes of the rules in the order of the heads' rows; they name a domain from DOMAIN_FLOOR."""
    return np.array([*counted[:_DOMAIN_VOTES], DOMAIN_FLOOR, *counted[_DOMAIN_VOTES:]], np.float64)


def winner(totals: Sequence[float], temperature: float) -> tuple[int, float]:
    """The first of the largest totals, and its chance by softmax."""
    most = max(totals)
    scale = 1 / (UNIT * temperature)
    return totals.index(most), 1 / sum([exp((total - most) * scale) for total in totals])


def joint(task: float, complexity: float, heads: Heads) -> float:
    """The chance that both are right, in millionths: so the last bit of a logarithm, which may differ, does not show."""
    told = heads.calibration
    if task == 1.0 and complexity == 1.0:
        return 1.0
    if task == 1.0 or complexity == 1.0:
        return round(task * complexity, 6)
    return round(1 / (1 + exp(-(told.task * _logit(task) + told.complexity * _logit(complexity) + told.bias))), 6)


def _logit(chance: float) -> float:
    return min(log(chance / (1 - chance)), _CERTAIN) if chance < 1 else _CERTAIN


def _domain(totals: Sequence[float]) -> Domain | None:
    """The domain with the most, if it is more than none has."""
    most = max(totals)
    place = totals.index(most)
    return None if place == 0 else DOMAINS[place - 1]
