"""Trains a quality model from results: straight lines from the embedding first, then trees over those and the structure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from controlplane.catalog.model import TaskType
from controlplane.learning.fingerprint import fingerprints
from controlplane.learning.model import ALONG, PPM, STRAIGHT, Forest, Heads, Learned, Topics
from controlplane.learning.quality import HARDNESS_USUAL, STEEP, suppose
from controlplane.learning.structure import NAMES
from controlplane.learning.training.boosting import Grown, Growth, grow
from controlplane.learning.training.lengths import lengths
from controlplane.learning.training.lesson import Lesson
from controlplane.learning.training.ridge import HARSH, MILD, Lines, centres, ridge, summaries

Matrix = NDArray[np.float64]
Whole = NDArray[np.int64]

FOLDS = 4
"""Parts of the questions: what lines say of one is fitted on the others, so that trees learn how far lines can be trusted."""

UNIT = 1000
"""Lines predict shares in this many parts."""

CENTRES = 32

FINEST = float(1 << 30)
"""The greatest scale of a row of weights."""

SHRINK = 20.0
"""Prompts that weigh as much as the whole table, where a subject's mean is taken."""

STRANGE = (12.0, 28.0)
"""Percentages of the texts of training: what is farther from its place than the first share is strange, nearer than the second not."""

FAR = (12.0, 28.0)
"""The same for how far it is from all places, whatever others of its place are."""

USUAL_KIND = 0.02
"""The share of prompts that are of one kind of work from which on it is known."""

COMPANY = 10.0
"""Texts that weigh as much as all others do, where it is told how near texts lie to one place."""

PRIOR_LABELS = 40.0
"""Results that weigh as much as what is known of a model without any."""

Progress = Callable[[str, float], None]


def train(lesson: Lesson, *, seed: int = 0, version: str = "", told: Progress = lambda _what, _share: None) -> Learned:
    """A quality model of `lesson`; the same from the same on one machine. `told` hears what is done and the share that is.

    Raises ValueError if there is no score in it.
    """
    if np.isnan(lesson.scores).all():
        raise ValueError("no prompt has a score for any model")
    base, spread = _abilities(lesson.scores)
    told("lines", 0.0)
    rows = _rows(lesson)
    aims = _aims(lesson)
    parts = _parts(lesson)
    ahead = _ahead(lesson, rows, aims, parts, told)
    lines = _lines(lesson, rows, aims, np.ones(len(lesson), dtype=bool))
    told("trees", 0.5)
    residuals = lesson.scores - usual(base, lesson.structure[:, -1])
    forest = grow(np.concatenate([lesson.structure, ahead], axis=1), residuals, lesson.tables, Growth(), seed)
    told("done", 1.0)
    return Learned(
        digest=b"",
        version=version,
        models=MappingProxyType({name: at for at, name in enumerate(lesson.models)}),
        base=_whole(base, PPM),
        spread=_whole(spread, PPM),
        heads=_heads(lesson, aims, lines, _Places.of(rows, parts, seed)) if rows.shape[1] else None,
        forest=_forest(forest),
        lengths=lengths(lesson),
        seen=fingerprints(each.tobytes() for each in lesson.embeddings),
    )


def usual(base: Matrix, hard: Whole) -> Matrix:
    """What is expected of models (by column) on prompts (by row) before anything is learned of those, as `quality.falls` has it."""
    return base - (hard[:, None] - HARDNESS_USUAL) * (STEEP / PPM) * (1 - base)


def _abilities(scores: Matrix) -> tuple[Matrix, Matrix]:
    """The share of good answers of each model, held back towards that of all, and the deviation of what is known of it."""
    known = ~np.isnan(scores)
    count = known.sum(0)
    common = float(np.nanmean(scores))
    base = (np.where(known, scores, 0.0).sum(0) + PRIOR_LABELS * common) / (count + PRIOR_LABELS)
    return base, np.sqrt(base * (1 - base) / (count + PRIOR_LABELS))


def _rows(lesson: Lesson) -> Matrix:
    return lesson.embeddings.astype(np.float64) / 127.0


