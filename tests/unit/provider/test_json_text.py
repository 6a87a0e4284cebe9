"""JSON without the laxness of Python's own module."""

from types import MappingProxyType

import pytest

from dataplane.provider import json_text


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[Infinity]", "-Infinity", "nul", "[1,]", "[" * 100_000, '{"a":' * 100_000]
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        json_text.parse(text)


def test_surrogates_that_stand_alone_are_replaced_everywhere() -> None:
    assert json_text.parse(r'{"a\ud800": ["\uD83D x", {"b": "\udc00"}]}') == {"a\ufffd": ["\ufffd x", {"b": "\ufffd"}]}


def test_surrogates_in_pairs_are_characters() -> None:
    assert json_text.parse(r'"\ud83d\ude00"') == "😀"


def test_every_parsed_string_can_be_encoded() -> None:
    value = json_text.parse(r'["\ud800", "\ud83d\ude00\udfff"]')
    assert isinstance(value, list)
    assert [text.encode() for text in value] == ["\ufffd".encode(), "😀\ufffd".encode()]


def test_writing_is_compact_and_keeps_letters() -> None:
    assert json_text.write(MappingProxyType({"a": [1, "é"], "b": MappingProxyType({})})) == '{"a":[1,"é"],"b":{}}'


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": -float("inf")}])
def test_numbers_that_json_has_not_are_not_written(value: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        json_text.write(value)


def test_what_has_no_json_form_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="bytes"):
        json_text.write({"a": b""})
