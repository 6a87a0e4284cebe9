"""Keeps the vectors of words, the lately used ones of them."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.int32]
Mark = NDArray[np.uint32]
Places = NDArray[np.intp]


class WordCache:
    """A row of `width` integers and two marks for each of at most `capacity` words, filled in by `make` for a new one.

    When it is full, a hand goes round and puts the next word where none was looked up since the hand last came by. `hits`
    and `misses` count the words looked up. Not for several threads at once.
    """

    def __init__(self, make: Callable[[str, Row, Mark], None], *, capacity: int, width: int) -> None:
        self.rows: Row = np.zeros((capacity, width), np.int32)
        self.marks: Mark = np.zeros((2, capacity), np.uint32)
        self.hits = 0
        self.misses = 0
        self._make = make
        self._places: dict[str, int] = {}
        self._words = [""] * capacity
        self._used = np.zeros(capacity, np.int64)
        self._now = 0
        self._round_began = 0
        self._hand = 0

    def __len__(self) -> int:
        return len(self._places)

    def places(self, words: Sequence[str]) -> Places:
        """The row of each word: valid until the next call. At most `capacity` different words."""
        self._now += 1
        known = self._places.get
        found = [known(word, -1) for word in words]
        places = np.array(found, np.intp)
        if -1 not in found:
            self._used[places] = self._now
            self.hits += len(found)
            return places
        there = places[places >= 0]
        self._used[there] = self._now
        self.hits += len(there)
        for number, place in enumerate(found):
            if place < 0:
                places[number] = self._added(words[number])
        return places

    def _added(self, word: str) -> int:
        """The row of a word that was not there when the text began; it may have occurred in the text since."""
        place = self._places.get(word)
        if place is not None:
            self.hits += 1
            return place
        self.misses += 1
        place = self._free()
        self.rows[place] = 0
        self._make(word, self.rows[place], self.marks[:, place])
        self._words[place] = word
        self._places[word] = place
        self._used[place] = self._now
        return place

    def _free(self) -> int:
        """A row that no word needs, or whose word is forgotten now."""
        while True:
            if self._hand == len(self._words):
                self._hand, self._round_began = 0, self._now
            place = self._hand
            self._hand += 1
            if self._used[place] == 0:
                return place
            if self._used[place] != self._now and self._used[place] <= self._round_began:
                del self._places[self._words[place]]
                return place
