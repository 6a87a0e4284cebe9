"""The quality to expect of each model on a request: by what was learned, as far as it is about texts like this one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controlplane.classification.model import Classification
from controlplane.learning.experience import experienced, nearest
from controlplane.learning.model import DEPTH, PPM, Exact, Forest, Heads, Learned, Prospect, Topics
from controlplane.learning.structure import structure
from turnout_features.model import Features

SCALE = 1 << 20
WORST, BEST = 10_000, 990_000
"""Nothing is certain: bounds of a quality, in millionths."""

HARDNESS_USUAL = 52
"""The hardness of a question of some 60 tokens."""

STEEP = 2000
"""Millionths that the quality of a model without any merit falls by, for each 32nd of a doubling of the length."""

UNFAMILIAR = 120_000
"""The deviation of what is said of a text unlike any in training, in millionths."""

_BITS = 1 << np.arange(DEPTH - 1, -1, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is expected of one request. `shifts` is how much better or worse each model of training does on it than usual.

    `common` is that of a model that was not in training; `doubts` and `doubt` are their deviations. All in millionths; `trust`,
    how far the words were listened to, in thousandths. `workload` and `task` are those that own results are looked up by.
    """

    learned: Learned
    shifts: Sequence[int]
    doubts: Sequence[int]
    common: int
    doubt: int
    hard: int
    trust: int
    workload: str
    task: str

    def of(self, model: str, prior: float) -> Prospect:
        """The prospect of `model`; `prior` is its quality by the catalog, which holds where nothing was learned of it."""
        at = self.learned.models.get(model.lower())
        if at is None:
            usual, shift, doubt = round(prior * PPM), self.common, self.doubt
        else:
            usual, shift, doubt = int(self.learned.base[at]), self.shifts[at], self.doubts[at]
        quality = min(BEST, max(WORST, usual + shift - falls(usual, self.hard)))
        own = nearest(self.learned.experience, self.workload, self.task, model) if self.learned.experience else None
        return _prospect(quality, doubt) if own is None else _prospect(*experienced(quality, doubt, own))


def falls(usual: int, hard: int) -> int:
    """How far hardness lowers the quality of a model: the more, the lesser it is. What is learned corrects this."""
    return (hard - HARDNESS_USUAL) * STEEP * (PPM - usual) // PPM


def outlook(learned: Learned, features: Features, found: Classification, workload: str = "") -> Outlook:
    """What is expected of a request of `workload`, in whole numbers only: the same on every machine and in every replay."""
    plain = structure(features, found)
    said, trust = _said(learned.heads, features)
    told: Exact = np.concatenate([np.array(plain, dtype=np.float64), said])
    sums, doubts = _sums(learned.forest, told) if trust else (_nothing(learned.forest), _nothing(learned.forest))
    strangeness = UNFAMILIAR * (1000 - trust) // 1000
    shifts = sums * trust // 1000
    spread = np.concatenate([learned.spread, [0]])
    deviations = doubts * trust // 1000 + spread + strangeness
    return Outlook(
        learned=learned,
        shifts=shifts[:-1].tolist(),
        doubts=deviations[:-1].tolist(),
        common=int(shifts[-1]),
        doubt=int(deviations[-1]) + UNFAMILIAR // 2,
        hard=plain[-1],
        trust=trust,
        workload=workload,
        task=found.task_type,
    )


def _said(heads: Heads | None, features: Features) -> tuple[Exact, int]:
    """What the lines say of the embedding, and how far they are to be trusted, in thousandths."""
    if heads is None:
        return np.empty(0), 1000
    embedding = features.embedding
    if embedding is None or embedding.encoder != heads.encoder or len(embedding.values) != heads.weights.shape[1]:
        return np.zeros(len(heads.offsets) - heads.centres + sum(each.values.shape[1] for each in heads.topics)), 0
    values = np.frombuffer(embedding.values, dtype=np.int8).astype(np.float64)
    lines = np.floor((heads.weights @ values + heads.offsets) / SCALE)
    near = float(lines[-heads.centres :].max())
    trust = (near - heads.strange) * 1000 // (heads.familiar - heads.strange)
    said = lines[: -heads.centres]
    supposed = [suppose(said[None, :], topics)[0] for topics in heads.topics]
    return np.concatenate([said, *supposed]), int(min(1000.0, max(0.0, trust)))


def suppose(lines: Exact, topics: Topics) -> Exact:
    """How models do on the subjects that prompts (by row) seem to be of, in thousandths: those near the likeliest count, by the
    square of how near. Whole numbers all the way: squares keep clear of what a float cannot hold, and no exponential is needed.
    """
    likely = lines[:, topics.start : topics.stop]
    near = np.maximum(0.0, 8 * likely - 4 * likely.max(axis=1, keepdims=True))
    weights = near * near
    total = weights.sum(axis=1, keepdims=True)
    found: Exact = np.floor((weights @ topics.values) / np.maximum(total, 1.0))
    return np.where(total > 0, found, np.floor(topics.values.mean(axis=0)))


def _nothing(forest: Forest) -> NDArray[np.int64]:
    return np.zeros(forest.leaves.shape[2], dtype=np.int64)


def _sums(forest: Forest, told: Exact) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What the trees add for each model, and how far their bags are apart."""
    places = (told[forest.features] > forest.thresholds) @ _BITS
    leaves = forest.leaves[np.arange(len(places)), places]
    bags = leaves.reshape(forest.bags, -1, leaves.shape[1]).sum(axis=1)
    apart = (bags.max(axis=0) - bags.min(axis=0)) * forest.bags // 8
    return bags.sum(axis=0), apart


def _prospect(quality: int, deviation: int) -> Prospect:
    middle = min(BEST, max(WORST, quality))
    reach = 1645 * deviation // 1000
    return Prospect(quality=middle, low=max(0, middle - reach), high=min(PPM, middle + reach))
