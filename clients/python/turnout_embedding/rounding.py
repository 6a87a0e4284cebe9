"""Gives vectors of integers one length, exactly."""

from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

LENGTH: Final = 256
"""The length of a part of a vector that is not nothing: the square root of the sum of its squares, but for rounding."""

LARGEST: Final = 127
"""What a component is cut to: it could otherwise be up to LENGTH, which a signed byte cannot hold."""

_BITS = 23
_FINE = 16
"""Binary places of a length after the point."""


def rounded(parts: NDArray[np.int64]) -> NDArray[np.int8]:
    """Each row of `parts`, of at most 512 components, made LENGTH long and rounded to bytes, cut at LARGEST; zeros stay so.

    The same on every machine: all components are shifted below 2**23, so that the sum of a row's squares is below 2**55 and has
    an exact integer square root. What is divided are whole numbers below 2**53, and IEEE 754 says to the bit what a division of
    two floats and the floor of one give; no other operation rounds.
    """
    shift = max(int(parts.max()), -int(parts.min())).bit_length() - _BITS
    scaled = parts >> shift if shift > 0 else parts
    squares: list[int] = np.einsum("ij,ij->i", scaled, scaled).tolist()
    lengths = np.array([[isqrt(square << 2 * _FINE) or 1] for square in squares], np.int64)
    near = np.floor((scaled * (2 * LENGTH << _FINE) + lengths) / (2 * lengths))
    return np.minimum(np.maximum(near, -LARGEST), LARGEST).astype(np.int8)
