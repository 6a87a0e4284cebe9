"""Writes the OpenAPI document of the HTTP API from its table of routes and the comments of the contract (`make docs`)."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from controlplane.http.chat import MESSAGES, PROMPT
from controlplane.http.reading import FILTER
from controlplane.http.routes import ROUTES, Route
from controlplane.rpc.access import ACCESS
from tools import contract_pages, protoc
from tools.openapi_schemas import Schema, Schemas, plain, short_name

OUT = protoc.ROOT / "controlplane" / "http" / "pages" / "openapi.json"
_SERVICE, _METHOD = 6, 2
_CHAT_FIELDS: Mapping[str, Schema] = {
    PROMPT: {"type": "string", "description": "One message of a user, in the place of a payload."},
    MESSAGES: {
        "type": "array",
        "items": {"type": "object", "required": ["role", "content"]},
        "description": "A conversation, in the place of a payload: objects with `role` (system, user, assistant, tool) and `content`, a "
        "string or parts, as OpenAI's chat completions have them.",
    },
    "system": {"type": "string", "description": "What comes before the messages."},
    "tools": {"type": "array", "items": {"type": "object"}, "description": "Tools with name, description, parameters."},
    "tool_choice": {"type": "string", "description": "auto, none, required, or the name of a tool."},
    "parallel_tool_calls": {"type": "boolean", "description": "Whether several tools may be called at once."},
    "response_format": {"description": "`text`, `json`, or an object with a JSON schema under `schema`."},
    "max_output_tokens": {"type": "integer", "minimum": 1, "description": "The longest answer, in tokens."},
    "temperature": {"type": "number", "description": "How freely to sample; so top_p, top_k and the penalties."},
    "stop": {"description": "A string or several that end the answer."},
    "seed": {"type": "integer", "description": "For the same answer again, where a provider can."},
    "metadata": {"type": "object", "description": "Labels of the caller's own."},
}
"""Settings of a chat that stand beside `prompt` or `messages`; the client's options of the same names say more."""
_ERROR: Schema = {
    "type": "object",
    "description": "Why a request is refused.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["reason", "message"],
            "properties": {
                "reason": {"type": "string", "description": "One of turnout.errors.v1.Reason; decide by this."},
                "message": {"type": "string", "description": "What it is and the way out, for people."},
                "field": {"type": "string", "description": "The field that is wrong, if it is one."},
                "retry_after": {"type": "number", "description": "Seconds after which to try again."},
                "details": {"type": "array", "items": {"type": "object"}, "description": "More, by reason."},
            },
        }
    },
}


def document() -> Schema:
    """OpenAPI 3.1."""
    contract = contract_pages.contract()
    schemas = Schemas(contract)
    paths: dict[str, Schema] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.verb.lower()] = _operation(route, contract, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Turnout",
            "version": version("turnout"),
            "summary": "Sends each request for a language model to the model that fits it.",
            "description": "Every path stands for a method of the contract: its rule of access, its request by the names of its "
            "fields, its answer as ProtoJSON. Send an API key or a token as `authorization: Bearer TOKEN`.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {**paths, **_plain_paths()},
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "An API key, see `turnout key create`."}
            },
            "schemas": {**dict(sorted(schemas.used.items())), "Error": _ERROR},
        },
    }


def _operation(route: Route, contract: Sequence[contract_pages.Source], schemas: Schemas) -> Schema:
    service, _, method = route.method.partition("/")
    told, asks, gives = _told(contract, service, method)
    roles = " or ".join(sorted(ACCESS[route.method].roles))
    operation: Schema = {
        "operationId": method,
        "summary": route.does,
        "description": f"{told}\n\nStands for `{route.method}`. Needs the role {roles}.",
        "tags": [service.split(".")[1]],
        "responses": {
            "200": {
                "description": "The answer.",
                "content": {"application/json": {"schema": _answer(route, schemas, gives)}},
            },
            "default": {
                "description": "It is refused.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if route.verb == "GET":
        operation["parameters"] = list(_parameters(route, schemas, asks))
    else:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _body(route, schemas, asks)}},
        }
    return operation


