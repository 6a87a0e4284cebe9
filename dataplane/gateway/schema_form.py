"""How strict a JSON schema is."""

from collections.abc import Mapping


def is_strict(schema: object) -> bool:
    """Whether OpenAI's strict mode takes it: in each object all properties are required, and there are no others.

    Source: developers.openai.com/api/docs/guides/structured-outputs, "Supported schemas". Protocols that enforce every schema
    say nothing of strictness; elsewhere only such a schema can be enforced, and any other is a request.
    """
    if isinstance(schema, list):
        return all(is_strict(item) for item in schema)
    if not isinstance(schema, Mapping):
        return True
    properties = schema.get("properties")
    if isinstance(properties, Mapping) or schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return False
        named = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required")
        if set(named) != {name for name in (required if isinstance(required, list) else ()) if isinstance(name, str)}:
            return False
    return all(_is_strict_member(name, value) for name, value in schema.items())


def _is_strict_member(name: str, value: object) -> bool:
    if name in ("enum", "const", "default", "examples", "required"):
        return True
    if name in ("properties", "$defs", "definitions") and isinstance(value, Mapping):
        return all(is_strict(item) for item in value.values())
    return is_strict(value)
