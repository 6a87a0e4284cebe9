"""How an exported log lies below a prefix: which object holds what, told by its name."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_OURS = ("entries/", "checkpoint/", "document/")
_ENTRIES = re.compile(r"entries/(\d{12,})-(\d{12,})\.jsonl\.gz")
_CHECKPOINT = re.compile(r"checkpoint/(\d{12,})\.json")
_DOCUMENT = re.compile(r"document/([0-9a-f]{64})\.json\.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Entries [first, end) in one object."""

    first: int
    end: int

    @property
    def name(self) -> str:
        """Of the object; the last index is in it."""
        return f"entries/{self.first:012d}-{self.end - 1:012d}.jsonl.gz"


def checkpoint_name(size: int) -> str:
    """The object with the checkpoint of that size."""
    return f"checkpoint/{size:012d}.json"


def document_name(digest: bytes) -> str:
    """The object with that document."""
    return f"document/{digest.hex()}.json.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A piece that is read from `start` on: what is before is in another one too."""

    piece: Piece
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What lies there."""

    cover: tuple[Read, ...]
    """In order; together all entries that are there, each once."""
    repeated: tuple[Piece, ...]
    """All of whose entries are in others."""
    checkpoints: tuple[int, ...]
    """Their sizes, in order."""
    documents: frozenset[bytes]
    strange: tuple[str, ...]
    """Names in its folders that no export gives. What else lies below the prefix is nobody's concern."""

    @property
    def end(self) -> int:
        """One more than the last index that is there."""
        return self.cover[-1].piece.end if self.cover else 0

    def gaps(self, size: int) -> Sequence[Piece]:
        """What is missing of the first `size` entries."""
        found, place = [], 0
        for read in self.cover:
            if read.start > place:
                found.append(Piece(first=place, end=min(read.start, size)))
            place = read.piece.end
        return [*found, *([Piece(first=place, end=size)] if place < size else [])]


def listing(names: Iterable[str]) -> Listing:
    """What names say of what is there."""
    pieces: list[Piece] = []
    checkpoints: list[int] = []
    documents: set[bytes] = set()
    strange: list[str] = []
    for name in names:
        if (found := _ENTRIES.fullmatch(name)) and int(found[1]) <= int(found[2]):
            pieces.append(Piece(first=int(found[1]), end=int(found[2]) + 1))
        elif found := _CHECKPOINT.fullmatch(name):
            checkpoints.append(int(found[1]))
        elif found := _DOCUMENT.fullmatch(name):
            documents.add(bytes.fromhex(found[1]))
        elif name.startswith(_OURS):
            strange.append(name)
    cover = _cover(pieces)
    used = {read.piece for read in cover}
    return Listing(
        cover=cover,
        repeated=tuple(piece for piece in pieces if piece not in used),
        checkpoints=tuple(sorted(checkpoints)),
        documents=frozenset(documents),
        strange=tuple(strange),
    )


def _cover(pieces: Iterable[Piece]) -> tuple[Read, ...]:
    """As few as hold everything: of those that begin no later than what is missing, the one that reaches farthest."""
    ordered = sorted(pieces, key=lambda piece: (piece.first, piece.end))
    found: list[Read] = []
    place = at = 0
    while at < len(ordered):
        start = max(place, ordered[at].first)
        best = ordered[at]
        while at < len(ordered) and ordered[at].first <= start:
            best = max(best, ordered[at], key=lambda piece: piece.end)
            at += 1
        if best.end > place:
            found.append(Read(piece=best, start=start))
            place = best.end
    return tuple(found)
