"""Whether JSON values fit JSON schemas that callers wrote, in bounded time: jsonschema, with patterns on RE2."""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import re2

from dataplane.execution.schema_bounds import judged, size

MOST_VALUES = 20_000
"""JSON values of an answer that is held against a schema."""

SECONDS = 0.2
"""Time for one answer, as `clock` counts it; it is asked before each keyword, and none does much by itself."""

KEPT = 64
"""Schemas that stay ready, the last that were used; to make one ready takes some 10 ms."""

PATTERN_MEM = 1 << 20
"""Bytes for one pattern's automaton."""

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any] | None]


class TooMuchWorkError(Exception):
    """The time for one answer is over."""


class SchemaFit:
    """Holds values against schemas; for one thread. `clock` is in seconds, best those of the thread's own work.

    The library is imported by the first answer that needs it: 15 MiB and 0.3 s that few workers need.
    """

    def __init__(self, clock: Callable[[], float], seconds: float = SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._until = 0.0
        self._dialects: dict[type, type] = {}
        self._ready: OrderedDict[str, Any] = OrderedDict()

    def __call__(self, value: object, schema: Mapping[str, object]) -> bool | None:
        """Whether `value` fits; None where schema or value are beyond what is judged, or it takes too long.

        Raises whatever a schema makes the library raise, such as RecursionError for one that refers to itself for ever, and
        re2.error for a pattern that RE2 has no word for.
        """
        if size(value, MOST_VALUES) > MOST_VALUES:
            return None
        made = self._made(schema)
        if made is None:
            return None
        self._until = self._clock() + self._seconds
        try:
            return bool(made.is_valid(value))
        except TooMuchWorkError:
            return None

    def _made(self, schema: Mapping[str, object]) -> Any:
        """The schema made ready; None if it is not judged."""
        root = {name: value for name, value in schema.items() if name != "$schema"}
        if not judged(root):
            return None
        key = json.dumps(schema, sort_keys=True)
        if key not in self._ready:
            self._ready[key] = self._make(root, schema.get("$schema"))
        self._ready.move_to_end(key)
        if len(self._ready) > KEPT:
            self._ready.popitem(last=False)
        return self._ready[key]

    def _make(self, root: Mapping[str, object], dialect: object) -> Any:
        """A validator of the library; None for a dialect that it does not know, and for what is no schema of it."""
        from jsonschema import Draft202012Validator, SchemaError, validators
        from referencing import Registry

        base: Any = Draft202012Validator
        if isinstance(dialect, str):
            base = validators.validator_for({"$schema": dialect}, default=None)  # type: ignore[arg-type]
        elif dialect is not None:
            return None
        if base is None:
            return None
        try:
            # Without its formats: `regex` would compile the caller's patterns with Python's own engine.
            base.check_schema(root, format_checker=None)
        except SchemaError:
            return None
        if base not in self._dialects:
            keywords = {name: self._counted(keyword) for name, keyword in {**base.VALIDATORS, **self._own()}.items()}
            self._dialects[base] = validators.extend(base, keywords)  # type: ignore[no-untyped-call]
        # An empty registry: the library's own would fetch what a schema refers to.
        return self._dialects[base](root, registry=Registry())

    def _own(self) -> Mapping[str, Keyword]:
        """What the library would do with Python's patterns, and in quadratic time."""
        from jsonschema import ValidationError

        def pattern(_: Any, sought: str, instance: Any, __: Any) -> Iterator[Any]:
            if isinstance(instance, str) and compiled(sought).search(instance) is None:
                yield ValidationError("pattern")

        def unique(_: Any, wanted: bool, instance: Any, __: Any) -> Iterator[Any]:  # noqa: FBT001 - called by the library
            if wanted and isinstance(instance, list) and len({_same(item) for item in instance}) < len(instance):
                yield ValidationError("uniqueItems")

        return {"pattern": pattern, "uniqueItems": unique}

    def _counted(self, keyword: Keyword) -> Keyword:
        """The keyword within the time, and of its errors one without its text: all of them would quote the whole answer."""
        from jsonschema import ValidationError

        def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if self._clock() > self._until:
                raise TooMuchWorkError
            for _ in keyword(validator, value, instance, schema) or ():
                yield ValidationError("no fit")
                return

        return counted


def compiled(pattern: str) -> Any:
    """The pattern for RE2, which keeps those it has seen. Raises re2.error for one that it has no word for."""
    options = re2.Options()
    options.max_mem = PATTERN_MEM
    options.log_errors = False
    return re2.compile(pattern, options)


def _same(value: object) -> str:
    """The same text for what JSON schema calls equal: 1 and 1.0 are, and the order of members says nothing."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
