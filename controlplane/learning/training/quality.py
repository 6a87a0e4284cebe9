"""Trains a quality model from results: straight lines from the embedding first, then trees over those and the structure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from controlplane.catalog.model import TaskType
from controlplane.learning.fingerprint import fingerprints
from controlplane.learning.lengths import LONGER
from controlplane.learning.model import (
    ALONG,
    FINE,
    PPM,
    STEEPEST,
    STRAIGHT,
    UNIT,
    Forest,
    Heads,
    Learned,
    Topics,
)
from controlplane.learning.quality import HARDNESS_USUAL, STEEP, suppose
from controlplane.learning.structure import NAMES
from controlplane.learning.training.boosting import Grown, Growth, grow
from controlplane.learning.training.directions import Directions, directions
from controlplane.learning.training.forms import familiar, listened, shares
from controlplane.learning.training.lengths import lengths, longer
from controlplane.learning.training.lesson import Lesson
from controlplane.learning.training.places import Places, densities
from controlplane.learning.training.ridge import HARSH, MILD, Lines, ridge, summaries
from controlplane.learning.training.slopes import Slopes, slopes

Matrix = NDArray[np.float64]
Whole = NDArray[np.int64]

FOLDS = 4
"""Parts of the questions: what lines say of one is fitted on the others, so that trees learn how far lines can be trusted."""

FINEST = float(1 << 30)
"""The greatest scale of a row of weights."""

SHRINK = 20.0
"""Prompts that weigh as much as the whole table, where a subject's mean is taken."""

