"""Places words in dimensions by their spelling: no weights, every script (signed feature hashing, Weinberger et al. 2009)."""

from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

HASHED: Final = 256
"""Dimensions: a power of two, for a place is some bits of a checksum."""

WORD, PAIR, GRAM = 4, 4, 1
"""Weight of a word, of two words that follow each other, and of each n-gram of a word's characters."""

SIZES = (3, 4)
"""Characters of an n-gram, the signs for both ends of the word included."""

Additions = NDArray[np.int64]
"""What is added: a weight each, above 33 bits, of which the nine from the 24th on say in which dimension and with which sign."""

_STIR, _FIRST, _MASK = 0x9E3779B1, 0x85EBCA6B, 0xFFFFFFFF
_SLOTS = 2 * HASHED
_SHIFT = 32 - HASHED.bit_length()
_WEIGHT = 33
"""Two numbers of 32 bits can be added beneath a weight."""


def spelled(word: str, importance: int) -> list[int]:
    """Additions of one word and its n-grams."""
    whole, *grams = _stirred([word, *_grams(f"<{word}>")])
    weight = GRAM * importance << _WEIGHT
    return [WORD * importance << _WEIGHT | whole, *[weight | gram for gram in grams]]


def marks(word: str, importance: int) -> tuple[int, int]:
    """What a word is in pairs, as the first and as the second of one: both together are their addition."""
    [stirred] = _stirred([word])
    weight = importance * PAIR // 2 << _WEIGHT
    return weight | stirred * _FIRST & _MASK, weight | stirred


def pairs(marked: NDArray[np.int64]) -> Additions:
    """Additions of all pairs of neighbours, each as important as its words are on average. `marked` has a row for each word's marks."""
    found: Additions = marked[:-1, 0] + marked[1:, 1]
    return found


def put(additions: Additions, total: NDArray[np.float64]) -> None:
    """Put the sum for each dimension into `total`: whole numbers below 2**53, which are exact in every order."""
    sums = np.bincount(additions >> _SHIFT & _SLOTS - 1, additions >> _WEIGHT, _SLOTS)
    np.subtract(sums[:HASHED], sums[HASHED:], out=total)


def _stirred(texts: Sequence[str]) -> list[int]:
    """32 bits that stand for each of `texts` on every machine, of which the highest ones depend on all of its checksum's."""
    return [crc32(text.encode("utf-8", "surrogatepass")) * _STIR & _MASK for text in texts]


def _grams(marked: str) -> list[str]:
    return [marked[start : start + size] for size in SIZES for start in range(len(marked) - size + 1)]
