"""Reads frozen dataclasses from a JSON or YAML document, and says which field is wrong, why, and what it may be."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a number may be, both ends included; None for no limit."""

    low: float | None = None
    high: float | None = None


class DocumentError(ValueError):
    """A document is not as it has to be: `field` is the path of what is wrong, `reason` says how to write it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


def read(kind: type[T], data: object, path: str, bounds: Mapping[str, Bounds]) -> T:
    """An instance of the dataclass `kind` from the mapping `data`, for scalar fields.

    Raises:
        DocumentError: a field is unknown, missing, of another type, or out of `bounds`.
    """
    given = mapping(data, path)
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(typing.cast("Any", kind))}
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise DocumentError(joined(path, unknown[0]), f"is not known; the fields are {', '.join(sorted(fields))}")
    values = {name: _value(given[name], hints[name], joined(path, name), bounds.get(name)) for name in given}
    for name, field in fields.items():
        if name not in values and field.default is dataclasses.MISSING:
            raise DocumentError(joined(path, name), "is missing")
    return kind(**values)


def mapping(data: object, path: str) -> Mapping[str, object]:
    """`data` as a mapping with string keys."""
    if not isinstance(data, Mapping):
        raise DocumentError(path, f"expected a mapping, got {_named(data)}")
    return {str(key): value for key, value in data.items()}


def array(data: object, path: str) -> list[object]:
    """`data` as a list."""
    if not isinstance(data, list):
        raise DocumentError(path, f"expected a list, got {_named(data)}")
    return data


def joined(path: str, name: str) -> str:
    """The path of the field `name` inside `path`."""
    return f"{path}.{name}" if path else name


def _value(value: object, hint: object, path: str, bounds: Bounds | None) -> object:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and types.NoneType in options:
        return None
    wanted = next(option for option in options if option is not types.NoneType)
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        return _member(value, wanted, path)
    if isinstance(value, bool) != (wanted is bool) or not isinstance(
        value, (int, float) if wanted is float else wanted
    ):
        raise DocumentError(path, f"expected {_NAMES[wanted]}, got {_named(value)}")
    if bounds is not None and isinstance(value, int | float):
        _check(value, bounds, path)
    return float(value) if wanted is float and isinstance(value, int | float) else value


def _member(value: object, wanted: type[StrEnum], path: str) -> StrEnum:
    try:
        return wanted(str(value))
    except ValueError:
        raise DocumentError(path, f"{value!r} is not one of {', '.join(wanted)}") from None


def _check(value: float, bounds: Bounds, path: str) -> None:
    if bounds.low is not None and not value >= bounds.low:
        raise DocumentError(path, f"{value} is below {bounds.low}")
    if bounds.high is not None and not value <= bounds.high:
        raise DocumentError(path, f"{value} is above {bounds.high}")


_NAMES: Mapping[object, str] = types.MappingProxyType(
    {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
)


def _named(value: object) -> str:
    names = {dict: "a mapping", list: "a list", types.NoneType: "nothing"}
    return names.get(type(value)) or _NAMES.get(type(value)) or type(value).__name__
