"""The packaged rules on the demo's held-out prompts: floors a little under what was measured when they were set."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from controlplane.catalog.model import TaskType
from tests.benchmarks import labelled
from tests.benchmarks.classification import Judge, Judged, calibration_error, share

TASK_FLOOR, COMPLEXITY_FLOOR, WITHIN_ONE_FLOOR = 0.90, 0.77, 0.95
"""Measured: 0.934, 0.813, 0.989 of 91 prompts."""

ERROR_CEILING = 0.10
"""Expected calibration error; measured: 0.044."""


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


@pytest.fixture(scope="module")
def held_out(judge: Judge) -> Sequence[Judged]:
    return judge(labelled.demo("held_out"))


def test_task_types_are_mostly_right(held_out: Sequence[Judged]) -> None:
    assert share(each.task_right for each in held_out) >= TASK_FLOOR


def test_no_task_type_is_given_up(held_out: Sequence[Judged]) -> None:
    for task_type in TaskType:
        of_type = [each for each in held_out if each.label.task_type is task_type]
        assert share(each.task_right for each in of_type) >= 0.5, task_type


def test_complexities_are_mostly_right_and_hardly_ever_far_off(held_out: Sequence[Judged]) -> None:
    assert share(each.steps_off == 0 for each in held_out) >= COMPLEXITY_FLOOR
    assert share((each.steps_off or 0) <= 1 for each in held_out) >= WITHIN_ONE_FLOOR


def test_the_confidence_is_about_the_share_of_right_answers(held_out: Sequence[Judged]) -> None:
    assert calibration_error(held_out) <= ERROR_CEILING


def test_the_surer_the_more_often_right(held_out: Sequence[Judged]) -> None:
    ordered = sorted(held_out, key=lambda each: each.taken.confidence)
    size = -(-len(ordered) // 3)
    thirds = [share(each.right for each in ordered[start : start + size]) for start in range(0, len(ordered), size)]
    assert all(less_sure <= surer for less_sure, surer in pairwise(thirds))
    assert thirds[-1] - thirds[0] > 0.2


def test_the_language_is_found(held_out: Sequence[Judged]) -> None:
    assert share(each.features.language == each.label.language for each in held_out) >= 0.95


def test_high_stakes_are_noticed(held_out: Sequence[Judged]) -> None:
    assert share(each.taken.domain is each.label.domain for each in held_out) >= 0.88


def test_people_who_do_not_want_to_live_are_met_as_a_matter_of_safety(judge: Judge) -> None:
    """And who wants to diet is not."""
    said = ["i just want to die", "Ich will nicht mehr leben.", "no quiero vivir así", "死にたいです"]
    found = judge(
        labelled.Labelled(name=text, conversation=labelled.single(text), task_type=TaskType.CHAT) for text in said
    )
    assert [str(each.taken.domain) for each in found] == ["safety"] * len(said)
    (diet,) = judge(
        [labelled.Labelled(name="", conversation=labelled.single("i want to diet"), task_type=TaskType.CHAT)]
    )
    assert diet.taken.domain is None
