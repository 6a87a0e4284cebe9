"""Classifies a request by the votes of a rule set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.classification.calibration import complexity_chance, task_chance
from controlplane.classification.model import Classification, Signal
from controlplane.classification.votes import COMPLEXITIES, DOMAINS, TASKS, UNIT, VoteTable
from turnout_features.model import Features

DOMAIN_FLOOR = 1_800
"""Thousandths of votes from which a domain is clear."""

UNFOUNDED = 0.3
"""The most confidence without any text, or in features whose signals another rule set found."""

_TASKS_END = len(TASKS)
_COMPLEXITIES_END = _TASKS_END + len(COMPLEXITIES)


class Hint(Protocol):
    """What the caller knows of the kind of work; None where it does not say."""

    @property
    def task_type(self) -> TaskType | None:
        """The kind of work."""
        ...

    @property
    def complexity(self) -> Complexity | None:
        """How much it asks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NoHint:
    """The hint of a caller that says nothing."""

    task_type: TaskType | None = None
    complexity: Complexity | None = None


def classify(features: Features, table: VoteTable, hint: Hint = NoHint()) -> Classification:
    """What `features` speak for by the rule set of `table`; always an answer, with low confidence if they say little.

    Votes of the signals that fired and of the conditions that hold are added to the priors, axis by axis; the value with
    the most wins, the first in order if several do. What `hint` says is taken as said. A domain is named only where its
    votes reach DOMAIN_FLOOR.
    """
    scores, told = _counted(features, table)
    task, task_lead = _winner(scores[:_TASKS_END])
    complexity, complexity_lead = _winner(scores[_TASKS_END:_COMPLEXITIES_END])
    limit = 1.0 if features.characters and features.rule_set_digest == table.digest else UNFOUNDED
    sure_of_task = 1.0 if hint.task_type else min(limit, task_chance(task_lead / UNIT))
    sure_of_complexity = 1.0 if hint.complexity else min(limit, complexity_chance(complexity_lead / UNIT))
    return Classification(
        task_type=hint.task_type or TASKS[task],
        complexity=hint.complexity or COMPLEXITIES[complexity],
        domain=_domain(scores[_COMPLEXITIES_END:]),
        confidence=sure_of_task * sure_of_complexity,
        classifier="hint" if hint.task_type and hint.complexity else "rules",
        signals=told,
        votes=tuple(scores),
    )


def leads(features: Features, table: VoteTable) -> tuple[float, float]:
    """By how much, in logits, the winning task type and complexity lead; what the calibration is fitted to."""
    scores, _ = _counted(features, table)
    return _winner(scores[:_TASKS_END])[1] / UNIT, _winner(scores[_TASKS_END:_COMPLEXITIES_END])[1] / UNIT


def _counted(features: Features, table: VoteTable) -> tuple[list[int], tuple[Signal, ...]]:
    """The votes for each value of all axes, and what they came from."""
    ballots = [table.by_signal[signal] for signal in features.signals if signal in table.by_signal]
    ballots += [
        condition.ballot
        for condition, value in zip(table.conditions, table.compared(features), strict=True)
        if condition.at_least <= value < condition.below
    ]
    scores = list(table.priors)
    told: list[Signal] = []
    for ballot in ballots:
        told += ballot.told
        for slot, weight in ballot.adds:
            scores[slot] += weight
    return scores, tuple(told)


def _winner(scores: Sequence[int]) -> tuple[int, int]:
    """The first of those with the most votes, and its lead over the next."""
    first, second = sorted(scores, reverse=True)[:2]
    return scores.index(first), first - second


def _domain(scores: Sequence[int]) -> Domain | None:
    most = max(scores)
    return DOMAINS[scores.index(most)] if most >= DOMAIN_FLOOR else None
