"""Reads the weights that belong to this package."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from turnout_embedding.pieces import Vocabulary

STATIC: Final = 256
"""Bytes of a row."""

FOLDER = Path(__file__).parent / "static"
ROWS, SCALES, PIECES, ABOUT = "rows.npy", "scales.npy", "pieces.txt", "weights.json"

LARGEST_FACTOR = 511
"""What the bytes of a row are multiplied with at most."""

AT_ONCE: Final = 256
"""Pieces whose sum is exact in 32-bit floats, whatever the order: 256 · 511 · 127 is below 2**24."""

LARGEST_IMPORTANCE = 1_024
"""That of the rarest pieces, and of words that have no pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What `make weights` wrote; `digest` is that of its files.

    The vector of a piece is its row times its factor. Its importance, up to LARGEST_IMPORTANCE, is the less the
    more frequent it is.
    """

    digest: str
    vocabulary: Vocabulary
    rows: NDArray[np.int8]
    factors: NDArray[np.float32]
    importance: NDArray[np.int32]

    def add(self, pieces: NDArray[np.int64], total: NDArray[np.float64]) -> None:
        """Add the vectors of `pieces` to `total`."""
        for start in range(0, len(pieces), AT_ONCE):
            some = pieces[start : start + AT_ONCE]
            total += self.factors.take(some).dot(self.rows.take(some, axis=0).astype(np.float32))


def read(folder: Path = FOLDER) -> Weights:
    """The weights in `folder`. Rows are mapped, not read: what no word needs takes no memory. Raises OSError."""
    pieces = (folder / PIECES).read_text("utf-8").removesuffix("\n").split("\n")
    scales = np.load(folder / SCALES).astype(np.int32)
    return Weights(
        digest=json.loads((folder / ABOUT).read_text("utf-8"))["digest"],
        vocabulary=Vocabulary.of(pieces),
        rows=np.asarray(np.load(folder / ROWS, mmap_mode="r")),  # a plain view: a memmap is slow to index
        factors=scales[0].astype(np.float32),
        importance=scales[1],
    )
