"""Trains a quality model from tables as an artefact, and measures one like it on questions that it did not see."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controlplane.learning.artefact import encode
from controlplane.learning.fitness import reading
from controlplane.learning.model import Learned
from controlplane.learning.quality import outlook
from turnout_cli.evaluation.reading import Progress, Read
from turnout_cli.evaluation.routing import LEAST, Source, source_of
from turnout_cli.evaluation.splits import folds, groups
from turnout_cli.evaluation.tables import Column, TableInvalid, read
from turnout_cli.evaluation.trial import learn

FOLDS = 5
"""One part in so many is held out for the report."""

SURE = 1e-6
"""No share is taken to be nearer to 0 or 1, so that a logarithm exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How well the results of one model were expected on the prompts held out, as log losses in nats: less is better.

    `usual` is the loss of expecting its share of good answers in training of every prompt, `least` that of knowing every score.
    """

    model: str
    prompts: int
    expected: float
    usual: float
    least: float

    @property
    def better(self) -> bool:
        """Whether looking at prompts helped."""
        return self.expected < self.usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """An artefact, and how one that was trained without a fifth of the questions did on these."""

    learned: Learned
    content: bytes
    sources: tuple[str, ...]
    prompts: int
    tested: int
    held: tuple[Held, ...]


def train_files(files: Sequence[Path], seed: int, told: Progress) -> Trained:
    """Learn from all rows, after a trial with one part held out. Raises TableInvalid."""
    repeated = [path for at, path in enumerate(files) if path.resolve() in [other.resolve() for other in files[:at]]]
    if repeated:
        raise TableInvalid(f"{repeated[0]}: named twice; name each file once")
    sources = [source_of(table, told) for table in [read(path) for path in files]]
    prompts = [prompt for source in sources for prompt in source.table.prompts]
    if len(prompts) < FOLDS * LEAST:
        raise TableInvalid(f"only {len(prompts)} prompts in all; to learn anything at least {FOLDS * LEAST} are needed")
    held, tested = _held(sources, folds(groups(prompts), FOLDS, seed) == 0, seed, told)
    tables, reads = [source.table for source in sources], [source.reads for source in sources]
    learned = learn(tables, reads, seed, lambda what, share: told(f"all: {what}", share))
    learned = replace(learned, version=reading())
    content = encode(learned)
    return Trained(
        learned=learned,
        content=content,
        sources=tuple(str(path) for path in files),
        prompts=len(prompts),
        tested=tested,
        held=held,
    )


def _held(sources: Sequence[Source], out: NDArray[np.bool_], seed: int, told: Progress) -> tuple[tuple[Held, ...], int]:
    """The trial: what is said of prompts where `out` holds, by what was learned from the others."""
    kept, tested, at = [], [], 0
    for source in sources:
        mine = out[at : at + len(source.table)]
        at += len(source.table)
        kept.append(source.take(np.flatnonzero(~mine)))
        tested.append(source.take(np.flatnonzero(mine)))
    kept = [source for source in kept if len(source.table)]
    trial = learn(
        [source.table for source in kept],
        [source.reads for source in kept],
        seed,
        lambda what, share: told(f"held out: {what}", share),
    )
    reads = [each for source in tested for each in source.reads]
    names = sorted({name.lower() for source in sources for name in source.table.models})
    said = _expected(trial, reads, names)
    found = [_one(name, _scores(tested, name), _scores(kept, name), said[:, place]) for place, name in enumerate(names)]
    return tuple(each for each in found if each is not None), len(reads)


def _expected(learned: Learned, reads: Sequence[Read], names: Sequence[str]) -> Column:
    rows = [outlook(learned, each.features, each.classification) for each in reads]
    return np.array([[row.of(name, 0.5).quality / 1e6 for name in names] for row in rows])


def _scores(sources: Sequence[Source], name: str) -> Column:
    """The scores of a model, whatever its case, over all prompts; NaN where it has none."""
    parts = []
    for source in sources:
        columns = [column for model, column in source.table.scores.items() if model.lower() == name]
        parts.append(columns[0] if columns else np.full(len(source.table), np.nan))
    return np.concatenate(parts)


def _one(name: str, scores: Column, before: Column, said: Column) -> Held | None:
    known = ~np.isnan(scores)
    if known.sum() < LEAST or np.isnan(before).all():
        return None
    usual = np.full(int(known.sum()), float(np.nanmean(before)))
    real = scores[known]
    return Held(
        model=name,
        prompts=int(known.sum()),
        expected=_loss(real, said[known]),
        usual=_loss(real, usual),
        least=_loss(real, real),
    )


def _loss(scores: Column, said: Column) -> float:
    """The mean cross entropy of scores from 0 to 1 and what was said of them, in nats."""
    sure = np.clip(said, SURE, 1 - SURE)
    return float(-(scores * np.log(sure) + (1 - scores) * np.log(1 - sure)).mean())


def write(content: bytes, path: Path) -> None:
    """Put `content` at `path` as a whole: whoever reads it sees the old file or the new one. Raises OSError."""
    scratch = path.with_name(f".{path.name}.new")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
