"""Places words in dimensions by their spelling: no weights, every script (signed feature hashing, Weinberger et al. 2009)."""

from collections.abc import Iterator
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

_STIR, _FIRST = 0x9E3779B1, 0x85EBCA6B
_SHIFT = 32 - HASHED.bit_length()
"""The highest bits of a product depend on all bits of its factors: one for the sign, the others for the dimension."""


def checksum(text: str) -> int:
    """32 bits that stand for `text` on every machine."""
    return crc32(text.encode("utf-8", "surrogatepass"))


def spelled(word: str, importance: int) -> dict[int, int]:
    """The vector of one word and its n-grams, by its dimensions that are not nothing."""
    sums = {_slot(word): WORD * importance}
    for gram in _grams(f"<{word}>"):
        slot = _slot(gram)
        sums[slot] = sums.get(slot, 0) + GRAM * importance
    return {slot % HASHED: sums.get(slot % HASHED, 0) - sums.get(slot % HASHED + HASHED, 0) for slot in sums}


def pairs(checksums: NDArray[np.uint32], importance: NDArray[np.uint32]) -> NDArray[np.int64]:
    """The vector of all pairs of neighbours, each as important as its words are on average."""
    mixed = (checksums[:-1] * np.uint32(_FIRST) + checksums[1:]) * np.uint32(_STIR)
    weights = (importance[:-1] + importance[1:]) * np.uint32(PAIR // 2)
    # Floats, but whole numbers below 2**53, whose sums are exact in every order.
    sums = np.bincount(mixed >> np.uint32(_SHIFT), weights, 2 * HASHED)
    return (sums[:HASHED] - sums[HASHED:]).astype(np.int64)


def _slot(text: str) -> int:
    return (checksum(text) * _STIR & 0xFFFFFFFF) >> _SHIFT


def _grams(marked: str) -> Iterator[str]:
    for size in SIZES:
        for start in range(len(marked) - size + 1):
            yield marked[start : start + size]
