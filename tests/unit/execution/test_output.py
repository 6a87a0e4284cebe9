"""Whether an answer has the form that was asked for."""

import json
import math
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from itertools import count

import jsonschema
import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from dataplane.chat.model import (
    ChatResponse,
    FinishReason,
    FormatKind,
    ResponseFormat,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from dataplane.execution.output import MOST_BYTES, Answer, Gathered, OutputCheck, gathering, judge
from dataplane.execution.schema_bounds import MOST_VALUES, judged
from dataplane.execution.schema_fit import KEPT, SchemaFit

JSON = ResponseFormat(kind=FormatKind.JSON)
CITY: Mapping[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}, "people": {"type": "integer", "minimum": 0}},
    "required": ["city"],
    "additionalProperties": False,
}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('aé"$', max_size=3), inner, max_size=4),
    max_leaves=12,
)


def still() -> float:
    """A clock that stands still: time is never over."""
    return 0.0


FIT = SchemaFit(still)
"""One for most tests, for to begin takes some 10 ms."""


def asked(schema: Mapping[str, object]) -> ResponseFormat:
    return ResponseFormat(kind=FormatKind.JSON_SCHEMA, name="x", schema=schema)


def checked(text: str, schema: Mapping[str, object] | None = None) -> OutputCheck:
    return judge(Answer(form=JSON if schema is None else asked(schema), text=text), FIT)


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ('{"a": 1}', OutputCheck.VALID),
        (' \n{}\n', OutputCheck.VALID),
        ("[1]", OutputCheck.SCHEMA_MISMATCH),
        ("null", OutputCheck.SCHEMA_MISMATCH),
        ("", OutputCheck.NOT_JSON),
        ("Sure! {}", OutputCheck.NOT_JSON),
        ("```json\n{}\n```", OutputCheck.NOT_JSON),
        ('{"a": 1', OutputCheck.NOT_JSON),
        ('{"a": NaN}', OutputCheck.NOT_JSON),
        ('{"a": -Infinity}', OutputCheck.NOT_JSON),
        ("[" * 100_000 + "]" * 100_000, OutputCheck.UNSPECIFIED),
        ("[" + "1" * (sys.get_int_max_str_digits() + 1) + "]", OutputCheck.UNSPECIFIED),
    ],
)  # fmt: skip
def test_json_is_an_object_and_nothing_around_it(text: str, check: OutputCheck) -> None:
    assert checked(text) is check


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ('{"city": "Oslo", "people": 700000}', OutputCheck.VALID),
        ('{"people": 1}', OutputCheck.SCHEMA_MISMATCH),
        ('{"city": "oslo"}', OutputCheck.SCHEMA_MISMATCH),
        ('{"city": "Oslo", "people": -1}', OutputCheck.SCHEMA_MISMATCH),
        ('{"city": "Oslo", "mayor": "?"}', OutputCheck.SCHEMA_MISMATCH),
        ("Oslo", OutputCheck.NOT_JSON),
    ],
)
def test_a_schema_is_held_against_the_answer(text: str, check: OutputCheck) -> None:
    assert checked(text, CITY) is check


@given(value=values)
def test_every_json_value_fits_itself_and_no_other_kind(value: object) -> None:
    text = json.dumps(value)
    assert checked(text, {"const": json.loads(text)}) is OutputCheck.VALID
    assert checked(text, {"not": {}}) is OutputCheck.SCHEMA_MISMATCH


SCHEMAS = st.recursive(
    st.sampled_from(
        [
            {}, {"type": "string"}, {"type": ["integer", "null"]}, {"minimum": 3}, {"maxLength": 2}, {"enum": [1, "a", None]},
            {"type": "array", "uniqueItems": True}, {"minProperties": 1}, {"multipleOf": 0.5}, {"pattern": "^[a-c]+$"},
        ]
    ),
    lambda inner: st.one_of(
        inner.map(lambda each: {"items": each}),
        inner.map(lambda each: {"not": each}),
        inner.map(lambda each: {"properties": {"a": each}, "additionalProperties": False}),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"anyOf": some}),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"oneOf": some}),
    ),
    max_leaves=5,
)  # fmt: skip
SMALL = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 5) | st.sampled_from([0.5, 1.0, 2.25, "a", "abc", "é", ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)


@given(value=SMALL, schema=SCHEMAS)
def test_what_is_judged_is_judged_as_the_library_itself_does(value: object, schema: dict[str, object]) -> None:
    assert FIT(value, schema) is jsonschema.Draft202012Validator(schema).is_valid(value)


@given(value=values, text=st.text(max_size=40))
def test_whatever_a_model_says_there_is_a_judgement(value: object, text: str) -> None:
    for said in (text, json.dumps(value), json.dumps(value)[:-1]):
        assert checked(said, CITY) in OutputCheck


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema.json"},
        {"properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"$ref": "other.json#/a"},
        {"patternProperties": {"(a+)+$": {}}},
        {"unevaluatedProperties": False},
        {"$dynamicRef": "#x"},
        {"allOf": [{"$schema": "http://json-schema.org/draft-07/schema#"}]},
        {"$schema": "https://example.com/mine"},
        {"$schema": 7},
        {"type": "no such type"},
        {"required": "name"},
        {"enum": [0] * MOST_VALUES},
        {"description": "x" * 100_000},
    ],
)  # fmt: skip
def test_a_schema_that_could_do_harm_or_is_none_is_not_judged(schema: dict[str, object]) -> None:
    assert FIT({"a": "x"}, schema) is None


def test_a_deep_schema_is_not_judged() -> None:
    schema: dict[str, object] = {}
    for _ in range(50):
        schema = {"not": schema}
    assert not judged(schema)
    assert FIT(1, schema) is None


