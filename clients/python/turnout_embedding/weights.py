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
"""What the bytes of a row are multiplied with at most: so the sum of a text stays below 2**31."""

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
    factors: NDArray[np.int32]
    importance: NDArray[np.int32]


def read(folder: Path = FOLDER) -> Weights:
    """The weights in `folder`. Rows are mapped, not read: what no word needs takes no memory. Raises OSError."""
    pieces = (folder / PIECES).read_text("utf-8").removesuffix("\n").split("\n")
    scales = np.load(folder / SCALES).astype(np.int32)
    return Weights(
        digest=json.loads((folder / ABOUT).read_text("utf-8"))["digest"],
        vocabulary=Vocabulary.of(pieces),
        rows=np.asarray(np.load(folder / ROWS, mmap_mode="r")),  # a plain view: a memmap is slow to index
        factors=scales[0],
        importance=scales[1],
    )
