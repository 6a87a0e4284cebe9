"""Gives vectors of integers one length, in whole numbers only."""

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


def rounded(parts: NDArray[np.int64]) -> NDArray[np.int8]:
    """Each row of `parts`, of at most 512 components, made LENGTH long and rounded to bytes, cut at LARGEST; zeros stay so.

    The same on every machine, for it is arithmetic of whole numbers without overflow: all components are shifted below 2**23,
    so that the sum of a row's squares is below 2**55 and has an exact integer square root.
    """
    largest = max(int(parts.max()), -int(parts.min()))
    scaled = parts >> max(largest.bit_length() - _BITS, 0)
    squares: list[int] = (scaled * scaled).sum(axis=1).tolist()
    lengths = np.array([[isqrt(square << 2 * _FINE) or 1] for square in squares], np.int64)
    near = (scaled * (2 * LENGTH << _FINE) + lengths) // (2 * lengths)
    return near.clip(-LARGEST, LARGEST).astype(np.int8)
