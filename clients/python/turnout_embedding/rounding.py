"""Gives vectors of whole numbers one length, exactly."""

from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

LENGTH: Final = 256
"""The length of a part of a vector that is not nothing: the square root of the sum of its squares, but for rounding."""

LARGEST: Final = 127
"""What a component is cut to: it could otherwise be up to LENGTH, which a signed byte cannot hold."""

_BITS = 23
_EXACT = 1 << 2 * _BITS
"""Below this a sum of squares is exact, and each of what is squared is below 2**_BITS."""

_FINE = 16
"""Binary places of a length after the point."""

Parts = NDArray[np.float64]
"""Rows of at most 256 whole numbers below 2**32."""


def rounded(parts: Parts) -> NDArray[np.int8]:
    """Each row of `parts` made LENGTH long and rounded to bytes, cut at LARGEST; zeros stay so.

    The same on every machine: floats are whole numbers below 2**53, whatever is summed and in whatever order, and IEEE 754 says to the
    bit what a division of two such floats and the floor of one give; no other operation rounds.
    """
    squares = np.vecdot(parts, parts).tolist()
    if max(squares) >= _EXACT:
        parts = _shifted(parts)
        squares = _long_squares(parts)
    lengths = np.array([[isqrt(int(square) << 2 * _FINE) or 1] for square in squares], np.float64)
    near = parts * float(2 * LENGTH << _FINE)
    near += lengths
    near /= lengths + lengths
    np.floor(near, out=near)
    near.clip(-LARGEST, LARGEST, out=near)
    return near.astype(np.int8)


def _shifted(parts: Parts) -> Parts:
    """All components divided by the same power of two, and rounded down, so that they are below 2**_BITS."""
    shift = max(int(parts.max()), -int(parts.min())).bit_length() - _BITS
    return np.floor(parts / (1 << shift)) if shift > 0 else parts


def _long_squares(parts: Parts) -> list[int]:
    """The sums of squares, which floats could not hold."""
    whole = parts.astype(np.int64)
    squares: list[int] = np.vecdot(whole, whole).tolist()
    return squares
