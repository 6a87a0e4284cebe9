"""What a quality model is trained from, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Prompts by row, with what is known of each.

    `embeddings` are signed bytes (prompts x dimensions) of `encoder`, without columns if there is none; `structure` is what
    `learning.structure` gives, and `forms` what its `form_of` does. `tables` numbers the table that a prompt is from, `subjects` its label
    within all tables (-1: none), `groups` prompts that are the same question. `scores` (prompts x models) are from 0 to 1, NaN where
    unknown, as are `lengths`, the tokens of answers; `tasks` numbers kinds of work. `models` are names in lower case.
    """

    encoder: str
    embeddings: NDArray[np.int8]
    structure: NDArray[np.int64]
    forms: NDArray[np.int64]
    tables: NDArray[np.int64]
    subjects: NDArray[np.int64]
    groups: NDArray[np.int64]
    tasks: NDArray[np.int64]
    models: Sequence[str]
    scores: NDArray[np.float64]
    lengths: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.tables)
