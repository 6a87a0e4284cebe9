"""Turns a text into a vector: what it is about, and how it is spelled."""

from array import array
from threading import Lock
from typing import Final

import numpy as np

from turnout_embedding.cache import WordCache
from turnout_embedding.hashing import HASHED, marks, pairs, put, spelled
from turnout_embedding.rounding import rounded
from turnout_embedding.weights import LARGEST_IMPORTANCE, STATIC, Weights
from turnout_embedding.words import LONGEST, MOST_WORDS, words

DIMENSIONS: Final = STATIC + HASHED
"""First those of the word pieces' vectors, then those of hashed words, pairs of words and n-grams."""

CACHED_WORDS = 16 * MOST_WORDS
"""Words of which is kept what they consist of: some 7 MiB when all are there and of usual length."""

Word = tuple[bytes, bytes, bytes]
"""The rows of its pieces, what its spelling adds, and its marks for pairs: as numpy has them in memory."""


class Encoder:
    """The static encoder. A vector has DIMENSIONS signed bytes; each of its two parts is about LENGTH long, or all zero.

    The same text gives the same bytes on every machine, in every order and whatever is cached, for all arithmetic is of whole
    numbers that are exact in the floats that hold them. (Characters newer than Unicode 14 may be folded otherwise by a newer
    Python.) May be called from several threads.
    """

    def __init__(self, weights: Weights, *, cached_words: int = CACHED_WORDS) -> None:
        self.name: Final = f"static-1-{weights.digest[:8]}"
        self._weights = weights
        self._cache = WordCache(self._made, capacity=max(cached_words, MOST_WORDS))
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
        """Words that are kept now."""
        return len(self._cache)

    def __call__(self, text: str) -> bytes:
        """The vector of `text`; all zeros if it has no words. Any string does; time is bounded whatever it holds."""
        found = words(text)
        if not found:
            return bytes(DIMENSIONS)
        with self._lock:
            known = self._cache.of(found)
        pieces, spellings, marked = map(b"".join, zip(*known, strict=True))
        following = pairs(np.frombuffer(marked, np.int64).reshape(len(found), 2))
        parts = np.zeros((2, STATIC))
        self._weights.add(np.frombuffer(pieces, np.int64), parts[0])
        put(np.concatenate((np.frombuffer(spellings, np.int64), following)), parts[1])
        return rounded(parts).tobytes()

    def _made(self, word: str) -> Word:
        weights = self._weights
        pieces = weights.vocabulary.rows(word)[:LONGEST]
        importance = max([int(weights.importance[piece]) for piece in pieces], default=LARGEST_IMPORTANCE)
        return (
            array("q", pieces).tobytes(),
            array("q", spelled(word, importance)).tobytes(),
            array("q", marks(word, importance)).tobytes(),
        )
