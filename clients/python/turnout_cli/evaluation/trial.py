"""Trains a quality model from tables, and asks the decision what it expects of each model on each prompt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from controlplane.catalog.load import load
from controlplane.catalog.model import (
    Capability,
    Deployment,
    DeploymentName,
    Model,
    ModelName,
    Price,
    TaskType,
    WireProtocol,
)
from controlplane.decision.deliberation import deliberate
from controlplane.decision.index import SnapshotIndex, index
from controlplane.decision.model import Request
from controlplane.learning.model import Learned
from controlplane.learning.structure import form_of, structure
from controlplane.learning.training.lesson import Lesson
from controlplane.learning.training.quality import train
from controlplane.snapshot.model import Snapshot
from turnout_cli.evaluation.reading import Read
from turnout_cli.evaluation.splits import groups
from turnout_cli.evaluation.tables import Table

Column = NDArray[np.float64]
Progress = Callable[[str, float], None]

SUBJECTS = ("category", "domain", "subset", "dataset")
"""Columns that say what a prompt is about, the most telling first."""

UNKNOWN = (0.55, 0.75)
"""Scores with which the weak and the strong model join if no result of training is theirs."""

_TASKS = tuple(TaskType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What decisions expect of models on prompts (prompts x models), in the order that was asked for: shares and dollars."""

    quality: Column
    low: Column
    high: Column
    cost: Column


def subject(table: Table) -> str:
    """The column that says what prompts are about, "" if none has at least two values and at most 200."""
    for name in SUBJECTS:
        if 1 < len(set(table.labels.get(name, ()))) <= 200:
            return name
    return ""


def lesson(tables: Sequence[Table], reads: Sequence[Sequence[Read]]) -> Lesson:
    """The rows of all tables as arrays; models of one name in another case are one model."""
    models = sorted({name.lower() for table in tables for name in table.models})
    places = {name: at for at, name in enumerate(models)}
    flat = [read for part in reads for read in part]
    embeddings = [read.features.embedding for read in flat]
    subjects: list[int] = []
    known: dict[tuple[int, str], int] = {}
    for number, table in enumerate(tables):
        names = table.labels.get(subject(table), ("",) * len(table))
        subjects += [known.setdefault((number, name), len(known)) if name else -1 for name in names]
    return Lesson(
        encoder=next((each.encoder for each in embeddings if each is not None), ""),
        embeddings=np.array([np.frombuffer(each.values if each else b"", dtype=np.int8) for each in embeddings]),
        structure=np.array([structure(read.features, read.classification) for read in flat], dtype=np.int64),
        forms=np.array([form_of(read.features) for read in flat], dtype=np.int64),
        tables=np.repeat(np.arange(len(tables)), [len(table) for table in tables]),
        subjects=np.array(subjects, dtype=np.int64),
        groups=groups([prompt for table in tables for prompt in table.prompts]),
        tasks=np.array([_TASKS.index(read.classification.task_type) for read in flat], dtype=np.int64),
        models=models,
        scores=np.concatenate([_figures(table.scores, places, len(table)) for table in tables]),
        lengths=np.concatenate([_figures(table.lengths, places, len(table)) for table in tables]),
    )


def _figures(columns: Mapping[str, Column], places: Mapping[str, int], count: int) -> Column:
    found = np.full((count, len(places)), np.nan)
    for name, column in columns.items():
        at = places.get(name.lower())
        if at is not None:
            found[:, at] = np.where(np.isnan(found[:, at]), column, found[:, at])
    return found


def learn(tables: Sequence[Table], reads: Sequence[Sequence[Read]], seed: int, told: Progress) -> Learned:
    """A quality model of the tables."""
    return train(lesson(tables, reads), seed=seed, told=told)


def expected(learned: Learned, reads: Sequence[Read], models: Sequence[str], prices: Mapping[str, Price]) -> Expected:
    """What a decision about each prompt expects of each model: the path of production, down to the field of a decision."""
    indexed = _indexed(learned, models, prices)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    rows: list[tuple[list[float], list[float], list[float], list[int]]] = []
    for read in reads:
        request = Request(features=read.features, classification=read.classification)
        field = deliberate(request, indexed, now, 0.0).field
        at = {offer.model: place for place, offer in enumerate(field.offers)}
        places = [at[ModelName(name)] for name in models]
        rows.append(
            (
                [field.quality(place) for place in places],
                [field.prospects[place].low / 1e6 for place in places],
                [field.prospects[place].high / 1e6 for place in places],
                [field.costs[place] for place in places],
            )
        )
    columns = [np.array([row[part] for row in rows], dtype=np.float64) for part in range(4)]
    return Expected(quality=columns[0], low=columns[1], high=columns[2], cost=columns[3] / 1e9)


def _indexed(learned: Learned, models: Sequence[str], prices: Mapping[str, Price]) -> SnapshotIndex:
    catalog = load(None)
    ranked = {
        name: UNKNOWN[0] + (UNKNOWN[1] - UNKNOWN[0]) * at / max(1, len(models) - 1) for at, name in enumerate(models)
    }
    made = {ModelName(name): _model(name, prices[name], ranked[name]) for name in models}
    made_catalog = replace(
        catalog,
        models=made,
        deployments=tuple(sorted((_deployment(name) for name in models), key=lambda each: each.name)),
        workloads=tuple(replace(workload, baseline=ModelName(models[-1])) for workload in catalog.workloads),
        policies={name: replace(policy, task_capabilities={}) for name, policy in catalog.policies.items()},
        learned=learned,
    )
    return index(Snapshot(version=1, digest=b"", created_at=datetime(2026, 1, 1, tzinfo=UTC), catalog=made_catalog))


def _model(name: str, price: Price, quality: float) -> Model:
    return Model(
        name=ModelName(name),
        provider="table",
        price=price,
        context_window=1 << 24,
        max_output_tokens=1 << 20,
        latency=timedelta(seconds=1),
        quality=quality,
        tier="",
        as_of=date(2026, 1, 1),
        free=True,
        capabilities=frozenset(Capability) - {Capability.EMBEDDINGS},
    )


def _deployment(name: str) -> Deployment:
    return Deployment(
        name=DeploymentName(name),
        model=ModelName(name),
        provider="table",
        protocol=WireProtocol.OPENAI,
        base_url="https://table.invalid",
    )
