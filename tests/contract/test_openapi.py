"""The OpenAPI document is current, is one, and tells of what is served."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controlplane.http.chat import SPOKEN
from controlplane.http.manual import manual
from controlplane.http.routes import ROUTES
from tools import openapi

DOCUMENT: dict[str, Any] = json.loads(openapi.OUT.read_text(encoding="utf-8"))
STRUCTURE = {
    "type": "object",
    "required": ["openapi", "info", "paths", "components"],
    "properties": {
        "openapi": {"pattern": r"^3\.1\.\d+$"},
        "info": {"type": "object", "required": ["title", "version"]},
        "paths": {
            "type": "object",
            "propertyNames": {"pattern": "^/"},
            "additionalProperties": {
                "type": "object",
                "propertyNames": {"enum": ["get", "post"]},
                "additionalProperties": {"$ref": "#/$defs/operation"},
            },
        },
        "components": {"type": "object", "required": ["schemas", "securitySchemes"]},
    },
    "$defs": {
        "content": {
            "type": "object",
            "propertyNames": {"pattern": "/"},
            "additionalProperties": {"type": "object", "properties": {"schema": {"type": "object"}}},
        },
        "operation": {
            "type": "object",
            "required": ["summary", "responses"],
            "properties": {
                "operationId": {"type": "string"},
                "parameters": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "in", "schema"],
                        "properties": {"in": {"enum": ["path", "query"]}, "required": {"type": "boolean"}},
                    },
                },
                "requestBody": {
                    "type": "object",
                    "required": ["content"],
                    "properties": {"content": {"$ref": "#/$defs/content"}},
                },
                "responses": {
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": {"pattern": "^([1-5][0-9]{2}|default)$"},
                    "additionalProperties": {
                        "type": "object",
                        "required": ["description"],
                        "properties": {"content": {"$ref": "#/$defs/content"}},
                    },
                },
            },
        },
    },
}
"""What OpenAPI 3.1 asks of the parts that are used here."""


def references(value: Any) -> Iterator[str]:
    """All `$ref` below a value."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def operations() -> dict[tuple[str, str], Any]:
    """By verb and path."""
    return {(verb, path): one for path, verbs in DOCUMENT["paths"].items() for verb, one in verbs.items()}


def test_the_document_is_what_the_contract_and_the_routes_make() -> None:
    assert openapi.OUT.read_text(encoding="utf-8") == openapi.text(), "run make docs"


def test_it_has_the_structure_of_openapi() -> None:
    Draft202012Validator(STRUCTURE).validate(DOCUMENT)


def test_an_operation_without_answers_would_be_found() -> None:
    spoiled = json.loads(json.dumps(DOCUMENT))
    del spoiled["paths"]["/v1/route"]["post"]["responses"]
    assert list(Draft202012Validator(STRUCTURE).iter_errors(spoiled))


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


def test_every_reference_leads_to_a_schema_and_every_schema_is_used() -> None:
    named = {reference.removeprefix("#/components/schemas/") for reference in references(DOCUMENT)}
    assert named == set(DOCUMENT["components"]["schemas"])


def test_what_is_served_is_told_and_nothing_else() -> None:
    files = {("get", path.path) for path in manual() if path.path.count("/") == 1}
    process = {("get", "/health"), ("get", "/ready"), ("get", "/metrics")}
    assert set(operations()) == {(route.verb.lower(), route.path) for route in ROUTES} | process | files


def test_names_in_a_path_are_parameters_of_it() -> None:
    for (_, path), operation in operations().items():
        named = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        told = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert named == told


def test_the_members_in_the_place_of_a_payload_are_told() -> None:
    body = operations()["post", "/v1/route"]["requestBody"]["content"]["application/json"]["schema"]
    told = set(body["allOf"][1]["properties"])
    assert told <= SPOKEN
    assert {"prompt", "messages", "tools", "response_format"} <= told


def test_everything_is_told_in_words() -> None:
    for operation in operations().values():
        assert operation["summary"]
    silent = [name for name, schema in DOCUMENT["components"]["schemas"].items() if not schema["description"]]
    assert not silent
