"""The confidence is a chance: one half at a tie, rising with the lead, and the product over both axes."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.calibration import WIDEST, complexity_chance, task_chance
from controlplane.classification.rules import NoHint, classify, leads
from tests.unit.classification.rule_sets import features, table

LEADS = [step / 20 for step in range(int(WIDEST) * 20 + 1)]


@pytest.mark.parametrize("chance", [task_chance, complexity_chance])
def test_a_tie_is_a_toss_up_and_a_wider_lead_is_surer(chance: Callable[[float], float]) -> None:
    chances = [chance(lead) for lead in LEADS]
    assert chances[0] == 0.5
    assert all(narrow < wide or wide > 0.999 for narrow, wide in pairwise(chances))
    assert chances[-1] <= 1.0


@pytest.mark.parametrize("chance", [task_chance, complexity_chance])
def test_beyond_the_widest_lead_nothing_is_surer(chance: Callable[[float], float]) -> None:
    assert chance(WIDEST + 100) == chance(WIDEST)


def test_the_confidence_is_the_chance_that_both_are_right() -> None:
    made = table(patterns={"code": {"task_type=code": 0.7, "complexity=complex": 0.2}})
    task_lead, complexity_lead = leads(features("code"), made)
    assert (task_lead, complexity_lead) == (0.7, 0.2)
    expected = task_chance(0.7) * complexity_chance(0.2)
    assert classify(features("code"), made).confidence == pytest.approx(expected)


def test_the_lead_is_that_over_the_next_best() -> None:
    votes = {"task_type=code": 2.0, "task_type=qa": 1.75, "task_type=chat": -1.0}
    assert leads(features("code"), table(patterns={"code": votes}))[0] == 0.25


def test_what_the_caller_says_is_certain() -> None:
    made = table(patterns={"code": {"task_type=code": 0.7, "complexity=complex": 0.2}})
    told_task = classify(features("code"), made, NoHint(task_type=TaskType.CHAT))
    assert (told_task.task_type, told_task.classifier) == (TaskType.CHAT, "rules")
    assert told_task.confidence == pytest.approx(complexity_chance(0.2))
    both = NoHint(task_type=TaskType.CHAT, complexity=Complexity.EXPERT)
    told_both = classify(features("code"), made, both)
    assert (told_both.complexity, told_both.confidence, told_both.classifier) == (Complexity.EXPERT, 1.0, "hint")
