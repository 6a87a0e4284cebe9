"""A number inside the bounds of a JSON schema."""

import math
from fractions import Fraction

from dataplane.provider.sandbox.call import Schema
from dataplane.provider.sandbox.draws import Draws

_SPAN = 100


def integer(schema: Schema, draws: Draws) -> int:
    """A whole number inside the bounds, a multiple of `multipleOf` where that is asked."""
    step = _fraction(schema.get("multipleOf")) or Fraction(1)
    whole = Fraction(step.numerator)  # the smallest whole multiple of a fraction in lowest terms
    return int(_inside(schema, whole, draws))


def decimal(schema: Schema, draws: Draws) -> float:
    """A number inside the bounds, with two decimals unless `multipleOf` or narrow bounds say otherwise."""
    low, high = _bounds(schema)
    step = _fraction(schema.get("multipleOf"))
    if step is None:
        narrow = low is not None and high is not None and 0 < high - low < 1
        step = (high - low) / 64 if narrow and low is not None and high is not None else Fraction(1, 100)
    return float(_inside(schema, step, draws))


def _inside(schema: Schema, step: Fraction, draws: Draws) -> Fraction:
    low, high = _range(schema, _SPAN * max(step, Fraction(1)))
    first, last = math.ceil(low / step), math.floor(high / step)
    if first * step == low and _excluded(schema, "exclusiveMinimum", "minimum", low):
        first += 1
    if last * step == high and _excluded(schema, "exclusiveMaximum", "maximum", high):
        last -= 1
    return draws.between(first, last) * step if first <= last else (low + high) / 2


def _range(schema: Schema, span: Fraction) -> tuple[Fraction, Fraction]:
    """The bounds, and where there is none, one that leaves room for `span`; 1 is the natural lower one."""
    low, high = _bounds(schema)
    if low is None:
        low = Fraction(1) if high is None or high >= 1 else high - span
    return low, low + span if high is None else high


def _bounds(schema: Schema) -> tuple[Fraction | None, Fraction | None]:
    lows = [found for key in ("minimum", "exclusiveMinimum") if (found := _fraction(schema.get(key))) is not None]
    highs = [found for key in ("maximum", "exclusiveMaximum") if (found := _fraction(schema.get(key))) is not None]
    return max(lows, default=None), min(highs, default=None)


def _excluded(schema: Schema, exclusive: str, inclusive: str, bound: Fraction) -> bool:
    """Whether `bound` itself is not allowed; in draft 4 the exclusive keyword is a boolean beside the other."""
    value = schema.get(exclusive)
    return _fraction(value) == bound or (value is True and _fraction(schema.get(inclusive)) == bound)


def _fraction(value: object) -> Fraction | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return Fraction(str(value))
    except ValueError:
        return None
