"""A value for a JSON schema, repeatable by seed."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

from dataplane.provider.sandbox.answer.number import decimal, integer
from dataplane.provider.sandbox.answer.string import count, string_for
from dataplane.provider.sandbox.call import Schema
from dataplane.provider.sandbox.draws import Draws

_SHALLOW = 4  # below this depth optional properties and extra items are left out
_DEEPEST = 24
_UNIQUE_TRIES = 12
_LARGEST = 1_000
_ANY: Schema = MappingProxyType({"type": "string"})
_IMPLIED = (
    ("object", ("properties", "required", "additionalProperties", "minProperties")),
    ("array", ("items", "prefixItems", "minItems", "maxItems")),
    ("string", ("pattern", "format", "minLength", "maxLength")),
    ("number", ("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum")),
)


class SchemaError(ValueError):
    """No value can be made for the schema; the message says why."""


def value_for(schema: Schema, draws: Draws, topics: Sequence[str]) -> object:
    """A JSON value that is valid for `schema`, with strings taken from `topics` where nothing else is asked.

    Knows the keywords of JSON Schema 2020-12 that describe one value: types, `enum`, `const`, `anyOf`, `oneOf`,
    `allOf`, local `$ref`, bounds, `pattern`, `format`, items and properties; and Gemini's upper-case types and
    `nullable`. `not`, `if`, `contains` and dependencies are not read.

    Raises:
        SchemaError: a `$ref` leads nowhere, a pattern is not understood, or the schema never ends.
    """
    return _Maker(schema, draws, topics).make(schema, "", 0)


class _Maker:
    __slots__ = ("_draws", "_root", "_topics")

    def __init__(self, root: Schema, draws: Draws, topics: Sequence[str]) -> None:
        self._root, self._draws, self._topics = root, draws, topics

    def make(self, schema: object, name: str, depth: int) -> object:
        if depth > _DEEPEST:
            raise SchemaError(f"the schema repeats itself without an end at {name or 'its root'}")
        resolved = self._resolved(schema, depth)
        if "const" in resolved:
            return resolved["const"]
        if isinstance(resolved.get("enum"), list):
            return self._draws.pick(cast("list[object]", resolved["enum"]))
        return self._typed(resolved, _kind(resolved), name, depth)

    def _typed(self, schema: Schema, kind: str, name: str, depth: int) -> object:
        match kind:
            case "object":
                return self._object(schema, name, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer":
                return integer(schema, self._draws)
            case "number":
                return decimal(schema, self._draws)
            case "boolean":
                return self._draws.below(2) == 1
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _string(self, schema: Schema, name: str) -> str:
        made = string_for(schema, name, self._draws, self._topics)
        if made is None:
            reason = f"pattern {schema.get('pattern')!r}, minLength {schema.get('minLength', 0)!r}"
            raise SchemaError(f"no string was found at {name or 'the root'} for {reason}")
        return made

    def _array(self, schema: Schema, name: str, depth: int) -> list[object]:
        fixed = _list(schema.get("prefixItems"))
        least, most = _least(schema.get("minItems"), name), count(schema.get("maxItems"))
        wanted = max(least, len(fixed), self._draws.between(1, 3) if depth < _SHALLOW else 0)
        size = wanted if most is None else min(wanted, most)
        rest = schema.get("items", _ANY)
        kinds = [*fixed, *([rest] * (size - len(fixed) if rest is not False else 0))][:size]
        made: list[object] = []
        for kind in kinds:
            self._append(made, kind, name, depth, unique=schema.get("uniqueItems") is True)
        return made

    def _append(self, made: list[object], kind: object, name: str, depth: int, *, unique: bool) -> None:
        for _ in range(_UNIQUE_TRIES if unique else 1):
            value = self.make(kind, name, depth + 1)
            if not unique or value not in made:
                made.append(value)
                return

    def _object(self, schema: Schema, name: str, depth: int) -> dict[str, object]:
        properties = _mapping(schema.get("properties"))
        required = {str(key) for key in _list(schema.get("required"))}
        extra = schema.get("additionalProperties", True)
        made = {
            key: self.make(kind, key, depth + 1)
            for key, kind in properties.items()
            if key in required or self._wanted(kind, depth)
        }
        for key in sorted(required - set(properties)):
            made[key] = self.make(extra if isinstance(extra, Mapping) else _ANY, key, depth + 1)
        least = _least(schema.get("minProperties"), name)
        if isinstance(extra, Mapping) and not properties:
            least = max(least, 1)
        self._fill(made, properties, extra, name, depth, least)
        return made

    def _wanted(self, kind: object, depth: int) -> bool:
        return depth < _SHALLOW and kind is not False and self._draws.below(2) == 1

    def _fill(
        self, made: dict[str, object], properties: Schema, extra: object, name: str, depth: int, least: int
    ) -> None:
        for key in properties:
            if len(made) < least and key not in made:
                made[key] = self.make(properties[key], key, depth + 1)
        if extra is False:
            return
        for number in range(least - len(made)):
            key = f"{self._topics[number % len(self._topics)]}_{number + 1}"
            made[key] = self.make(extra if isinstance(extra, Mapping) else _ANY, name, depth + 1)

    def _resolved(self, schema: object, depth: int) -> Schema:
        if schema is True:
            return _ANY
        if not isinstance(schema, Mapping):
            raise SchemaError(f"a schema is an object or true, not {type(schema).__name__}")
        for _ in range(_DEEPEST):
            if isinstance(schema.get("$ref"), str):
                schema = _merged(self._target(str(schema["$ref"])), _without(schema, "$ref"))
            elif _list(schema.get("allOf")):
                schema = self._all_of(schema, depth)
            elif branches := _list(schema.get("anyOf")) or _list(schema.get("oneOf")):
                schema = _merged(_without(schema, "anyOf", "oneOf"), self._branch(branches, depth))
            else:
                return schema
        raise SchemaError("a schema refers to itself without an end")

    def _all_of(self, schema: Schema, depth: int) -> Schema:
        merged = _without(schema, "allOf")
        for part in _list(schema["allOf"]):
            merged = _merged(merged, self._resolved(part, depth))
        return merged

    def _branch(self, branches: Sequence[object], depth: int) -> Schema:
        useful = [branch for branch in branches if not _is_null(branch)] or list(branches)
        if depth >= _SHALLOW:
            # The branch that ends soonest, so that a schema which contains itself comes to an end.
            ends = [branch for branch in branches if not _refers(branch)]
            useful = ends or useful
        chosen = self._draws.pick(useful)
        return chosen if isinstance(chosen, Mapping) else _ANY

    def _target(self, reference: str) -> Schema:
        found: object = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            found = _mapping(found).get(step.replace("~1", "/").replace("~0", "~"))
        if not reference.startswith("#") or not isinstance(found, Mapping):
            raise SchemaError(f"$ref {reference!r} leads nowhere inside the schema")
        return found


def _kind(schema: Schema) -> str:
    named = schema.get("type")
    kinds = [str(kind).lower() for kind in _list(named)] or ([str(named).lower()] if named else [])
    useful = [kind for kind in kinds if kind != "null"] or kinds
    if useful:
        return useful[0]
    return next((kind for kind, keys in _IMPLIED if any(key in schema for key in keys)), "string")


def _is_null(schema: object) -> bool:
    return isinstance(schema, Mapping) and str(schema.get("type")).lower() == "null"


def _refers(schema: object) -> bool:
    """Whether there is a reference anywhere in `schema`."""
    if isinstance(schema, Mapping):
        return "$ref" in schema or any(map(_refers, schema.values()))
    return any(map(_refers, _list(schema)))


def _merged(base: Schema, more: Schema) -> Schema:
    """Both at once: properties and requirements together, the tighter bound, otherwise `more`."""
    both = {**base, **more}
    for key in ("properties", "$defs", "definitions"):
        if key in base and key in more:
            both[key] = {**_mapping(base[key]), **_mapping(more[key])}
    if "required" in base and "required" in more:
        both["required"] = [*_list(base["required"]), *_list(more["required"])]
    for tighter, keys in ((max, ("minimum", "minLength", "minItems")), (min, ("maximum", "maxLength", "maxItems"))):
        for key in keys:
            if isinstance(base.get(key), int | float) and isinstance(more.get(key), int | float):
                both[key] = tighter(cast("float", base[key]), cast("float", more[key]))
    return both


def _without(schema: Schema, *keys: str) -> Schema:
    return {key: value for key, value in schema.items() if key not in keys}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _mapping(value: object) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _least(value: object, name: str) -> int:
    """The smallest size that is asked for."""
    size = count(value) or 0
    if size > _LARGEST:
        raise SchemaError(f"{size} values at {name or 'the root'} are more than {_LARGEST}")
    return size
