"""Random values of any configuration type, by the types of their fields."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

_SIMPLE: Mapping[Any, st.SearchStrategy[Any]] = MappingProxyType(
    {
        str: st.text(st.characters(codec="utf-8"), max_size=8),
        bool: st.booleans(),
        int: st.integers(-(2**70), 2**70),
        float: st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0),
        bytes: st.just(b""),
        date: st.dates(),
        datetime: st.datetimes(timezones=st.just(UTC)),
        timedelta: st.timedeltas(),
    }
)


def of(kind: Any, within: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Values of `kind`; digests are empty. A kind that stands `within` itself has it twice at most, and then None."""
    while isinstance(kind, NewType):
        kind = kind.__supertype__
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if isinstance(kind, type) and is_dataclass(kind):
        hints, around = get_type_hints(kind), (*within, kind)
        return st.builds(kind, **{field.name: of(hints[field.name], around) for field in fields(kind)})
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return st.sampled_from(kind)
    return _collection(get_origin(kind), get_args(kind), within)


def _collection(origin: Any, arguments: tuple[Any, ...], within: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin in (Union, UnionType):
        inner = next(argument for argument in arguments if argument is not NoneType)
        return st.none() if within.count(inner) > 1 else st.none() | of(inner, within)
    parts = [of(argument, within) for argument in arguments if argument is not Ellipsis]
    if origin is Mapping:
        return st.dictionaries(*parts, max_size=2).map(MappingProxyType)
    if origin is frozenset:
        return st.frozensets(*parts, max_size=2)
    if arguments[1:] == (Ellipsis,):
        return st.lists(*parts, max_size=2).map(tuple)
    return st.tuples(*parts)
