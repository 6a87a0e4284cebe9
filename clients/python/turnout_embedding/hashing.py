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

Additions = NDArray[np.uint32]
"""What is added: a weight each, before the bits that say in which dimension and, the highest of these, with which sign."""

_STIR, _FIRST, _MASK = 0x9E3779B1, 0x85EBCA6B, 0xFFFFFFFF
_SLOTS = 2 * HASHED
_SLOT_BITS = HASHED.bit_length()
_SHIFT = 32 - _SLOT_BITS
"""The highest bits that are left: one for the sign, the others for the dimension."""


def spelled(word: str, importance: int) -> list[int]:
    """Additions of one word and its n-grams."""
    whole, *grams = _stirred([word, *_grams(f"<{word}>")])
    weight = GRAM * importance << _SLOT_BITS
    return [WORD * importance << _SLOT_BITS | whole >> _SHIFT, *[weight | gram >> _SHIFT for gram in grams]]


def marks(word: str, importance: int) -> tuple[int, int, int]:
    """What is known of a word in pairs: its bits as the first and as the second of one, and what it adds to the weight."""
    [stirred] = _stirred([word])
    return stirred * _FIRST & _MASK, stirred, importance * PAIR // 2 << _SLOT_BITS


def pairs(marked: NDArray[np.uint32]) -> Additions:
    """Additions of all pairs of neighbours, each as important as its words are on average. `marked` has a row for each word's marks."""
    first, second, weights = marked.T
    found: Additions = weights[:-1] + weights[1:] | first[:-1] + second[1:] >> _SHIFT
    return found


def summed(additions: Additions) -> NDArray[np.float64]:
    """The sum for each dimension: whole numbers below 2**53, which are exact in every order."""
    sums = np.bincount(additions & _SLOTS - 1, additions >> _SLOT_BITS, _SLOTS)
    found: NDArray[np.float64] = np.subtract(sums[:HASHED], sums[HASHED:], dtype=np.float64)
    return found


def _stirred(texts: Sequence[str]) -> list[int]:
    """32 bits that stand for each of `texts` on every machine, of which the highest ones depend on all of its checksum's."""
    return [crc32(text.encode("utf-8", "surrogatepass")) * _STIR & _MASK for text in texts]


def _grams(marked: str) -> list[str]:
    return [marked[start : start + size] for size in SIZES for start in range(len(marked) - size + 1)]
