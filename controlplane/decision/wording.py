"""Figures as people read them."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from controlplane.decision.model import QualityFloor

Value = TypeVar("Value", int, float)

_MOST_DIGITS = 9
_MOST_NAMES = 20


def dollars(nanousd: int, digits: int = 2) -> str:
    """An amount with so many significant digits, at least cents: `$0.00012`, `$1.50`."""
    if nanousd == 0:
        return "$0"
    amount = nanousd / 1_000_000_000
    magnitude = int(f"{amount:.{digits - 1}e}".rpartition("e")[2])  # of the rounded amount: 0.0999 counts as 0.10
    return f"${amount:.{max(2, digits - 1 - magnitude)}f}"


def seconds(taking: float, digits: int = 1) -> str:
    """A time with so many decimals: `1.5 s`."""
    return f"{taking:.{digits}f} s"


def quality(value: float, digits: int = 2) -> str:
    """A quality with so many decimals, one more if it needs it: `0.80`, `0.955`."""
    text = f"{value:.{digits + 1}f}"
    return text.removesuffix("0")


def figure(value: float, digits: int = 2) -> str:
    """A number with so many decimals: `0.83`."""
    return f"{value:.{digits}f}"


def apart(worded: Callable[[Value, int], str], one: Value, other: Value) -> tuple[str, str]:
    """Two figures with just enough digits, two or more, that they do not look alike."""
    digits = 2
    texts = worded(one, digits), worded(other, digits)
    while texts[0] == texts[1] and one != other and digits < _MOST_DIGITS:
        digits += 1
        texts = worded(one, digits), worded(other, digits)
    return texts


def names(values: Iterable[str]) -> str:
    """Names in order, at most twenty of them."""
    known = sorted(values)
    more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
    return ", ".join(known[:_MOST_NAMES]) + more


def floor_source(asked: QualityFloor) -> str:
    """Who asks for a floor, as part of a sentence."""
    match asked.source:
        case "complexity":
            return "the policy"
        case "override":
            return "an override"
        case _:
            return "the request"


def clipped(text: str, length: int) -> str:
    """`text` in at most `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"