def _aims(lesson: Lesson) -> Matrix:
    """What lines are to predict: summaries of each table's scores on its own rows, NaN elsewhere."""
    found: list[Matrix] = []
    for table in range(int(lesson.tables.max()) + 1):
        mine = lesson.tables == table
        told = summaries(lesson.scores[mine])
        column = np.full((len(lesson), told.shape[1]), np.nan)
        column[mine] = told
        found.append(column)
    return np.concatenate(found, axis=1)


def _parts(lesson: Lesson) -> Whole:
    known, which = np.unique(lesson.groups, return_inverse=True)
    return np.random.default_rng(1).permutation(len(known))[which.ravel()] % FOLDS


def _lines(lesson: Lesson, rows: Matrix, aims: Matrix, used: NDArray[np.bool_]) -> Lines:
    """Lines to the aims, and for each subject to how likely a prompt is of it, fitted on `used` rows."""
    results = ridge(rows[used], aims[used], HARSH)
    subjects = _subjects(lesson)[0]
    if not subjects.shape[1]:
        return results
    about = ridge(rows[used], subjects[used], MILD)
    return Lines(
        weights=np.concatenate([results.weights, about.weights], axis=1),
        offsets=np.concatenate([results.offsets, about.offsets]),
    )


def _subjects(lesson: Lesson) -> tuple[Matrix, Sequence[int]]:
    """One column a subject, 1 for its prompts and 0 for others of the same table, NaN in other tables; and the table of each.

    Those of a table follow each other; a table of one subject has none.
    """
    known = [
        (int(lesson.tables[mine][0]), mine)
        for mine in (lesson.subjects == subject for subject in range(int(lesson.subjects.max(initial=-1)) + 1))
        if mine.sum() >= 2 * FOLDS
    ]
    tables = [table for table, _ in known]
    told = sorted(((table, at) for at, table in enumerate(tables) if tables.count(table) > 1))
    columns = [np.where(lesson.tables == table, known[at][1].astype(np.float64), np.nan) for table, at in told]
    found = np.stack(columns, axis=1) if columns else np.empty((len(lesson), 0))
    return found, [table for table, _ in told]


def _topics(lesson: Lesson, aims: Matrix, used: NDArray[np.bool_]) -> Topics | None:
    """How models do on each subject, by `used` rows: means of the aims of the subject's table, held back towards all of that."""
    members, of = _subjects(lesson)
    if not of:
        return None
    tables, starts, counts = np.unique(of, return_index=True, return_counts=True)
    values, kinds = [], []
    for number, table in enumerate(tables.tolist()):
        columns = slice(int(starts[number]), int(starts[number] + counts[number]))
        whole = lesson.tables == table
        told = ~np.isnan(aims[whole]).all(0)
        mine = used & whole
        values.append(_means(members[mine, columns], aims[np.ix_(mine, told)]))
        kinds += [number] * int(told.sum())
    block = np.zeros((len(of), len(kinds)))
    for number, part in enumerate(values):
        block[np.ix_(np.arange(starts[number], starts[number] + counts[number]), np.array(kinds) == number)] = part
    return Topics(
        first=aims.shape[1],
        starts=starts.astype(np.intp),
        of=np.arange(len(starts)).repeat(counts),
        tables=np.array(kinds, dtype=np.intp),
        values=np.round(block * UNIT),
    )


