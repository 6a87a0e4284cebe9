"""How long answers are, from those that were written."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from controlplane.learning.training.lesson import Lesson

LEAST = 20
"""Answers from which percentiles are told."""

PERCENTILES = (5, 50, 95)


def lengths(lesson: Lesson) -> Mapping[str, tuple[int, int, int]]:
    """Tokens of an answer by `task|model` and by `task`: the PERCENTILES, where there are enough answers."""
    found: dict[str, tuple[int, int, int]] = {}
    for task in np.unique(lesson.tasks).tolist():
        rows = lesson.lengths[lesson.tasks == task]
        for name, column in [("", rows.ravel()), *zip(lesson.models, rows.T, strict=True)]:
            known = column[~np.isnan(column)]
            if len(known) >= LEAST:
                low, middle, high = np.percentile(known, PERCENTILES).round().astype(int).tolist()
                found[f"{task}|{name}"] = (low, middle, high)
    return MappingProxyType(found)
