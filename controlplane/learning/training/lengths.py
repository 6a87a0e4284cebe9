"""How long answers are, from those that were written."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from controlplane.catalog.model import Complexity, TaskType
from controlplane.learning.lengths import WHOLE, measure
from controlplane.learning.model import Length
from controlplane.learning.structure import NAMES
from controlplane.learning.training.lesson import Lesson

LEAST = 50
"""Prompts of a kind of work from which its lengths are told: fewer are mostly prompts that were taken for what they are not."""

PRIOR_ANSWERS = 5
"""Answers of a model that weigh as much as what all models take at that kind of work."""

PERCENTILES = (5, 50, 95)

_TASKS, _COMPLEXITIES = tuple(TaskType), tuple(Complexity)
_TOKENS, _COMPLEXITY = NAMES.index("tokens"), NAMES.index("complexity")

Matrix = NDArray[np.float64]


def lengths(lesson: Lesson) -> Mapping[str, Length]:
    """Lengths of answers by `task|` over all models and by `task|model`, in whole thousandths of `learning.lengths.measure`.

    Those of a model are the percentiles and the mean of its own answers and those of all models, weighed as `answers` to
    PRIOR_ANSWERS: shrinkage, so that three answers do not make a model terse.
    """
    found: dict[str, Length] = {}
    for number in np.unique(lesson.tasks).tolist():
        mine = lesson.tasks == number
        task = _TASKS[number]
        rows = lesson.lengths[mine] * WHOLE / _measures(task, lesson.structure[mine])[:, None]
        if (~np.isnan(rows)).any(axis=1).sum() < LEAST:
            continue
        every = _told(rows.ravel())
        found[f"{task}|"] = _length(every)
        for name, column in zip(lesson.models, rows.T, strict=True):
            answers = int((~np.isnan(column)).sum())
            if answers:
                mixed = (answers * _told(column) + PRIOR_ANSWERS * every) / (answers + PRIOR_ANSWERS)
                found[f"{task}|{name}"] = _length(mixed)
    return MappingProxyType(found)


def _told(column: Matrix) -> Matrix:
    """The percentiles and the mean of what is known of a column."""
    known = column[~np.isnan(column)]
    return np.array([*np.percentile(known, PERCENTILES), known.mean()])


def _length(told: Matrix) -> Length:
    low, middle, high, mean = np.round(told).astype(int).tolist()
    return Length(low=low, middle=middle, high=high, mean=mean)


def _measures(task: TaskType, structure: NDArray[np.int64]) -> Matrix:
    return np.array(
        [measure(task, _COMPLEXITIES[row[_COMPLEXITY]], _tokens(row[_TOKENS])) for row in structure.tolist()],
        dtype=np.float64,
    )


def _tokens(logarithm: int) -> int:
    """The least number that `structure.log2` gives this logarithm of."""
    exponent, part = divmod(logarithm, 64)
    return -(-((64 + part) << exponent) // 64) - 1
