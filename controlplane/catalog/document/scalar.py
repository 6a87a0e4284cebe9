"""Readers of single values: texts, numbers, money, durations, days and words of closed sets."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from controlplane.catalog.document.node import NOTHING, At, Scalar
from controlplane.catalog.document.problem import ProblemKind
from controlplane.catalog.document.read import Reader, nearest, wrong_type

E = TypeVar("E", bound=StrEnum)

NANOUSD_PER_USD = 10**9
MAX_TEXT = 4096

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,340})?")
_MONEY = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")  # programs write small amounts as 1e-09
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)")
_UNITS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
"""Microseconds in each unit."""


def text(at: At) -> str:
    """A text on one line that is not empty. A number counts as the text that it is written as."""
    value = _scalar(at, "a text", "`name`").text
    if not value.isprintable():
        raise at.refuse(ProblemKind.WRONG_TYPE, "the text has characters that cannot be printed", "remove them")
    if len(value) > MAX_TEXT:
        raise at.refuse(ProblemKind.TOO_LONG, f"the text has {len(value)} characters", f"keep it under {MAX_TEXT}")
    return value


def text_or_empty(at: At) -> str:
    """A text on one line; `""` is one."""
    if isinstance(at.node, Scalar) and at.node.quoted and not at.node.text:
        return ""
    return text(at)


def _scalar(at: At, wanted: str, example: str) -> Scalar:
    if not isinstance(at.node, Scalar) or (at.node.text in NOTHING and not (at.node.quoted and at.node.text)):
        raise wrong_type(at, wanted, example)
    return at.node


def unquoted(at: At, wanted: str, example: str) -> str:
    """The text of a value that must not stand in quotes."""
    scalar = _scalar(at, wanted, example)
    if scalar.quoted:
        raise at.refuse(
            ProblemKind.WRONG_TYPE, f"{wanted} is wanted here, not a text in quotes", f"write it like {example}"
        )
    return scalar.text


def flag(at: At) -> bool:
    """`true` or `false`."""
    match unquoted(at, "true or false", "`true`").lower():
        case "true":
            return True
        case "false":
            return False
    raise wrong_type(at, "true or false", "`true`")


def integer(low: int, high: int) -> Reader[int]:
    """A whole number from `low` to `high`; `_` may group its digits."""

    def read(at: At) -> int:
        written = unquoted(at, "a whole number", "`128000`").replace("_", "")
        if not _INTEGER.fullmatch(written):
            raise wrong_type(at, "a whole number", "`128000`")
        return _within(at, int(written), low, high)

    return read


def number(low: float, high: float) -> Reader[float]:
    """A number from `low` to `high`, in plain decimal notation."""

    def read(at: At) -> float:
        written = _matching(_NUMBER, at, "a number", "`0.85`")[0]
        # Without the sign of -0, which would be a second value for nothing.
        return _within(at, float(written) + 0.0, low, high)

    return read


share = number(0.0, 1.0)
"""A number from 0 to 1."""


def usd(high: int) -> Reader[int]:
    """US dollars up to `high`, as integer nano-dollars: exact, never through a float."""

    def read(at: At) -> int:
        written = _matching(_MONEY, at, "an amount in US dollars", "`2.50`")[0]
        dollars = _within(at, Decimal(written), Decimal(0), Decimal(high))
        nanousd = dollars * NANOUSD_PER_USD
        if nanousd != int(nanousd):
            reason = f"{written} is finer than a nano-dollar"
            raise at.refuse(ProblemKind.OUT_OF_RANGE, reason, "keep to nine decimal places")
        return int(nanousd)

    return read


def duration(low: timedelta, high: timedelta) -> Reader[timedelta]:
    """A number and its unit (`ms`, `s`, `m`, `h`), from `low` to `high`, exact to the microsecond."""

    def read(at: At) -> timedelta:
        match = _matching(_DURATION, at, "a duration", "`800ms` or `2s`")
        microseconds = Decimal(match[1]) * _UNITS[match[2]]
        if microseconds != int(microseconds):
            raise at.refuse(ProblemKind.OUT_OF_RANGE, f"{match[0]} is finer than a microsecond", "round it")
        return _within(at, timedelta(microseconds=int(microseconds)), low, high, show=duration_text)

    return read


def _matching(pattern: re.Pattern[str], at: At, wanted: str, example: str) -> re.Match[str]:
    match = pattern.fullmatch(_scalar(at, wanted, example).text)
    if match is None:
        raise wrong_type(at, wanted, example)
    return match


N = TypeVar("N", int, float, Decimal, timedelta)


def _within(at: At, value: N, low: N, high: N, *, show: Callable[[N], str] = str) -> N:
    if not low <= value <= high:
        reason = f"{show(value)} is out of range"
        raise at.refuse(ProblemKind.OUT_OF_RANGE, reason, f"give a value from {show(low)} to {show(high)}")
    return value


def day(at: At) -> date:
    """A day as YYYY-MM-DD, in quotes or not."""
    written = _scalar(at, "a day", "`2026-11-21`").text
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", written):
            return date.fromisoformat(written)
    except ValueError:
        pass
    raise wrong_type(at, "a day", "`2026-11-21`")


def word_of(kind: type[E], noun: str) -> Reader[E]:
    """A word of a closed set."""

    def read(at: At) -> E:
        written = text(at)
        if written not in set(kind):
            way_out = nearest(written, set(kind), noun=noun)
            raise at.refuse(ProblemKind.UNKNOWN_WORD, f"`{written[:60]}` is no {noun}", way_out)
        return kind(written)

    return read


def name_like(pattern: str, noun: str, allowed: str) -> Reader[str]:
    """A name that fits `pattern`; `allowed` says in words what that is."""
    compiled = re.compile(pattern)

    def read(at: At) -> str:
        written = text(at)
        if not compiled.fullmatch(written):
            raise at.refuse(ProblemKind.BAD_NAME, f"`{written[:60]}` cannot be the name of a {noun}", f"use {allowed}")
        return written

    return read


def usd_text(nanousd: int) -> str:
    """Nano-dollars as dollars, the way `usd` reads them."""
    whole, rest = divmod(nanousd, NANOUSD_PER_USD)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


def duration_text(value: timedelta) -> str:
    """A duration the way `duration` reads it."""
    microseconds = value // timedelta(microseconds=1)
    if microseconds % 1_000_000 == 0:
        return f"{microseconds // 1_000_000}s"
    whole, rest = divmod(microseconds, 1_000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".") + "ms"


def number_text(value: float) -> str:
    """A number the way `number` reads it: plain notation, and exactly the same value."""
    return format(Decimal(repr(value)), "f")
