"""Asks one classifier after the other until one is sure enough."""

from collections.abc import Callable, Sequence
from typing import Protocol

from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.model import Classification
from controlplane.classification.rules import Hint, classify
from controlplane.classification.votes import VoteTable
from controlplane.policy.model import RuleSet
from turnout_features.model import Features

SURE = 0.7
"""The confidence from which no further rung is asked."""

TABLES = 64
"""Rule sets whose votes are kept worked out; policies of one catalog rarely name more than a few."""


class Classifier(Protocol):
    """One rung of the ladder."""

    def __call__(self, features: Features, rule_set: RuleSet, hint: Hint, /) -> Classification:
        """What a request is taken for. What `hint` knows is taken as said."""
        ...


class ByRules:
    """The rung that counts the votes of the rule set."""

    def __init__(self) -> None:
        self._tables: dict[bytes, VoteTable] = {}

    def __call__(self, features: Features, rule_set: RuleSet, hint: Hint) -> Classification:
        """See Classifier."""
        return classify(features, self._tables.get(rule_set.digest) or self._work_out(rule_set), hint)

    def _work_out(self, rule_set: RuleSet) -> VoteTable:
        if len(self._tables) >= TABLES:
            self._tables.clear()
        table = self._tables[rule_set.digest] = VoteTable.of(rule_set)
        return table


class Ladder:
    """Classifiers from the quickest to the most thorough. Whatever fails in one, the caller gets an answer."""

    def __init__(
        self,
        rungs: Sequence[Classifier] | None = None,
        failed: Callable[[Classifier, Exception], None] = lambda _rung, _error: None,
    ) -> None:
        self._rungs = (ByRules(),) if rungs is None else tuple(rungs)
        self._failed = failed

    def __call__(self, features: Features, rule_set: RuleSet, hint: Hint) -> Classification:
        """The first answer that is SURE, else the surest; one of no confidence if every rung fails."""
        best, surest = None, 0.0
        for rung in self._rungs:
            try:
                answer = rung(features, rule_set, hint)
            except Exception as error:  # noqa: BLE001 - a rung may be anything; the next one answers instead
                self._failed(rung, error)
                continue
            if answer.confidence > surest:
                best, surest = answer, answer.confidence
            if surest >= SURE:
                break
        return best or _nothing_found(hint)


def _nothing_found(hint: Hint) -> Classification:
    return Classification(
        task_type=hint.task_type or TaskType.CHAT,
        complexity=hint.complexity or Complexity.MODERATE,
        domain=None,
        confidence=0.0,
        classifier="none",
    )
