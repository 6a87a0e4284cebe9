"""Turns a text into a vector: what it is about, and how it is spelled."""

from threading import Lock
from typing import Final

import numpy as np

from turnout_embedding.cache import Mark, Row, WordCache
from turnout_embedding.hashing import HASHED, checksum, pairs, spelled
from turnout_embedding.rounding import rounded
from turnout_embedding.weights import LARGEST_IMPORTANCE, STATIC, Weights
from turnout_embedding.words import LONGEST, MOST_WORDS, words

DIMENSIONS: Final = STATIC + HASHED
"""First those of the word pieces' vectors, then those of hashed words, pairs of words and n-grams."""

CACHED_WORDS = 4 * MOST_WORDS
"""Words whose vectors are kept: 8 MiB when all are there."""


class Encoder:
    """The static encoder. A vector has DIMENSIONS signed bytes; each of its two parts is about LENGTH long, or all zero.

    The same text gives the same bytes on every machine, in every order and whatever is cached, for all arithmetic is of
    integers that cannot overflow: at most MOST_WORDS words of LONGEST pieces, a byte times a factor each, stay below
    2**31. (Characters newer than Unicode 14 may be folded otherwise by a newer Python.) May be called from several threads.
    """

    def __init__(self, weights: Weights, *, cached_words: int = CACHED_WORDS) -> None:
        self.name: Final = f"static-1-{weights.digest[:8]}"
        self._weights = weights
        self._cache = WordCache(self._make, capacity=max(cached_words, MOST_WORDS), width=DIMENSIONS)
        self._lock = Lock()

    @property
    def hits(self) -> int:
        """Words that were found in the cache so far."""
        return self._cache.hits

    @property
    def misses(self) -> int:
        """Words that were not."""
        return self._cache.misses

    @property
    def cached(self) -> int:
        """Words whose vectors are kept now."""
        return len(self._cache)

    def __call__(self, text: str) -> bytes:
        """The vector of `text`; all zeros if it has no words. Any string does; time is bounded whatever it holds."""
        found = words(text)
        if not found:
            return bytes(DIMENSIONS)
        with self._lock:
            cache = self._cache
            placed = cache.places(found)
            total = np.einsum("ij->j", cache.rows.take(placed, axis=0)).astype(np.int64)
            checksums, importance = cache.marks.take(placed, axis=1)
        total[STATIC:] += pairs(checksums, importance)
        return rounded(total.reshape(2, STATIC)).tobytes()

    def _make(self, word: str, row: Row, mark: Mark) -> None:
        """Put the vector of one word into `row`, its checksum and its importance into `mark`."""
        weights = self._weights
        pieces = weights.vocabulary.rows(word)[:LONGEST]
        for piece in pieces:
            row[:STATIC] += weights.rows[piece] * weights.factors[piece]
        importance = max([int(weights.importance[piece]) for piece in pieces], default=LARGEST_IMPORTANCE)
        for place, value in spelled(word, importance).items():
            row[STATIC + place] = value
        mark[:] = checksum(word), importance
