"""A request's body keeps every byte that nobody had to change."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.gateway.body import members
from dataplane.gateway.model import BadRequest
from dataplane.provider.model import Endpoint, Original
from dataplane.provider.original import member, name_span, written

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)
objects = st.dictionaries(st.text(max_size=8), values, max_size=6)
layouts = st.sampled_from([{}, {"indent": 1}, {"separators": (" ,\t", " :\n ")}, {"ensure_ascii": False}])


def original(text: str) -> Original:
    """A request of that text."""
    return Original(endpoint=Endpoint.MESSAGES, text=text, spans=members(text)[1])


@given(objects, layouts)
def test_every_member_is_found_where_it_stands(value: dict[str, Any], layout: dict[str, Any]) -> None:
    text = json.dumps(value, **layout).encode("utf-8", "replace").decode()
    found, spans = members(text)
    assert {name: json.loads(text[start:end]) for name, (start, end) in spans.items()} == json.loads(text)
    assert found.keys() == spans.keys()


@given(objects, layouts, st.dictionaries(st.text(max_size=8), scalars, max_size=3))
def test_what_is_put_in_is_there_and_everything_else_as_it_was(
    value: dict[str, Any], layout: dict[str, Any], changes: dict[str, Any]
) -> None:
    text = json.dumps(value, **layout).encode("utf-8", "replace").decode()
    before = original(text)
    after = original(written(before, changes).decode("utf-8", "replace"))
    for name in before.spans.keys() - changes.keys():
        start, end = before.spans[name]
        assert after.text[slice(*after.spans[name])] == text[start:end]
    assert after.spans.keys() == before.spans.keys() | {each.encode("utf-8", "replace").decode() for each in changes}


@given(objects, layouts)
def test_a_body_that_nothing_is_put_into_is_the_same_to_the_byte(value: dict[str, Any], layout: dict[str, Any]) -> None:
    text = json.dumps(value, **layout).encode("utf-8", "replace").decode()
    assert written(original(text), {}).decode() == text


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        value, _ = members(text)
    except BadRequest:
        return
    assert isinstance(json.loads(text), dict)
    assert value.keys() == json.loads(text).keys()


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"a":1,"a":2}', '{"a":}', '{"a":1}x', '{"a":NaN}', '{"a":1,}', "{,}"]
)
def test_what_is_no_single_object_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        members(text)


def test_a_body_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(BadRequest, match="nested"):
        members('{"a":' * 100_000)


def test_a_member_is_read_alone() -> None:
    found = original('{"stream_options" : {"include_usage":false}, "x": 1}')
    assert member(found, "stream_options") == {"include_usage": False}
    assert member(found, "absent") is None


@pytest.mark.parametrize("text", ['{"a": {"max": 1}, "max" :\n 5, "b": "max"}', '{"max":5}', '{"max":"\\"max\\":"}'])
def test_a_member_gets_another_name_and_keeps_its_value(text: str) -> None:
    before = original(text)
    after = original(written(before, {}, {"max": "limit"}).decode())
    assert after.text[slice(*after.spans["limit"])] == text[slice(*before.spans["max"])]
    assert after.spans.keys() == {"limit" if name == "max" else name for name in before.spans}


def test_a_name_that_is_written_with_escapes_is_left_alone() -> None:
    assert name_span(original('{"m\\u0061x": 1, "b": {"max": 2}}'), "max") is None
