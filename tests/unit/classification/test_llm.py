"""What a language model is shown and what is taken of its answer leave no room for anything but a classification."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.classification.accepting import AnswerInvalid
from controlplane.classification.llm import FIELDS, MOST, answer_from, quoted, schema

GOOD = {"task_type": "code", "complexity": "expert", "domain": "none", "confidence": 0.75}


def test_a_good_answer_is_taken() -> None:
    found = answer_from(json.dumps(GOOD))
    words = (found.task_type, found.complexity, found.domain, found.confidence, found.classifier)
    assert words == (TaskType.CODE, Complexity.EXPERT, None, 0.75, "llm")
    assert answer_from(json.dumps({**GOOD, "domain": "medical"})).domain is Domain.MEDICAL


@given(st.text(max_size=6_000))
def test_any_text_is_one_json_string_of_a_bounded_length(text: str) -> None:
    shown = json.loads(quoted(text))
    assert len(shown) <= MOST + 1
    assert text.startswith(shown[: MOST // 2])
    quoted(text).encode("utf-8")


@given(st.text(max_size=300) | st.recursive(st.none() | st.text(max_size=9) | st.floats(), st.lists).map(json.dumps))
def test_whatever_else_a_model_says_is_no_answer(said: str) -> None:
    with pytest.raises(AnswerInvalid):
        answer_from(said)


@pytest.mark.parametrize("field", [*FIELDS, "confidence"])
@pytest.mark.parametrize("value", [None, [], {}, True, "", "root", ["qa"]])
def test_a_field_that_holds_anything_else_is_no_answer(field: str, value: object) -> None:
    with pytest.raises(AnswerInvalid):
        answer_from(json.dumps({**GOOD, field: value}))


def test_no_part_of_an_answer_that_is_refused_is_repeated() -> None:
    with pytest.raises(AnswerInvalid) as refused:
        answer_from(json.dumps({**GOOD, "task_type": "secret-words"}))
    assert "secret" not in str(refused.value)


def test_the_schema_has_words_of_closed_sets_and_a_number_alone() -> None:
    made = schema()
    assert made["additionalProperties"] is False
    assert sorted(made["required"]) == sorted([*FIELDS, "confidence"])
    assert all("enum" in made["properties"][field] for field in FIELDS)
