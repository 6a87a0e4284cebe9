"""Google's own schemas, an old subset of OpenAPI's, as JSON schemas."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from dataplane.gateway.fields import kind
from dataplane.gateway.gemini.spelling import camel
from dataplane.gateway.model import BadRequest

Json = dict[str, object]

_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_DROPPED = frozenset(("nullable", "propertyOrdering"))
_RENAMED: Mapping[str, str] = MappingProxyType({"defs": "$defs", "ref": "$ref", "example": "examples"})


def json_schema(value: object, path: str, *, closed: bool = False) -> Json:
    """The JSON schema; `closed` shuts objects that list their properties, as generation by a schema does.

    What is a JSON schema already stays one. Raises BadRequest, naming `path`.
    """
    if not isinstance(value, Mapping):
        raise BadRequest(path, f"must be an object, not {kind(value)}")
    given = camel(value)
    schema: Json = {}
    for name, item in given.items():
        if item is not None and name not in _DROPPED:
            read = _READERS.get(name)
            where = f"{path}.{name}"
            schema[_RENAMED.get(name, name)] = item if read is None else read(item, where, closed)
    if schema.get("type") == "type_unspecified":
        del schema["type"]
    if given.get("nullable") is True:
        schema = _nullable(schema)
    if closed and isinstance(schema.get("properties"), dict):
        schema.setdefault("additionalProperties", False)
    return schema


def _nullable(schema: Json) -> Json:
    named = schema.get("type")
    if not isinstance(named, str):
        return {"anyOf": [schema, {"type": "null"}]}
    schema["type"] = [named, "null"]
    options = schema.get("enum")
    if isinstance(options, list) and None not in options:
        schema["enum"] = [*options, None]
    return schema


def _type(value: object, path: str, closed: bool) -> object:  # noqa: ARG001, FBT001 - readers have one signature
    """`STRING` is `string`."""
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list):
        return value
    raise BadRequest(path, f"must be a string, not {kind(value)}")


def _one(value: object, path: str, closed: bool) -> object:  # noqa: FBT001
    return value if isinstance(value, bool) else json_schema(value, path, closed=closed)


def _several(value: object, path: str, closed: bool) -> object:  # noqa: FBT001
    if not isinstance(value, list):
        raise BadRequest(path, f"must be an array, not {kind(value)}")
    return [_one(item, f"{path}[{number}]", closed) for number, item in enumerate(value)]


def _by_name(value: object, path: str, closed: bool) -> object:  # noqa: FBT001
    if not isinstance(value, Mapping):
        raise BadRequest(path, f"must be an object, not {kind(value)}")
    return {name: _one(item, f"{path}.{name[:64]}", closed) for name, item in value.items()}


def _count(value: object, path: str, closed: bool) -> object:  # noqa: ARG001, FBT001
    """Google writes 64-bit numbers as strings."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20 else value


def _example(value: object, path: str, closed: bool) -> object:  # noqa: ARG001, FBT001
    return [value]


_READERS: Mapping[str, Callable[[object, str, bool], object]] = MappingProxyType(
    {
        "type": _type,
        "items": _one,
        "additionalProperties": _one,
        "anyOf": _several,
        "properties": _by_name,
        "defs": _by_name,
        "$defs": _by_name,
        "example": _example,
        **dict.fromkeys(_COUNTS, _count),
    }
)
