"""The quality to expect of each model on a request: by what was learned, as far as it is about texts like this one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from controlplane.classification.model import Classification
from controlplane.learning.experience import experienced, nearest
from controlplane.learning.model import ALONG, LEAVES, PPM, Exact, Forest, Heads, Learned, Prospect, Topics, Whole
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
    strangeness = UNFAMILIAR * (1000 - trust) // 1000
    added, apart = _nothing(learned)
    if trust:
        told: Exact = np.concatenate([np.array(plain, dtype=np.float64), said])
        added, apart = _sums(learned.forest, told)
    deviations = apart[:-1] * trust // 1000 + learned.spread + strangeness
    shifts = (added * trust // 1000).tolist()
    return Outlook(
        learned=learned,
        shifts=shifts[:-1],
        doubts=deviations.tolist(),
        common=shifts[-1],
        doubt=int(apart[-1]) * trust // 1000 + strangeness + UNFAMILIAR // 2,
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
        return np.empty(0), 0
    values = np.frombuffer(embedding.values, dtype=np.int8).astype(np.float64)
    lines = np.floor((heads.weights @ values + heads.offsets) / SCALE)
    near = float(lines[-heads.centres :].max())
    trust = (near - heads.strange) * 1000 // (heads.familiar - heads.strange)
    said = lines[: -heads.centres]
    if heads.topics is not None:
        said = np.concatenate([said, suppose(said[None, :], heads.topics)[0]])
    return said, int(min(1000.0, max(0.0, trust)))


def suppose(lines: Exact, topics: Topics) -> Exact:
    """How models do on the subjects that prompts (by row) seem to be of, in thousandths: those near the likeliest count, by the
    square of how near. Whole numbers all the way: squares keep clear of what a float cannot hold, and no exponential is needed.
    """
    likely = lines[:, topics.first : topics.first + len(topics.values)]
    highest = np.maximum.reduceat(likely, topics.starts, axis=1)
    counts = np.diff(topics.starts, append=len(topics.values))
    near = np.maximum(0.0, 8 * likely - 4 * highest.repeat(counts, axis=1))
    weights = near * near
    total = np.maximum(1.0, np.add.reduceat(weights, topics.starts, axis=1))
    found: Exact = np.floor((weights @ topics.values) / total[:, topics.tables])
    return found


def _nothing(learned: Learned) -> tuple[Whole, Whole]:
    zeros = np.zeros(len(learned.base) + 1, dtype=np.int64)
    return zeros, zeros


def _sums(forest: Forest, told: Exact) -> tuple[Whole, Whole]:
    """What the trees add for each model, and in the last place for others; and how far their bags are apart."""
    yes = (told.take(forest.features) > forest.thresholds).view(np.uint8)
    places = np.arange(0, forest.leaves.shape[1], LEAVES) + (yes[0] << 2 | yes[1] << 1 | yes[2])
    heights = np.add.reduceat(forest.leaves.take(places, axis=1), forest.starts, axis=1).reshape(2, forest.bags, -1)
    bags = np.concatenate([heights[0] @ forest.directions / ALONG, heights[1].sum(axis=1, keepdims=True)], axis=1)
    whole = np.floor(bags).astype(np.int64)
    apart = (whole.max(axis=0) - whole.min(axis=0)) * forest.bags // 8
    return whole.sum(axis=0), apart


def _prospect(quality: int, deviation: int) -> Prospect:
    middle = min(BEST, max(WORST, quality))
    reach = 1645 * deviation // 1000
    return Prospect(quality=middle, low=max(0, middle - reach), high=min(PPM, middle + reach))
