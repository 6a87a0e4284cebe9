"""The ladder asks until one is sure, survives any rung, and always answers."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.ladder import SURE, TABLES, ByRules, Classifier, Ladder
from controlplane.classification.model import Classification, Silence
from controlplane.classification.rules import Hint, NoHint
from controlplane.policy.model import ClassifierKind, RuleSet
from tests.unit.classification.rule_sets import features, rule_set
from turnout_features import Features


@dataclass
class Rung:
    """A classifier that says what it was told to."""

    confidence: float
    task_type: TaskType = TaskType.QA
    asked: list[Features] = field(default_factory=list)
    earlier: list[Classification | None] = field(default_factory=list)
    name: str = "test"
    sure: float = SURE
    limit: timedelta | None = None

    def __call__(self, found: Features, _rules: RuleSet, _hint: Hint, earlier: Classification | None) -> Classification:
        self.asked.append(found)
        self.earlier.append(earlier)
        return Classification(
            task_type=self.task_type,
            complexity=Complexity.SIMPLE,
            domain=None,
            confidence=self.confidence,
            classifier="test",
        )


@dataclass
class Broken:
    """A classifier that fails."""

    error: Exception = field(default_factory=lambda: RuntimeError("no model"))
    name: str = "broken"
    sure: float = SURE
    limit: timedelta | None = None

    def __call__(
        self, _found: Features, _rules: RuleSet, _hint: Hint, _earlier: Classification | None
    ) -> Classification:
        raise self.error


@dataclass
class Silent:
    """A classifier that has nothing to say."""

    name: str = "silent"
    sure: float = SURE
    limit: timedelta | None = None

    def __call__(self, _found: Features, _rules: RuleSet, _hint: Hint, _earlier: Classification | None) -> Silence:
        return Silence("no embedding")


EVERYBODY = ("test", "broken", "silent")


def asked(*rungs: Classifier) -> Classification:
    return Ladder(rungs)(features(), rule_set(), NoHint(), EVERYBODY)


def test_the_first_that_is_sure_answers_and_no_other_is_asked() -> None:
    first, second = Rung(SURE, TaskType.CODE), Rung(1.0)
    assert asked(first, second).task_type is TaskType.CODE
    assert (len(first.asked), len(second.asked)) == (1, 0)


def test_one_that_is_not_sure_passes_the_question_on() -> None:
    second = Rung(SURE, TaskType.CODE)
    assert asked(Rung(SURE - 0.01), second).task_type is TaskType.CODE
    assert len(second.asked) == 1


def test_of_those_that_are_not_sure_the_last_answers_for_it_knew_what_the_others_said() -> None:
    first, second, third = Rung(0.3), Rung(0.5), Rung(0.4, TaskType.CODE)
    assert asked(first, second, third).task_type is TaskType.CODE
    assert [rung.earlier[0] and rung.earlier[0].confidence for rung in (first, second, third)] == [None, 0.3, 0.5]


def test_one_that_is_silent_is_passed_by() -> None:
    assert asked(Rung(0.3, TaskType.CODE), Silent()).task_type is TaskType.CODE


def test_a_policy_chooses_who_is_asked() -> None:
    rules = rule_set(patterns={"code": {"task_type=code": 0.3}})
    learned = Rung(SURE, TaskType.CHAT, name="learned")
    ladder = Ladder((ByRules(), learned))
    assert ladder(features("code"), rules, NoHint()).task_type is TaskType.CHAT
    assert ladder(features("code"), rules, NoHint(), (ClassifierKind.RULES,)).task_type is TaskType.CODE
    assert len(learned.asked) == 1


def test_who_wants_to_know_is_told_what_each_said_and_how_long_it_took() -> None:
    seconds = iter(range(100))
    ladder = Ladder((Silent(), Broken(), Rung(0.4)), seconds=lambda: float(next(seconds)))
    told = ladder(features(), rule_set(), NoHint(), EVERYBODY, told=True)
    assert [(rung.classifier, rung.silence) for rung in told.rungs] == [
        ("silent", "no embedding"),
        ("broken", "failed: RuntimeError"),
        ("test", ""),
    ]
    assert {rung.took for rung in told.rungs} == {timedelta(seconds=1)}
    assert [rung.answer and rung.answer.confidence for rung in told.rungs] == [None, None, 0.4]


def test_nobody_else_is_told() -> None:
    assert asked(Silent(), Rung(0.4)).rungs == ()


@pytest.mark.parametrize(("limit", "expected"), [(0.9, TaskType.CODE), (1.1, TaskType.CHAT)])
def test_an_answer_that_comes_too_late_is_not_listened_to(limit: float, expected: TaskType) -> None:
    seconds = iter(range(100))
    late = Rung(SURE, TaskType.CHAT, limit=timedelta(seconds=limit))
    ladder = Ladder((Rung(0.1, TaskType.CODE), late), seconds=lambda: float(next(seconds)))
    assert ladder(features(), rule_set(), NoHint(), EVERYBODY).task_type is expected


def test_a_rung_that_fails_is_told_and_the_next_one_answers() -> None:
    told: list[tuple[Classifier, Exception]] = []
    broken: Classifier = Broken(error := RuntimeError("no model"))
    ladder = Ladder((broken, Rung(SURE, TaskType.CODE)), failed=lambda rung, error: told.append((rung, error)))
    assert ladder(features(), rule_set(), NoHint(), EVERYBODY).task_type is TaskType.CODE
    assert told == [(broken, error)]


@pytest.mark.parametrize("rungs", [(), (Broken(),), (Broken(), Broken(ValueError("bad")))])
def test_a_caller_is_answered_though_every_rung_fails(rungs: tuple[Classifier, ...]) -> None:
    found = asked(*rungs)
    assert (found.task_type, found.complexity) == (TaskType.CHAT, Complexity.MODERATE)
    assert (found.confidence, found.classifier) == (0.0, "none")


def test_a_hint_holds_though_every_rung_fails() -> None:
    hint = NoHint(task_type=TaskType.CODE, complexity=Complexity.EXPERT)
    found = Ladder((Broken(),))(features(), rule_set(), hint, EVERYBODY)
    assert (found.task_type, found.complexity) == (TaskType.CODE, Complexity.EXPERT)


def test_by_default_the_rules_answer() -> None:
    rules = rule_set(patterns={"code": {"task_type=code": 3.0}})
    assert Ladder()(features("code"), rules, NoHint()).task_type is TaskType.CODE


def test_each_rule_set_keeps_its_own_votes() -> None:
    """Also when there are more than are kept worked out."""
    by_rules = ByRules()
    for number in range(TABLES + 5):
        value = "code" if number % 2 else "qa"
        rules = rule_set(patterns={"it": {f"task_type={value}": 3.0}}, digest=bytes([number]) * 32)
        found = by_rules(features("it", digest=rules.digest), rules, NoHint())
        assert found.task_type is TaskType(value)
