"""How long answers are, from those that were written."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from controlplane.catalog.model import Complexity, TaskType
from controlplane.learning.lengths import WHOLE, measure, times
from controlplane.learning.model import PPM, Length
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that a deployment had: to what, by which model (in lower case), and its tokens."""

    task: TaskType
    complexity: Complexity
    last_user_tokens: int
    model: str
    tokens: int
    longer: int = 0
    """As `Outlook.longer` has it, by the quality model beneath."""


def longer(lesson: Lesson) -> Matrix:
    """How many times answers to each prompt (rows) double beyond what is usual of the same model in the same table and, where there are
    enough prompts of it, kind of work: the mean over models, NaN where no answer is known.
    """
    told = np.log2(np.maximum(lesson.lengths, 1) * WHOLE / _every_measure(lesson)[:, None])
    for table in np.unique(lesson.tables).tolist():
        rest = lesson.tables == table
        for number in np.unique(lesson.tasks[rest]).tolist():
            mine = (lesson.tables == table) & (lesson.tasks == number)
            if mine.sum() >= LEAST:
                told[mine] -= _column_means(told[mine])
                rest &= ~mine
        told[rest] -= _column_means(told[rest])
    return _column_means(told.T)


def _column_means(told: Matrix) -> Matrix:
    known = ~np.isnan(told)
    sums = np.where(known, told, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), sums / np.maximum(known.sum(axis=0), 1), np.nan)


def _every_measure(lesson: Lesson) -> Matrix:
    found = np.empty(len(lesson))
    for number in np.unique(lesson.tasks).tolist():
        mine = lesson.tasks == number
        found[mine] = _measures(_TASKS[number], lesson.structure[mine])
    return found


def lengths(lesson: Lesson, times: Matrix) -> Mapping[str, Length]:
    """Lengths of answers by `task|` over all models and by `task|model`, in whole thousandths of `learning.lengths.measure`.

    Answers are taken to be so many `times` (prompts) as long as usual, and what is told is what they would usually be.

    Those of a model are the percentiles and the mean of its own answers and those of all models, weighed as `answers` to
    PRIOR_ANSWERS: shrinkage, so that three answers do not make a model terse.
    """
    found: dict[str, Length] = {}
    for number in np.unique(lesson.tasks).tolist():
        mine = lesson.tasks == number
        task = _TASKS[number]
        rows = lesson.lengths[mine] * WHOLE / (_measures(task, lesson.structure[mine]) * times[mine])[:, None]
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


def own_lengths(answers: Sequence[Answer], base: Mapping[str, Length]) -> Mapping[str, Length]:
    """The same from answers that a deployment had, in the place of what `base` says of the same.

    What `base` says of a model at a kind of work, or of all models there, weighs as PRIOR_ANSWERS do, and where it says nothing, what
    the deployment had from all models. A kind of work with fewer than LEAST answers stays as `base` has it.
    """
    columns: defaultdict[TaskType, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in answers:
        usual = measure(each.task, each.complexity, each.last_user_tokens) * times(each.longer) / PPM
        length = each.tokens * WHOLE / usual
        columns[each.task][each.model].append(length)
    found = dict(base)
    for task, models in columns.items():
        every = np.array([length for column in models.values() for length in column])
        if len(every) >= LEAST:
            found |= _own(task, _told(every), models, base)
    return MappingProxyType(found)


def _own(
    task: TaskType, every: Matrix, models: Mapping[str, list[float]], base: Mapping[str, Length]
) -> dict[str, Length]:
    found = {f"{task}|": _length(every)}
    for name, column in models.items():
        before = base.get(f"{task}|{name}") or base.get(f"{task}|")
        prior = every if before is None else np.array([before.low, before.middle, before.high, before.mean])
        mixed = (len(column) * _told(np.array(column)) + PRIOR_ANSWERS * prior) / (len(column) + PRIOR_ANSWERS)
        found[f"{task}|{name}"] = _length(mixed)
    return found


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
