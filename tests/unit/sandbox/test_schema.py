"""Values are valid for their schema, as an independent validator judges."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.provider.sandbox.answer.schema import SchemaError, value_for
from dataplane.provider.sandbox.draws import Draws

TOPICS = ("turnout", "signal", "platform")


def made(schema: Any, seed: int = 1) -> Any:
    return value_for(schema, Draws(seed), TOPICS)


def check(schema: Any, seed: int = 1) -> None:
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(made(schema, seed))


def numbers(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    bound = st.integers(-1_000, 1_000)
    keys = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")
    return st.builds(
        lambda low, span, lower, upper, step: (
            {"type": kind}
            | ({lower: low} if lower else {})
            | ({upper: low + span} if upper else {})
            | ({"multipleOf": step} if step else {})
        ),
        bound,
        st.integers(40, 500),
        st.sampled_from((*keys[0], "")),
        st.sampled_from((*keys[1], "")),
        st.sampled_from([None, 1, 2, 5, 10]),
    )


STRINGS = st.one_of(
    st.builds(
        lambda low, span: {"type": "string", "minLength": low, "maxLength": low + span},
        st.integers(0, 60),
        st.integers(0, 40),
    ),
    st.sampled_from(
        [{"type": "string", "format": name} for name in ("date", "date-time", "email", "uuid", "uri", "ipv4", "ipv6")]
    ),
    st.sampled_from(
        [{"type": "string", "pattern": "^[A-Z]{2}[0-9]{3}$"}, {"type": "string"}, {"type": ["string", "null"]}]
    ),
)
LEAVES = st.one_of(
    numbers("integer"),
    numbers("number"),
    STRINGS,
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"enum": [1, "two", None]}, {"const": {"a": [1]}}, {}, True]
    ),
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(("city", "count", "note", "when", "tags"))
    objects = st.builds(
        lambda properties, required, closed: {
            "type": "object",
            "properties": properties,
            "required": sorted(required & set(properties)),
            "additionalProperties": not closed,
        },
        st.dictionaries(names, inner, max_size=4),
        st.sets(names),
        st.booleans(),
    )
    arrays = st.builds(
        lambda items, low, span: {"type": "array", "items": items, "minItems": low, "maxItems": low + span},
        inner,
        st.integers(0, 3),
        st.integers(0, 3),
    )
    options = st.builds(lambda branches: {"anyOf": branches}, st.lists(inner, min_size=1, max_size=3))
    maps = st.builds(lambda value: {"type": "object", "additionalProperties": value, "minProperties": 2}, inner)
    return st.one_of(objects, arrays, options, maps)


@given(st.recursive(LEAVES, containers, max_leaves=12), st.integers(0, 1_000))
def test_a_value_is_valid_for_its_schema(schema: Any, seed: int) -> None:
    check(schema, seed)


@given(st.integers(0, 1_000))
def test_the_same_draws_give_the_same_value(seed: int) -> None:
    schema = {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 3}
    assert made(schema, seed) == made(schema, seed)


REFERENCES = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name", "children"],
        },
        "expression": {
            "anyOf": [
                {
                    "type": "object",
                    "properties": {"left": {"$ref": "#/$defs/expression"}, "right": {"$ref": "#/$defs/expression"}},
                    "required": ["left", "right"],
                },
                {"type": "integer"},
            ]
        },
        "a/b": {"type": "integer", "minimum": 3},
    },
    "type": "object",
    "properties": {
        "tree": {"$ref": "#/$defs/node"},
        "sum": {"$ref": "#/$defs/expression"},
        "odd": {"$ref": "#/$defs/a~1b", "maximum": 9},
    },
    "required": ["tree", "sum", "odd"],
}


@pytest.mark.parametrize("seed", range(40))
def test_references_are_followed_and_come_to_an_end(seed: int) -> None:
    check(REFERENCES, seed)


@pytest.mark.parametrize(
    "schema",
    [
        {
            "allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"required": ["b"]}],
            "type": "object",
        },
        {"allOf": [{"type": "integer", "minimum": 5}, {"maximum": 9}, {"minimum": 7}]},
        {"oneOf": [{"type": "null"}, {"type": "string", "minLength": 30}]},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 2},
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
        {"type": "number", "multipleOf": 0.25},
        {"type": "integer", "multipleOf": 0.5, "minimum": 1},
        {"type": "integer", "maximum": -40},
        {"type": "object", "required": ["x"], "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "minProperties": 2},
        {"properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"minItems": 2},
        {"maxLength": 3},
        {"minimum": 4},
    ],
)
def test_keywords_are_obeyed(schema: Any) -> None:
    for seed in range(20):
        check(schema, seed)


def test_the_types_of_gemini_are_read_in_upper_case() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {"n": {"type": "INTEGER"}, "m": {"type": "STRING", "nullable": True}},
        "required": ["n", "m"],
    }
    value = made(schema)
    assert isinstance(value["n"], int)
    assert isinstance(value["m"], str)


def test_bounds_may_be_written_as_strings() -> None:
    assert len(made({"type": "ARRAY", "items": {"type": "STRING"}, "minItems": "4"})) == 4


def test_the_exclusive_bound_of_draft_4_is_a_boolean() -> None:
    values = {
        made({"type": "integer", "minimum": 1, "exclusiveMinimum": True, "maximum": 3}, seed) for seed in range(30)
    }
    assert values == {2, 3}


def test_names_of_properties_give_hints() -> None:
    value = made({"type": "object", "properties": {"home_city": {"type": "string"}}, "required": ["home_city"]})
    assert value["home_city"] in ("Paris", "Osaka", "Nairobi", "Montevideo", "Tallinn")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/absent"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#"},
        {"type": "array", "minItems": 1_000_000_000},
        {"type": "object", "minProperties": 1_000_000_000},
        {"type": "string", "minLength": 1_000_000_000},
        {"type": "string", "pattern": "^a{1000000000}$"},
        {"type": "string", "pattern": "^(?=x)y$"},
        {"type": "object", "properties": {"a": False}, "required": ["a"]},
        {"$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}, "minItems": 1}}, "$ref": "#/$defs/a"},
    ],
)
def test_a_schema_without_a_value_is_refused(schema: Any) -> None:
    with pytest.raises(SchemaError):
        made(schema)
