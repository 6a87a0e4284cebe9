"""Divides a word into the pieces of a vocabulary."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

CONTINUES = "##"
"""Begins a piece that stands within a word."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Rows of the pieces that begin a word and of those that continue one; `longest` is the most characters of any."""

    begins: dict[str, int]
    continues: dict[str, int]
    longest: int

    @classmethod
    def of(cls, pieces: Sequence[str]) -> Self:
        """A vocabulary whose rows are numbered as `pieces` come."""
        begins: dict[str, int] = {}
        continues: dict[str, int] = {}
        for row, piece in enumerate(pieces):
            if piece.startswith(CONTINUES) and len(piece) > len(CONTINUES):
                continues[piece[len(CONTINUES) :]] = row
            else:
                begins[piece] = row
        return cls(begins, continues, max(map(len, (*begins, *continues)), default=0))

    def rows(self, word: str) -> list[int]:
        """Rows of the pieces of `word`, each the longest that fits (WordPiece); none if a part of it is in no piece.

        Accents are taken off first, as they were when the vocabulary was made (BERT, uncased).
        """
        plain = word if word.isascii() else _plain(word)
        found: list[int] = []
        known, start = self.begins, 0
        while start < len(plain):
            for end in range(min(len(plain), start + self.longest), start, -1):
                row = known.get(plain[start:end])
                if row is not None:
                    break
            else:
                return []
            found.append(row)
            known, start = self.continues, end
        return found


def _plain(word: str) -> str:
    apart = unicodedata.normalize("NFD", word)
    return "".join([character for character in apart if unicodedata.category(character) != "Mn"])
