"""Measures a router over a whole pool of models: quality against cost, for every worth of a dollar."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from turnout_cli.evaluation.metrics import Interval, aiq, hull, saved
from turnout_cli.evaluation.routing import (
    LEAST,
    Settings,
    Source,
    known_models,
    prices_of,
    source_of,
    splits_of,
    within_of,
)
from turnout_cli.evaluation.splits import apart
from turnout_cli.evaluation.tables import Column, Table, TableInvalid, read
from turnout_cli.evaluation.trial import expected, learn

Progress = Callable[[str, float], None]

POOL_NAMES = ("aiq", "saved95", "saved98", "best")
WORTHS = 60
"""Steps of the worth of a dollar, from quality alone to cost alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolReport:
    """What was measured over the pool: a figure for each router, and quality and cost of always taking one model."""

    settings: Settings
    prompts: int
    trained: int
    dropped: int
    points: Mapping[str, tuple[float, float]]
    routers: Mapping[str, Mapping[str, Interval]]
    curves: Mapping[str, tuple[Column, Column]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """Tested prompts: what models score and cost on them, and what a router expects of both (prompts x models)."""

    scores: Column
    costs: Column
    routers: Mapping[str, tuple[Column, Column]]


def measure_pool(settings: Settings, told: Progress) -> PoolReport:
    """Train, route and measure. Raises TableInvalid if tables lack what is asked for, costs included."""
    test = read(settings.test)
    models = known_models(test, settings.models)
    whole = source_of(_complete(test, models), told)
    sources = [source_of(read(path), told) for path in settings.train if path.resolve() != settings.test.resolve()]
    held: list[_Held] = []
    trained = dropped = 0
    for name, train_rows, test_rows in splits_of(whole.table, settings, within=within_of(settings)):
        inner = [whole.take(train_rows)] if len(train_rows) else []
        part, kept = whole.take(test_rows), []
        for source in [*inner, *sources]:
            rows = np.flatnonzero(apart(source.table.prompts, part.table.prompts))
            kept.append(source.take(rows))
            dropped += len(source.table) - len(rows)
        trained = sum(len(source.table) for source in kept)
        told(f"training without {name}", 0.0)
        held.append(_held(kept, part, models, settings.seed, told))
    return _report(settings, models, held, trained, dropped)


def _complete(test: Table, models: Sequence[str]) -> Table:
    missing = [name for name in models if name not in test.costs]
    if missing:
        raise TableInvalid(f"{test.source}: a pool needs costs, and has no column `cost_usd|{missing[0]}`")
    figures = np.stack([*(test.scores[name] for name in models), *(test.costs[name] for name in models)])
    rows = np.flatnonzero(~np.isnan(figures).any(axis=0))
    if len(rows) < LEAST:
        raise TableInvalid(f"{test.source}: only {len(rows)} prompts have scores and costs of all {len(models)} models")
    return test.take(rows)


def _held(kept: Sequence[Source], part: Source, models: Sequence[str], seed: int, told: Progress) -> _Held:
    learned = learn([source.table for source in kept], [source.reads for source in kept], seed, told)
    said = expected(learned, part.reads, models, prices_of([*kept, part], models))
    scores = np.stack([part.table.scores[name] for name in models], axis=1)
    costs = np.stack([part.table.costs[name] for name in models], axis=1)
    flat = np.broadcast_to(scores.mean(0), scores.shape), np.broadcast_to(costs.mean(0), costs.shape)
    return _Held(
        scores=scores,
        costs=costs,
        routers={"turnout": (said.quality, said.cost), "one model for all": flat, "oracle": (scores, costs)},
    )


def _report(settings: Settings, models: Sequence[str], held: Sequence[_Held], trained: int, dropped: int) -> PoolReport:
    scores, costs = np.concatenate([each.scores for each in held]), np.concatenate([each.costs for each in held])
    rng = np.random.default_rng(settings.seed)
    draws = [
        np.bincount(rng.integers(0, len(scores), len(scores)), minlength=len(scores)) for _ in range(settings.draws)
    ]
    routers, curves = {}, {}
    for who in held[0].routers:
        quality, cost = (np.concatenate([each.routers[who][at] for each in held]) for at in (0, 1))
        chosen = _choices(quality, cost)
        every = np.ones(len(scores))
        value = _figures(chosen, scores, costs, every)
        drawn = [_figures(chosen, scores, costs, weights.astype(np.float64)) for weights in draws]
        routers[who] = {
            name: Interval(
                value=value[name],
                low=float(np.percentile([each[name] for each in drawn], 2.5)),
                high=float(np.percentile([each[name] for each in drawn], 97.5)),
            )
            for name in POOL_NAMES
        }
        curves[who] = hull(*_points(chosen, scores, costs, every))
    return PoolReport(
        settings=settings,
        prompts=len(scores),
        trained=trained,
        dropped=dropped,
        points={name: (float(scores[:, at].mean()), float(costs[:, at].mean())) for at, name in enumerate(models)},
        routers=routers,
        curves=curves,
    )


def _choices(quality: Column, cost: Column) -> list[Column]:
    """The model taken for each prompt, for each worth: the one with the most quality less its cost times the worth."""
    scale = 1.0 / max(float(cost.mean()), 1e-12)
    worths = [0.0, *np.geomspace(1e-4, 1e3, WORTHS).tolist()]
    return [np.argmax(quality - worth * scale * cost, axis=1) for worth in worths]


def _points(chosen: Sequence[Column], scores: Column, costs: Column, weights: Column) -> tuple[Column, Column]:
    rows = np.arange(len(scores))
    reached = [
        (np.average(costs[rows, at], weights=weights), np.average(scores[rows, at], weights=weights)) for at in chosen
    ]
    return np.array([cost for cost, _ in reached]), np.array([quality for _, quality in reached])


def _figures(chosen: Sequence[Column], scores: Column, costs: Column, weights: Column) -> dict[str, float]:
    across, up = _points(chosen, scores, costs, weights)
    single = np.average(scores, axis=0, weights=weights)
    prices = np.average(costs, axis=0, weights=weights)
    best = int(np.argmax(single))
    return {
        "aiq": aiq(across, up, float(prices.min()), float(prices.max())),
        "saved95": saved(across, up, 0.95 * float(single[best]), float(prices[best])),
        "saved98": saved(across, up, 0.98 * float(single[best]), float(prices[best])),
        "best": float(up.max()),
    }
