"""The quality to expect of each model on a request: by what was learned, as far as it is about texts like this one."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import add

import numpy as np

from controlplane.catalog.model import TaskType
from controlplane.classification.model import Classification
from controlplane.learning.experience import experienced, nearest
from controlplane.learning.model import (
    ALONG,
    FINE,
    LEAVES,
    LENGTH,
    LONGEST,
    PPM,
    SCARCE,
    UNIT,
    Exact,
    Forest,
    Heads,
    Learned,
    Prospect,
    Topics,
    Whole,
)
from controlplane.learning.structure import form_of, structure
from turnout_features.model import Features
from turnout_wire.quick import quick

WORST, BEST = 10_000, 990_000
"""Nothing is certain: bounds of a quality, in millionths."""

HARDNESS_USUAL = 52
"""The hardness of a question of some 60 tokens."""

STEEP = 5000
"""Millionths that the quality of a model without any merit falls by, for each 32nd of a doubling of the length."""

UNFAMILIAR = 120_000
"""The deviation of what is said of a text unlike any in training, in millionths."""


_KINDS = {task: at for at, task in enumerate(TaskType)}


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is expected of one request. `shifts` is how much better or worse each model of training does on it than usual, and `bases`
    what is usual.

    `doubts` are the deviations of both together. `shifts` and `doubts` have a column for OTHERS too, and one for the LENGTH of answers:
    how many times it doubles beyond what is usual. All in millionths; `trust`, how far the words were listened to, in UNITs. `workload`
    and `task` are those that own results are looked up by.
    """

    learned: Learned
    bases: Sequence[int]
    shifts: Sequence[int]
    doubts: Sequence[int]
    hard: int
    trust: int
    workload: str
    task: str

    @property
    def longer(self) -> int:
        """How many times answers double beyond the usual length for such work, in millionths."""
        return self.shifts[LENGTH]

    def of(self, model: str, prior: float) -> Prospect:
        """The prospect of `model`; `prior` is its quality by the catalog, which holds where nothing was learned of it."""
        at = self.learned.models.get(model.lower(), -1)
        usual = self.bases[at] if at >= 0 else round(prior * PPM)
        quality = usual + self.shifts[at] - falls(usual, self.hard)
        quality = WORST if quality < WORST else BEST if quality > BEST else quality
        own = nearest(self.learned.experience, self.workload, self.task, model) if self.learned.experience else None
        if own is None:
            return _prospect(quality, self.doubts[at])
        return _prospect(*experienced(quality, self.doubts[at], own))


def falls(usual: int, hard: int) -> int:
    """How far hardness lowers the quality of a model: the more, the lesser it is. What is learned corrects this."""
    return (hard - HARDNESS_USUAL) * STEEP * (PPM - usual) // PPM


def outlook(learned: Learned, features: Features, found: Classification, workload: str = "") -> Outlook:
    """What is expected of a request of `workload`, in whole numbers only: the same on every machine and in every replay."""
    plain = structure(features, found)
    form = form_of(features)
    said, place, trust = _said(learned.heads, features, found.task_type, form)
    strangeness = UNFAMILIAR * (UNIT - trust) // UNIT
    doubts = (learned.spread + strangeness).tolist()
    doubts += [0, strangeness + UNFAMILIAR // 2]
    shifts = [0] * len(doubts)
    if trust:
        added, apart = _sums(learned.forest, np.array([*plain, *said], dtype=np.float64), place, form, trust)
        shifts = added.tolist()
        doubts = list(map(add, doubts, apart.tolist()))
    return Outlook(
        learned=learned,
        bases=learned.base.tolist(),
        shifts=shifts,
        doubts=doubts,
        hard=plain[-1],
        trust=trust,
        workload=workload,
        task=found.task_type,
    )


def _said(heads: Heads | None, features: Features, task: TaskType, form: int) -> tuple[Sequence[float], int, int]:
    """What the lines say of the embedding, the place it lies at, and how far they are to be trusted, in UNITs."""
    if heads is None:
        return (), 0, UNIT
    embedding = features.embedding
    if embedding is None or embedding.encoder != heads.encoder or len(embedding.values) != heads.weights.shape[1]:
        return (), 0, 0
    values = np.frombuffer(embedding.values, dtype=np.int8).astype(np.float32)
    if values.dot(values) > LONGEST * LONGEST:
        return (), 0, 0
    lines: Exact = np.floor((heads.weights.dot(values) + heads.offsets) / heads.scales)
    near = lines[-heads.centres :]
    at = int(near.argmax())
    trust = int((near[at] - heads.strange[at]) * UNIT // (heads.familiar[at] - heads.strange[at]))
    trust = min(int(heads.kinds[_KINDS[task]]), max(int(heads.forms[form]), trust, 0))
    said: list[float] = lines[: -heads.centres].tolist()
    if heads.topics is not None and trust:
        said += suppose(lines, heads.topics).tolist()
    return said, at, trust


def suppose(lines: Exact, topics: Topics) -> Exact:
    """How models do on the subjects that prompts (the last axis is lines) seem to be of, in thousandths: those near the likeliest
    count, by the square of how near. Whole numbers all the way: squares keep clear of what a float cannot hold, and no
    exponential is needed.
    """
    likely = lines[..., topics.first : topics.first + len(topics.values)]
    highest = np.maximum.reduceat(likely, topics.starts, axis=-1)
    near = np.maximum(2 * likely - highest.take(topics.of, axis=-1), 0.0)
    weights = near * near
    total = np.add.reduceat(weights, topics.starts, axis=-1)
    found: Exact = np.floor(weights.dot(topics.values) / np.maximum(total, 1.0).take(topics.tables, axis=-1))
    return found


def _sums(forest: Forest, told: Exact, place: int, form: int, trust: int) -> tuple[Whole, Whole]:
    """What is added for each model, for the LENGTH of answers and for OTHERS; and how far bags are apart.

    Each table that a request could be of is listened to by how densely its prompts lie where the request lies, and by whether it has
    prompts of that `form`; and all of them the less, the less densely they lie there. All of it by `trust`.
    """
    yes = (told.take(forest.features) > forest.thresholds).view(np.uint8)
    leaves = np.arange(0, len(forest.leaves), LEAVES)
    leaves += yes[0] << 2 | yes[1] << 1 | yes[2]
    heights = np.add.reduceat(forest.leaves.take(leaves), forest.starts).reshape(forest.bags, -1)
    within = np.minimum(np.maximum(told, forest.low), forest.high)
    heights += np.floor((forest.slopes.dot(within) + forest.offsets) / FINE)
    densities = np.floor(forest.densities[place] * forest.forms[form] / UNIT)
    heights *= densities.take(forest.tables)
    common = (densities.dot(forest.known) + SCARCE) * (UNIT * ALONG)
    bags = np.floor(heights.dot(forest.directions) * trust / common).astype(np.int64)
    return bags.sum(axis=0), (bags.max(axis=0) - bags.min(axis=0)) * forest.bags // 8


def _prospect(quality: int, deviation: int) -> Prospect:
    middle = WORST if quality < WORST else BEST if quality > BEST else quality
    reach = 1645 * deviation // 1000
    low, high = middle - reach, middle + reach
    return Prospect(quality=middle, low=low if low > 0 else 0, high=high if high < PPM else PPM)
