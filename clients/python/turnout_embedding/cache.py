"""Keeps what is known of words, of the lately used ones."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Known = TypeVar("Known")


class WordCache(Generic[Known]):
    """What `make` says of each of at most `capacity` words; never nothing.

    A word is young when it is made or looked up. When there is no room, an old one is forgotten for each new one; when no old one is
    left, all become old. `hits` and `misses` count the words looked up. Not for several threads at once.
    """

    def __init__(self, make: Callable[[str], Known], *, capacity: int) -> None:
        self.hits = 0
        self.misses = 0
        self._make = make
        self._capacity = capacity
        self._young: dict[str, Known] = {}
        self._old: dict[str, Known] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def of(self, words: Sequence[str]) -> list[Known]:
        """What is known of each word."""
        young, other, before = self._young.get, self._other, self.misses
        known = [young(word) or other(word) for word in words]
        self.hits += len(words) - (self.misses - before)
        return known

    def _other(self, word: str) -> Known:
        """What is known of a word that was not young when the text began; it may have occurred in the text since."""
        known = self._young.get(word)
        if known is not None:
            return known
        known = self._old.pop(word, None)
        if known is None:
            known = self._make(word)
            self.misses += 1
            if len(self) >= self._capacity:
                self._forget()
        self._young[word] = known
        return known

    def _forget(self) -> None:
        """One old word; if there is none, the young ones are old."""
        if not self._old:
            self._young, self._old = {}, self._young
        self._old.popitem()
