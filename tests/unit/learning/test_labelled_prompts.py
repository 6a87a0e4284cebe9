"""The prompts and labels that the learned classifier is made of hold what they promise."""

from collections import Counter

import pytest

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.learning.training.example import Example, Split
from controlplane.learning.training.public import table
from controlplane.learning.training.written import demo, talk, written
from turnout_features import Speaker

LANGUAGES = 15


@pytest.fixture(scope="module")
def prompts() -> list[Example]:
    return list(written())


def text(example: Example) -> str:
    return "\n".join(one.text for one in example.conversation.utterances)


def test_every_kind_of_work_and_every_complexity_is_there(prompts: list[Example]) -> None:
    assert len(prompts) >= 600
    tasks = Counter(one.task_type for one in prompts)
    assert all(tasks[kind] >= 50 for kind in TaskType)
    assert all(count >= 30 for count in Counter(one.complexity for one in prompts).values())
    assert {one.complexity for one in prompts} == set(Complexity)
    assert {one.domain for one in prompts} == {None, *Domain}


def test_many_languages_are_there(prompts: list[Example]) -> None:
    assert len({one.language for one in prompts} - {""}) >= LANGUAGES


def test_no_prompt_is_there_twice(prompts: list[Example]) -> None:
    assert [said for said, count in Counter(map(text, prompts)).items() if count > 1] == []


def test_no_family_is_divided_and_every_kind_of_work_is_held_out(prompts: list[Example]) -> None:
    sides: dict[str, set[Split]] = {}
    for one in prompts:
        sides.setdefault(one.family, set()).add(one.split)
    assert all(len(found) == 1 for found in sides.values())
    assert {one.task_type for one in prompts if one.split is Split.HELD_OUT} == set(TaskType)


def test_no_prompt_of_the_demonstration_is_trained_on_that_is_held_out_there(prompts: list[Example]) -> None:
    held_out = {text(one) for one in demo() if one.split is Split.HELD_OUT}
    assert held_out
    assert held_out.isdisjoint(text(one) for one in prompts)


def test_a_talk_has_a_system_prompt_and_speakers_in_turn() -> None:
    said = talk("SYSTEM: Be brief. || hi || hey || bye").utterances
    assert [(one.speaker, one.text) for one in said] == [
        (Speaker.SYSTEM, "Be brief."),
        (Speaker.USER, "hi"),
        (Speaker.ASSISTANT, "hey"),
        (Speaker.USER, "bye"),
    ]


def test_every_label_of_the_public_sets_is_one_of_ours() -> None:
    sets, templates = table("sets.tsv"), table("templates.tsv")
    assert (len(sets), len(templates)) == (236, 180)
    for row in [*sets, *templates]:
        assert TaskType(row["task_type"])
        assert all(map(TaskType, row["also"].split()))
        assert not row["complexity"] or Complexity(row["complexity"])
        assert row.get("domain", "") in {"", "-", *Domain}
        assert Split(row["split"])


def test_no_family_of_templates_is_divided() -> None:
    sides: dict[str, set[str]] = {}
    for row in table("templates.tsv"):
        sides.setdefault(row["family"], set()).add(row["split"])
    assert all(len(found) == 1 for found in sides.values())
