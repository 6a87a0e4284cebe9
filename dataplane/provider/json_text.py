"""JSON between text and plain values, with the laxness of Python's own reader and writer taken out."""

import json
from collections.abc import Mapping
from typing import NoReturn, TypeVar, cast

Plain = TypeVar("Plain")


def parse(text: str) -> object:
    """The value that `text` is.

    Raises ValueError where it is no JSON: also for NaN and infinities, and for what is nested too deeply. A lone surrogate
    becomes U+FFFD, so that every string can be encoded.
    """
    try:
        value, end = _READER.raw_decode(text) if text.startswith("{") else (None, -1)
        if end != len(text):  # there is white space around it, which an event of a stream seldom has
            value = _READER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return without_surrogates(value) if "\\ud" in text or "\\uD" in text else value


def write(value: object) -> str:
    """`value` as compact JSON. Raises ValueError for NaN, infinities and what is nested too deeply."""
    try:
        return _WRITER.encode(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_READER = json.JSONDecoder(parse_constant=_refuse)
_WRITER = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False, default=_plain
)


def without_surrogates(value: Plain) -> Plain:
    """`value` with U+FFFD for each lone surrogate, so that every string can be encoded."""
    return cast("Plain", _replaced(value))


def _replaced(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_replaced(item) for item in value]
        case dict():
            return {_replaced(key): _replaced(item) for key, item in value.items()}
        case _:
            return value