USUAL_KIND = 0.02
"""The share of prompts that are of one kind of work from which on it is known."""

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
    rows, aims, parts = _rows(lesson), _aims(lesson), _parts(lesson)
    ahead = _ahead(lesson, rows, aims, parts, told)
    lines = _lines(lesson, rows, aims, np.ones(len(lesson), dtype=bool))
    told("trees", 0.5)
    features = np.concatenate([lesson.structure, ahead], axis=1)
    wanted = directions(lesson.scores - usual(base, lesson.structure[:, -1]), longer(lesson), lesson.tables)
    straight = slopes(features, wanted, _columns(lesson, aims, features.shape[1]))
    grown = grow(features, replace(wanted, wanted=wanted.wanted - straight(features)), Growth(), seed)
    told("done", 1.0)
    places = Places.of(rows, lesson.tables, parts, seed) if rows.shape[1] else None
    heights = straight(features) + grown.heights
    usual_forms = shares(lesson.forms, lesson.tables)
    return Learned(
        digest=b"",
        version=version,
        models=MappingProxyType({name: at for at, name in enumerate(lesson.models)}),
        base=_whole(base, PPM),
        spread=_whole(spread, PPM),
        heads=None if places is None else _heads(lesson, aims, lines, places, familiar(usual_forms)),
        forest=_forest(grown, straight, wanted, densities(lesson.tables, rows, places), listened(usual_forms)),
        lengths=lengths(lesson, _times(lesson, wanted, heights)),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aims:
    """What lines are to predict (prompts x kinds of results), NaN for prompts of other tables than the one that each kind is `of`."""

    values: Matrix
    of: Whole


def _aims(lesson: Lesson) -> _Aims:
    """Summaries of each table's scores, and how much longer its answers are than usual."""
    found: list[Matrix] = []
    of: list[int] = []
    lengthwise = longer(lesson)[:, None]
    for table in range(int(lesson.tables.max()) + 1):
        mine = lesson.tables == table
        told = summaries(lesson.scores[mine])
        if not np.isnan(lengthwise[mine]).all():
            told = np.concatenate([told, lengthwise[mine]], axis=1)
        column = np.full((len(lesson), told.shape[1]), np.nan)
        column[mine] = told
        found.append(column)
        of += [table] * told.shape[1]
    return _Aims(values=np.concatenate(found, axis=1), of=np.array(of, dtype=np.int64))


def _columns(lesson: Lesson, aims: _Aims, features: int) -> list[list[int]]:
    """The features that straight lines of each table look at: how hard a prompt is, and what lines and subjects say of that table's
    own results. Not its length, which on one benchmark says the opposite of what it says on another.
    """
    first = lesson.structure.shape[1]
    hard = NAMES.index("hardness")
    if features == first:
        return [[hard] for _ in range(int(lesson.tables.max()) + 1)]
    with_subjects = np.isin(aims.of, _subjects(lesson)[1])
    supposed = dict(
        zip(np.flatnonzero(with_subjects).tolist(), range(features - int(with_subjects.sum()), features), strict=True)
    )
    return [
        [hard, *(first + mine), *(supposed[at] for at in mine.tolist() if at in supposed)]
        for mine in (np.flatnonzero(aims.of == table) for table in range(int(lesson.tables.max()) + 1))
    ]


def _parts(lesson: Lesson) -> Whole:
    known, which = np.unique(lesson.groups, return_inverse=True)
    return np.random.default_rng(1).permutation(len(known))[which.ravel()] % FOLDS


def _lines(lesson: Lesson, rows: Matrix, aims: _Aims, used: NDArray[np.bool_]) -> Lines:
    """Lines to the aims, and for each subject to how likely a prompt is of it, fitted on `used` rows."""
    results = ridge(rows[used], aims.values[used], HARSH)
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


def _topics(lesson: Lesson, aims: _Aims, used: NDArray[np.bool_]) -> Topics | None:
    """How models do on each subject, by `used` rows: means of the aims of the subject's table, held back towards all of that."""
    members, of = _subjects(lesson)
    if not of:
        return None
    tables, starts, counts = np.unique(of, return_index=True, return_counts=True)
    kinds = [number for number, table in enumerate(tables.tolist()) for _ in range(int((aims.of == table).sum()))]
    block = np.zeros((len(of), len(kinds)))
    for number, table in enumerate(tables.tolist()):
        columns = slice(int(starts[number]), int(starts[number] + counts[number]))
        mine = used & (lesson.tables == table)
        block[columns, np.array(kinds) == number] = _means(
            members[mine, columns], aims.values[np.ix_(mine, aims.of == table)]
        )
    return Topics(
        first=aims.values.shape[1],
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


def _ahead(lesson: Lesson, rows: Matrix, aims: _Aims, parts: Whole, told: Progress) -> Matrix:
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


def _heads(lesson: Lesson, aims: _Aims, lines: Lines, about: Places, forms: Matrix) -> Heads:
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
        forms=forms,
    )


def _kinds(lesson: Lesson) -> Matrix:
    """How far each kind of work is known, in UNITs: by how many prompts there are of it."""
    first = NAMES.index(f"task_{next(iter(TaskType))}")
    shares = lesson.structure[:, first : first + len(TaskType)].mean(axis=0)
    found: Matrix = np.floor(np.minimum(shares / USUAL_KIND, 1.0) * UNIT)
    return found


def _forest(grown: Grown, straight: Slopes, wanted: Directions, dense: Matrix, forms: Matrix) -> Forest:
    told = np.array([np.any(wanted.weights[wanted.tables == table] != 0, axis=0) for table in range(dense.shape[1])])
    return Forest(
        features=np.ascontiguousarray(grown.features.T),
        thresholds=np.ascontiguousarray(np.floor(grown.thresholds).T),
        leaves=np.round(grown.leaves.ravel() * PPM),
        directions=np.round(wanted.weights * ALONG),
        starts=grown.starts,
        bags=grown.bags,
        slopes=np.clip(np.round(straight.weights * (PPM * FINE / grown.bags)), -STEEPEST, STEEPEST),
        offsets=np.round(straight.offsets * (PPM * FINE / grown.bags)),
        low=straight.low,
        high=straight.high,
        tables=wanted.tables.astype(np.intp),
        densities=dense,
        forms=forms,
        known=told.astype(np.float64),
    )


def _times(lesson: Lesson, wanted: Directions, heights: Matrix) -> Matrix:
    """How many times longer than usual answers to each prompt are taken to be."""
    said = np.zeros(len(lesson))
    for number in np.flatnonzero(wanted.lengthwise).tolist():
        mine = lesson.tables == wanted.tables[number]
        said[mine] = heights[mine, number]
    found: Matrix = np.exp2(np.clip(said, -LONGER, LONGER))
    return found


def _whole(shares: Matrix, unit: int) -> Whole:
    return np.round(shares * unit).astype(np.int64)
