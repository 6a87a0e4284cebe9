"""Values out of their canonical form: the exact inverse of `canonical`, driven by the types of their fields."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from controlplane.catalog.canonical import NO_CONFIGURATION

Value = TypeVar("Value")
Read = Callable[[Any], Any]


class FormInvalid(ValueError):
    """It is not the canonical form of such a value; the message names the place."""


def decode(kind: type[Value], plain: object) -> Value:
    """The value of type `kind` that has this plain form, as JSON gives it.

    Fields that are absent have their default values, so that what older software wrote can be read; what is no configuration is
    never there, and fields named `digest` are empty bytes. Raises FormInvalid.
    """
    any_kind: Any = kind
    found: Value = _reader(any_kind)(plain)
    return found


@cache
def _reader(kind: Any) -> Read:
    while isinstance(kind, NewType):
        kind = kind.__supertype__
    if is_dataclass(kind):
        return _record(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _checked(kind, str)
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _optional(arguments)
    if origin in _COLLECTIONS:
        return _COLLECTIONS[origin](arguments)
    raise TypeError(f"{kind} has no canonical form")


def _record(kind: Any) -> Read:
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind) if field.name not in NO_CONFIGURATION}
    made = {"digest": b""} if "digest" in hints else {}
    needed = {name for name, field in known.items() if field.default is MISSING and field.default_factory is MISSING}
    readers: dict[str, Read] = {}  # filled when first used, for types may refer to each other

    def read(plain: Any) -> Any:
        given = _as(plain, dict, kind.__name__)
        if strange := given.keys() - known.keys():
            raise FormInvalid(f"{kind.__name__}: there is no {min(strange)!r}; newer software wrote it")
        if absent := needed - given.keys():
            raise FormInvalid(f"{kind.__name__}: {min(absent)!r} is missing")
        if not readers:
            readers.update({name: _reader(hints[name]) for name in known})
        values = {name: _within(f"{kind.__name__}.{name}", readers[name], item) for name, item in given.items()}
        return kind(**values, **made)

    return read


def _within(place: str, read: Read, plain: Any) -> Any:
    try:
        return read(plain)
    except FormInvalid:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise FormInvalid(f"{place}: {error}") from error


def _as(plain: Any, kind: type, name: str) -> Any:
    if not isinstance(plain, kind):
        raise FormInvalid(f"{name}: {type(plain).__name__} where {kind.__name__} is needed")
    return plain


def _checked(make: Read, kind: type) -> Read:
    return lambda plain: make(_as(plain, kind, "value"))


def _number(plain: Any) -> Any:
    """A fraction; one that was a whole number stays what it was."""
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise FormInvalid(f"value: {type(plain).__name__} where a number is needed")
    return plain


def _whole(plain: Any) -> Any:
    if isinstance(plain, bool):
        raise FormInvalid("value: bool where int is needed")
    return _as(plain, int, "value")


_SIMPLE: Mapping[Any, Read] = MappingProxyType(
    {
        str: lambda plain: _as(plain, str, "value"),
        bool: lambda plain: _as(plain, bool, "value"),
        int: _whole,
        float: _number,
        timedelta: lambda plain: timedelta(microseconds=_whole(plain)),
        date: _checked(date.fromisoformat, str),
        datetime: _checked(datetime.fromisoformat, str),
    }
)


def _optional(arguments: Sequence[Any]) -> Read:
    (inner,) = (argument for argument in arguments if argument is not NoneType)
    read = _reader(inner)
    return lambda plain: None if plain is None else read(plain)


def _tuple(arguments: Sequence[Any]) -> Read:
    if arguments[1:] == (Ellipsis,):
        one = _reader(arguments[0])
        return lambda plain: tuple(map(one, _as(plain, list, "tuple")))
    each = [_reader(argument) for argument in arguments]
    return lambda plain: tuple(read(item) for read, item in zip(each, _as(plain, list, "tuple"), strict=True))


def _set(arguments: Sequence[Any]) -> Read:
    one = _reader(arguments[0])
    return lambda plain: frozenset(map(one, _as(plain, list, "set")))


def _mapping(arguments: Sequence[Any]) -> Read:
    name, item = map(_reader, arguments)
    return lambda plain: MappingProxyType(
        {name(key): item(value) for key, value in _as(plain, dict, "mapping").items()}
    )


_COLLECTIONS: Mapping[Any, Callable[[Sequence[Any]], Read]] = MappingProxyType(
    {tuple: _tuple, frozenset: _set, Mapping: _mapping}
)
