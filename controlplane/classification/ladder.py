"""Asks one classifier after the other until one is sure enough."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.model import Classification, Rung, Silence
from controlplane.classification.rules import Hint, classify
from controlplane.classification.votes import VoteTable
from controlplane.policy.model import ClassifierKind, RuleSet
from turnout_features.model import Features

SURE = 0.7
"""The confidence of the rules from which no further rung is asked."""

TABLES = 64
"""Rule sets whose votes are kept worked out; policies of one catalog rarely name more than a few."""

EVERY: Collection[str] = frozenset(ClassifierKind)


class Classifier(Protocol):
    """One rung of the ladder."""

    @property
    def name(self) -> str:
        """What policies and explanations call it."""
        ...

    @property
    def sure(self) -> float:
        """The confidence from which its answer stands, and no further rung is asked."""
        ...

    @property
    def limit(self) -> timedelta | None:
        """How long it may take; what it says later is not listened to."""
        ...

    def __call__(
        self, features: Features, rule_set: RuleSet, hint: Hint, earlier: Classification | None, /
    ) -> Classification | Silence:
        """What a request is taken for, or why nothing can be said.

        What `hint` knows is taken as said. `earlier` is the answer of the rungs before, if any of them gave one: whoever
        is asked after them knows it, so that its own answer goes before theirs.
        """
        ...


class ByRules:
    """The rung that counts the votes of the rule set."""

    name = str(ClassifierKind.RULES)
    limit = None

    def __init__(self, sure: float = SURE) -> None:
        self.sure = sure
        self._tables: dict[bytes, VoteTable] = {}

    def __call__(
        self, features: Features, rule_set: RuleSet, hint: Hint, _earlier: Classification | None = None
    ) -> Classification:
        """See Classifier."""
        return classify(features, self._tables.get(rule_set.digest) or self._work_out(rule_set), hint)

    def _work_out(self, rule_set: RuleSet) -> VoteTable:
        if len(self._tables) >= TABLES:
            self._tables.clear()
        table = self._tables[rule_set.digest] = VoteTable.of(rule_set)
        return table


class Ladder:
    """Classifiers from the quickest to the most thorough. Whatever fails in one, the caller gets an answer.

    `seconds` is a clock that only goes forward; without one nothing is ever late.
    """

    def __init__(
        self,
        rungs: Sequence[Classifier] | None = None,
        failed: Callable[[Classifier, Exception], None] = lambda _rung, _error: None,
        seconds: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._rungs: tuple[Classifier, ...] = (ByRules(),) if rungs is None else tuple(rungs)
        self._failed = failed
        self._seconds = seconds

    def __call__(
        self,
        features: Features,
        rule_set: RuleSet,
        hint: Hint,
        classifiers: Collection[str] = EVERY,
        *,
        told: bool = False,
    ) -> Classification:
        """The first answer that is sure, else the last, for who gave it knew what the others said.

        Only rungs that `classifiers` name are asked; with `told` what each of them said is told. No confidence if all are silent.
        """
        best: Classification | None = None
        rungs: list[Rung] = []
        for rung in self._rungs:
            if rung.name not in classifiers:
                continue
            start = self._seconds()
            answer = self._ask(rung, features, rule_set, hint, best)
            took = self._seconds() - start
            if rung.limit is not None and took > rung.limit.total_seconds():
                answer = Silence(
                    f"took {took * 1000:.0f} ms, more than the {rung.limit / timedelta(milliseconds=1):.0f} ms"
                )
            if told:
                rungs.append(_told(rung.name, answer, took))
            if isinstance(answer, Classification):
                best = answer
                if answer.confidence >= rung.sure:
                    break
        found = best or _nothing_found(hint)
        return replace(found, rungs=tuple(rungs)) if told else found

    def _ask(
        self, rung: Classifier, features: Features, rule_set: RuleSet, hint: Hint, earlier: Classification | None
    ) -> Classification | Silence:
        try:
            return rung(features, rule_set, hint, earlier)
        except Exception as error:  # noqa: BLE001 - a rung may be anything; the next one answers instead
            self._failed(rung, error)
            return Silence(f"failed: {type(error).__name__}")


def _told(name: str, answer: Classification | Silence, took: float) -> Rung:
    if isinstance(answer, Silence):
        return Rung(classifier=name, took=timedelta(seconds=took), silence=answer.reason)
    return Rung(classifier=name, took=timedelta(seconds=took), answer=answer)


def _nothing_found(hint: Hint) -> Classification:
    return Classification(
        task_type=hint.task_type or TaskType.CHAT,
        complexity=hint.complexity or Complexity.MODERATE,
        domain=None,
        confidence=0.0,
        classifier="none",
    )