def test_an_older_dialect_is_judged_by_its_own_rules() -> None:
    old = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}], "definitions": {}}
    assert FIT(["a", 1], old) is True
    assert FIT([1], old) is False


def test_a_schema_that_refers_to_itself_is_judged() -> None:
    tree = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["v"]}
    assert FIT({"v": 1, "next": {"v": 2}}, tree) is True
    assert FIT({"v": 1, "next": {}}, tree) is False


def doubling(levels: int) -> dict[str, object]:
    """A schema of a few lines whose evaluation takes 2^levels steps."""
    steps: dict[str, object] = {
        f"s{at}": {"allOf": [{"$ref": f"#/$defs/s{at + 1}"}, {"$ref": f"#/$defs/s{at + 1}"}]} for at in range(levels)
    }
    return {"$ref": "#/$defs/s0", "$defs": {**steps, f"s{levels}": {"type": "integer"}}}


def ticking() -> Callable[[], float]:
    """A clock that goes on by a millisecond whenever it is looked at."""
    ticks: Iterator[int] = count()
    return lambda: next(ticks) / 1000


def test_a_bomb_is_given_up_and_the_same_in_small_is_not() -> None:
    assert SchemaFit(ticking(), seconds=0.2)(1, doubling(30)) is None
    assert SchemaFit(ticking(), seconds=0.2)(1, doubling(3)) is True


def test_errors_that_would_quote_the_answer_a_thousand_times_are_not_kept() -> None:
    text, schema = "x" * 500_000, {"anyOf": [{"maxLength": 1}] * 200}
    assert SchemaFit(still)("x", schema) is True
    tracemalloc.start()
    try:
        assert FIT(text, schema) is False
        _, ours = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        assert not jsonschema.Draft202012Validator(schema).is_valid(text)
        _, theirs = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ours < 20 << 20 < theirs


def test_a_worker_does_not_load_the_library_before_it_is_needed() -> None:
    told = "import sys, dataplane.wiring; sys.exit('jsonschema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0


def test_an_endless_reference_ends() -> None:
    with pytest.raises(RecursionError):
        FIT(1, {"$ref": "#"})


def test_a_pattern_that_backtracks_for_ever_elsewhere_is_searched_in_linear_time() -> None:
    assert FIT("a" * 50_000 + "!", {"pattern": "^(a+)+$"}) is False


def test_a_pattern_that_re2_has_no_word_for_is_not_judged_otherwise() -> None:
    with pytest.raises(re2.error):
        FIT("aa", {"pattern": r"(a)\1"})


def test_many_unlike_objects_are_compared_in_no_quadratic_time() -> None:
    many: list[object] = [{"n": at} for at in range(6_000)]
    assert FIT(many, {"uniqueItems": True}) is True
    assert FIT([*many, {"n": 7.0}], {"uniqueItems": True}) is False


def test_an_answer_of_very_many_values_is_not_held_against_a_schema() -> None:
    assert FIT([0] * 30_000, {"type": "array"}) is None
    assert FIT([0] * 10_000, {"type": "array"}) is True


def test_schemas_stay_ready_within_a_bound() -> None:
    fits = SchemaFit(still)
    for least in range(KEPT + 10):
        assert fits(5, {"minimum": least}) is (least <= 5)
    assert len(fits._ready) == KEPT


def test_text_is_gathered_only_where_json_is_asked_for() -> None:
    assert gathering(ResponseFormat()) is None
    assert gathering(JSON) is not None


@given(pieces=st.lists(st.text(max_size=5)))
def test_pieces_of_a_stream_and_parts_of_a_whole_answer_are_the_same_text(pieces: list[str]) -> None:
    streamed, whole = Gathered(JSON), Gathered(JSON)
    for piece in pieces:
        streamed.add(TextDelta(text=piece))
    response = ChatResponse(
        parts=tuple(Text(text=piece) for piece in pieces), finish_reason=FinishReason.STOP, usage=None
    )
    told = streamed.answer(FinishReason.STOP)
    assert told == whole.answer(FinishReason.STOP, response)
    assert told is not None
    assert told.text == "".join(pieces)
    assert "text=" not in repr(told)


@pytest.mark.parametrize("reason", FinishReason)
def test_what_is_no_answer_is_not_judged(reason: FinishReason) -> None:
    gathered = Gathered(JSON)
    gathered.add(TextDelta(text="I cannot"))
    answers = {FinishReason.STOP, FinishReason.LENGTH, FinishReason.UNKNOWN}
    assert (gathered.answer(reason) is not None) == (reason in answers)


@pytest.mark.parametrize("call", [ToolCallDelta(index=0, id="1"), ToolCall(id="1", name="f", arguments="{}")])
def test_an_answer_that_calls_a_tool_is_not_judged(call: ToolCallDelta | ToolCall) -> None:
    gathered = Gathered(JSON)
    gathered.add(TextDelta(text="{}"))
    gathered.add(call)
    gathered.add(TextDelta(text="{}"))
    assert gathered.answer(FinishReason.STOP) is None


def test_a_text_beyond_the_bound_is_let_go_and_one_within_it_is_kept() -> None:
    for size, kept in ((MOST_BYTES // 2, True), (MOST_BYTES // 2 + 1, False)):
        gathered = Gathered(JSON)
        gathered.add(TextDelta(text="é" * size))
        assert (gathered.answer(FinishReason.STOP) is not None) is kept
        assert (gathered._texts is not None) is kept


def test_no_value_is_a_number_that_json_does_not_have() -> None:
    assert math.isinf(json.loads("1e999"))
    assert checked('{"a": 1e999}') is OutputCheck.VALID