def _told(contract: Sequence[contract_pages.Source], service: str, method: str) -> tuple[str, str, str]:
    """A method's comment, and the names of its request and answer."""
    for source in contract:
        for number, one in enumerate(source.file.service):
            for index, rpc in enumerate(one.method):
                if (f"{source.file.package}.{one.name}", rpc.name) == (service, method):
                    return plain(source, _SERVICE, number, _METHOD, index), rpc.input_type, rpc.output_type
    raise LookupError(f"{service}/{method}")


def _parameters(route: Route, schemas: Schemas, asks: str) -> Iterator[Schema]:
    absent = dict(route.defaults)
    for field, told in schemas.fields(asks):
        if field.name == FILTER:
            for inner, said in schemas.fields(field.type_name):
                yield _parameter(inner.name, schemas.field(field.type_name, inner, said), "query")
            continue
        schema = schemas.field(asks, field, told)
        where = "path" if f"{{{field.name}}}" in route.path else "query"
        parameter = _parameter(field.name, schema, where)
        if field.name in absent:
            parameter["description"] += f" `{absent[field.name]}` if absent."
        yield parameter


def _parameter(name: str, schema: Schema, where: str) -> Schema:
    told = schema.get("description", "")
    rest = {key: value for key, value in schema.items() if key != "description"}
    return {"name": name, "in": where, "required": where == "path", "description": told, "schema": rest}


def _body(route: Route, schemas: Schemas, asks: str) -> Schema:
    reference = schemas.reference(asks)
    if "description" in reference:
        return reference
    kind = short_name(asks)
    if route.path == "/v1/explain":
        flat = {**schemas.reference(".turnout.routing.v1.DecideRouteRequest")}
        friendly = {"allOf": [flat, _chat()], "properties": {"why_not": {"type": "array", "items": {"type": "string"}}}}
        return {"anyOf": [friendly, reference]}
    if kind in ("routing.DecideRouteRequest", "routing.ClassifyRequest"):
        return {"allOf": [reference, _chat()]}
    return reference


def _chat() -> Schema:
    return {
        "type": "object",
        "description": "Members that make a payload, in the place of `payload` or `description`.",
        "properties": dict(_CHAT_FIELDS),
        "examples": [{"prompt": "Translate into French: good morning"}],
    }


def _answer(route: Route, schemas: Schemas, gives: str) -> Schema:
    reference = schemas.reference(gives)
    if route.path != "/v1/route":
        return reference
    plan = {
        **schemas.reference(".turnout.routing.v1.RouteDecision"),
        "description": "What the signed bytes in `decision` say, for reading.",
    }
    return {"allOf": [reference], "properties": {"plan": plan}}


def _plain_paths() -> dict[str, Any]:
    def open_path(does: str, kind: str, *statuses: str) -> Schema:
        answers = {status: {"description": does, "content": {kind: {}}} for status in ("200", *statuses)}
        return {"get": {"summary": does, "security": [], "tags": ["process"], "responses": answers}}

    json_kind = "application/json"
    return {
        "/health": open_path("Whether the process does anything.", json_kind),
        "/ready": open_path("Whether it can serve, and what is wrong if it cannot.", json_kind, "503"),
        "/openapi.json": open_path("This document.", json_kind),
        "/docs": open_path("A page that shows it.", "text/html"),
        "/metrics": open_path("Metrics for Prometheus; without a token on loopback alone.", "text/plain", "401"),
    }


def text() -> str:
    """The document as it is kept."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write, or with --check only compare; 1 if that finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the document is not current")
    wanted = text()
    current = OUT.is_file() and OUT.read_text(encoding="utf-8") == wanted
    if parser.parse_args().check:
        print(f"{OUT.relative_to(protoc.ROOT)} {'is current' if current else 'differs; run make docs'}")
        return int(not current)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
