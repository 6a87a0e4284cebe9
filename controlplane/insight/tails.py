"""Quantiles of the F distribution, far out in its tail. Pure."""

import math

_TINY = 1e-300
_TERMS = 500
_CLOSE = 1e-12
_STEPS = 26
_LEAST, _MOST = math.log(1e-4), math.log(1e12)


def f_tail(value: float, upper: float, lower: float) -> float:
    """How likely a value above `value` >= 0 is, with `upper` and `lower` degrees of freedom, which need not be whole.

    Abramowitz and Stegun: Handbook of Mathematical Functions, 26.6.2: I(d2 / (d2 + d1·x); d2/2, d1/2).
    """
    return beta_share(lower / (lower + upper * value), lower / 2, upper / 2)


def f_quantile(tail: float, upper: float, lower: float) -> float:
    """The value that is exceeded with probability `tail`, 0 < tail < 1, to a millionth of it. By halving, for the tail only falls."""
    low, high = _LEAST, _MOST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if f_tail(math.exp(middle), upper, lower) > tail:
            low = middle
        else:
            high = middle
    return math.exp(high)


def beta_share(value: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I(value; a, b), 0 <= value <= 1."""
    if value <= 0 or value >= 1:
        return min(max(value, 0.0), 1.0)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(value) + b * math.log1p(-value)
    if value < (a + 1) / (a + b + 2):
        return math.exp(logarithm) * _fraction(value, a, b) / a
    return 1 - math.exp(logarithm) * _fraction(1 - value, b, a) / b


def _fraction(value: float, a: float, b: float) -> float:
    """The continued fraction of I (NIST Digital Library of Mathematical Functions, 8.17.22), by the method of Lentz (1976)."""
    numerator, denominator = 1.0, _inverse(1 - (a + b) * value / (a + 1))
    result = denominator
    for m in range(1, _TERMS):
        even = m * (b - m) * value / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * value / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            denominator = _inverse(1 + term * denominator)
            numerator = 1 + term / (numerator or _TINY)
            result *= denominator * numerator
        if abs(denominator * numerator - 1) < _CLOSE:
            break
    return result


def _inverse(value: float) -> float:
    return 1 / (value or _TINY)