def _means(member: Matrix, told: Matrix) -> Matrix:
    known = ~np.isnan(told)
    whole = np.where(known, told, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    sums = member.T @ np.where(known, told, 0.0)
    means: Matrix = (sums + SHRINK * whole) / (member.T @ known + SHRINK)
    return means


def _ahead(lesson: Lesson, rows: Matrix, aims: Matrix, parts: Whole, told: Progress) -> Matrix:
    """What lines say of each prompt that were fitted without its question, in UNITs."""
    if not rows.shape[1]:
        return np.empty((len(lesson), 0))
    found: Matrix | None = None
    for part in range(FOLDS):
        mine = parts == part
        lines = np.floor(_lines(lesson, rows, aims, ~mine)(rows[mine]) * UNIT)
        topics = _topics(lesson, aims, ~mine)
        said = lines if topics is None else np.concatenate([lines, suppose(lines, topics)], axis=1)
        if found is None:
            found = np.empty((len(lesson), said.shape[1]))
        found[mine] = said
        told("lines", 0.5 * (part + 1) / FOLDS)
    return found if found is not None else np.empty((len(lesson), 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where the texts of training lie, by row, and below which nearness to each a text is strange and from which it is familiar."""

    centres: Matrix
    strange: Matrix
    familiar: Matrix

    @classmethod
    def of(cls, rows: Matrix, parts: Whole, seed: int) -> "_Places":
        """How near new texts of the same kind lie to a place is measured on a part that the places were not chosen by.

        Some kinds lie close together and some far apart, so that nearness is counted in deviations of those of the same place.
        """
        plain = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        apart = parts == 0 if (parts != 0).any() and (parts == 0).any() else np.ones(len(rows), dtype=bool)
        found = centres(plain if apart.all() else plain[~apart], CENTRES, seed)
        near = rows[apart] @ found.T * UNIT
        at, most = near.argmax(axis=1), near.max(axis=1)
        middle = (_sums_at(at, most, len(found)) + COMPANY * most.mean()) / (_sums_at(at, None, len(found)) + COMPANY)
        squares = _sums_at(at, (most - middle[at]) ** 2, len(found)) + COMPANY * most.var()
        spread = np.sqrt(squares / (_sums_at(at, None, len(found)) + COMPANY))
        low, high = np.percentile((most - middle[at]) / np.maximum(spread[at], 1e-9), STRANGE)
        least, enough = np.percentile(most, FAR)
        strange = np.floor(np.maximum(middle + low * spread, least))
        familiar = np.floor(np.maximum(middle + high * spread, enough))
        return cls(centres=found, strange=strange, familiar=np.maximum(familiar, strange + 1))


def _sums_at(places: Whole, values: Matrix | None, count: int) -> Matrix:
    return np.bincount(places, values, count).astype(np.float64)


def _heads(lesson: Lesson, aims: Matrix, lines: Lines, about: _Places) -> Heads:
    weights = np.concatenate([lines.weights.T * UNIT, about.centres * UNIT]) / 127.0
    offsets = np.concatenate([lines.offsets * UNIT, np.zeros(len(about.centres))])
    most = STRAIGHT - weights.shape[1] ** 0.5
    lengths = np.maximum(np.linalg.norm(weights, axis=1), most / FINEST)
    scales = np.exp2(np.floor(np.log2(most / lengths)))
    return Heads(
        encoder=lesson.encoder,
        weights=np.round(weights * scales[:, None]).astype(np.float32),
        offsets=np.round(offsets * scales),
        scales=scales,
        topics=_topics(lesson, aims, np.ones(len(lesson), dtype=bool)),
        centres=len(about.centres),
        strange=about.strange,
        familiar=about.familiar,
        kinds=_kinds(lesson),
    )


def _kinds(lesson: Lesson) -> Matrix:
    """How far each kind of work is known, in UNITs: by how many prompts there are of it."""
    first = NAMES.index(f"task_{next(iter(TaskType))}")
    shares = lesson.structure[:, first : first + len(TaskType)].mean(axis=0)
    found: Matrix = np.floor(np.minimum(shares / USUAL_KIND, 1.0) * UNIT)
    return found


def _forest(grown: Grown) -> Forest:
    return Forest(
        features=np.ascontiguousarray(grown.features.T),
        thresholds=np.ascontiguousarray(np.floor(grown.thresholds).T),
        leaves=np.round(grown.leaves.ravel() * PPM),
        directions=np.round(grown.directions * ALONG),
        starts=grown.starts,
        bags=grown.bags,
    )


def _whole(shares: Matrix, unit: int) -> Whole:
    return np.round(shares * unit).astype(np.int64)
