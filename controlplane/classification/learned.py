"""The learned rung: what texts and structures like this one turned out to be, together with what the rules say."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import timedelta
from itertools import compress
from math import exp

import numpy as np

from controlplane.catalog.model import Domain
from controlplane.classification import structural
from controlplane.classification.heads import (
    COMPLEXITY_ROWS,
    DOMAIN_ROWS,
    SURE_ROW,
    TASK_ROWS,
    UNIT,
    WIDEST,
    Calibration,
    Heads,
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

Places = tuple[int, int]
"""Rows of a task type and of a complexity."""

_FAINT = FAINT * UNIT
_STRUCTURE = range(len(structural.NAMES))
_DOMAIN_VOTES = len(TASKS) + len(COMPLEXITIES)
_ROWS = (range(TASK_ROWS.start, TASK_ROWS.stop), range(COMPLEXITY_ROWS.start, COMPLEXITY_ROWS.stop))
_BESIDE = {row: [other for other in rows if other != row] for rows in _ROWS for row in rows}
_VOTES_FOR = (
    {row: f"task_type={TASKS[row]}" for row in _ROWS[0]},
    {row: f"complexity={COMPLEXITIES[row - COMPLEXITY_ROWS.start]}" for row in _ROWS[1]},
)


class ByLearned:
    """The rung of the weights that `heads` gives; it goes on from the votes that the rules counted before it.

    The winner follows from whole numbers alone, so it is the same on every machine.
    """

    sure = SURE
    limit = LIMIT

    def __init__(self, heads: Heads, name: str = str(ClassifierKind.LEARNED)) -> None:
        self.name = name
        self._heads = heads
        size = heads.dimensions
        self._names = [f"{name}.{told}" for told in (*structural.NAMES, *heads.signals)]
        self._text = np.ascontiguousarray(heads.weights[:, :size])
        self._others = np.ascontiguousarray(heads.weights[:, size:].T)

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
        text = self._text.dot(np.frombuffer(embedding.values, np.int8).astype(np.float64))
        places, values = others(features, heads)
        rows = self._others.take(places, axis=0)
        votes = _votes(earlier.votes)
        totals = (
            text + np.array(values, np.float64).dot(rows) + heads.bias + heads.votes * np.array(votes, np.float64)
        ).tolist()
        won = _won(totals, hint)
        next_best = _next_best(totals, won)
        columns = (*won, *next_best)
        moved = self._moved(text.take(columns).tolist(), rows.take(columns, axis=1).T.tolist(), places, values, won)
        return Classification(
            task_type=TASKS[won[0]],
            complexity=COMPLEXITIES[won[1] - COMPLEXITY_ROWS.start],
            domain=_domain(totals[DOMAIN_ROWS]),
            confidence=confidence(totals, won, next_best, votes, hint, heads.calibration),
            classifier="hint" if hint.task_type and hint.complexity else self.name,
            signals=(*earlier.signals, *moved),
            votes=earlier.votes,
        )

    def _moved(
        self,
        text: Sequence[float],
        weights: Sequence[Sequence[float]],
        places: Sequence[int],
        values: Sequence[int],
        won: Places,
    ) -> list[Signal]:
        """What spoke for the answers against the next best, beside the votes of the rules: the text, and other inputs.

        `text` and `weights` are for both answers, then for the next best of both: what the text counts, and each input's weight.
        """
        found: list[Signal] = []
        for axis, row in enumerate(won):
            part = text[axis] - text[axis + 2]
            told = [(f"{self.name}.text", part)] if abs(part) >= _FAINT else []
            strong = [
                (abs(part), place, part)
                for place, value, mine, other in zip(places, values, weights[axis], weights[axis + 2], strict=True)
                if abs(part := value * (mine - other)) >= _FAINT
            ]
            strong.sort(reverse=True)
            told += [(self._names[place], part) for _, place, part in strong[:TOLD]]
            votes_for = _VOTES_FOR[axis][row]
            found += [Signal(name=name, votes_for=votes_for, weight=round(part / UNIT, 3)) for name, part in told]
        return found


def _won(totals: Sequence[float], hint: Hint) -> Places:
    """The rows of the answers: what the caller says, else the first with the most."""
    tasks, complexities = totals[TASK_ROWS], totals[COMPLEXITY_ROWS]
    task = TASKS.index(hint.task_type) if hint.task_type else tasks.index(max(tasks))
    complexity = COMPLEXITIES.index(hint.complexity) if hint.complexity else complexities.index(max(complexities))
    return task, COMPLEXITY_ROWS.start + complexity


def _next_best(totals: Sequence[float], won: Places) -> Places:
    """The rows with the most beside `won`."""
    task, complexity = won
    return (
        max(_BESIDE[task], key=totals.__getitem__),
        max(_BESIDE[complexity], key=totals.__getitem__),
    )


def _foreign(embedding: Embedding, heads: Heads) -> str:
    """Why `embedding` does not belong to `heads`; empty if it does."""
    if embedding.encoder != heads.encoder:
        return f"the embedding is of the encoder {embedding.encoder}, not {heads.encoder}"
    if len(embedding.values) != heads.dimensions:
        return f"the embedding has {len(embedding.values)} dimensions, not {heads.dimensions}"
    return ""


def others(features: Features, heads: Heads) -> tuple[list[int], list[int]]:
    """The inputs after the embedding that are not 0: their places among those, and what they are."""
    structure = structural.numbers(features)
    places = list(compress(_STRUCTURE, structure))
    values = [number for number in structure if number]
    for signal in features.signals:
        if (input_ := heads.signals.get(signal)) is not None:
            places.append(input_ - heads.dimensions)
            values.append(structural.ON)
    return places, values


def _votes(counted: Sequence[int]) -> list[int]:
    """The votes of the rules in the order of the heads' rows; they name a domain from DOMAIN_FLOOR."""
    return [*counted[:_DOMAIN_VOTES], DOMAIN_FLOOR, *counted[_DOMAIN_VOTES:], 0]


def confidence(
    totals: Sequence[float], won: Places, next_best: Places, votes: Sequence[int], hint: Hint, told: Calibration
) -> float:
    """The chance that both answers are right, in millionths: so the last bit of an exponential does not show."""
    if hint.task_type and hint.complexity:
        return 1.0
    if hint.task_type:
        return round(_chance(totals[COMPLEXITY_ROWS], told.complexity_temperature), 6)
    if hint.complexity:
        return round(_chance(totals[TASK_ROWS], told.task_temperature), 6)
    sure = int(totals[SURE_ROW])
    for row, other, factor, same, rows in zip(
        won, next_best, told.leads, told.same, (TASK_ROWS, COMPLEXITY_ROWS), strict=True
    ):
        sure += min(int(totals[row] - totals[other]), WIDEST) * factor >> 10
        alone = votes[rows]
        if alone.index(max(alone)) == row - rows.start:
            sure += same
    return told.chances[bisect_right(told.reached, sure)] / 1_000_000


def _chance(totals: Sequence[float], temperature: float) -> float:
    """The chance of the largest by softmax."""
    most = max(totals)
    scale = 1 / (UNIT * temperature)
    return 1 / sum([exp((total - most) * scale) for total in totals])


def _domain(totals: Sequence[float]) -> Domain | None:
    """The domain with the most, if it is more than none has."""
    most = max(totals)
    place = totals.index(most)
    return None if place == 0 else DOMAINS[place - 1]
