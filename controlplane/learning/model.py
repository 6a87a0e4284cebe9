"""What was learned of models from results, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from turnout_wire.quick import quick

Whole = NDArray[np.int64]
Exact = NDArray[np.float64]
"""Whole numbers under 2**53, as floats: sums and products of such are exact, in whatever order a machine takes them."""

Straight = NDArray[np.float32]
"""Whole numbers whose products with an embedding are below 2**24."""

PPM = 1_000_000
DEPTH = 3
LEAVES = 1 << DEPTH
ALONG = 1 << 16
"""The length of a direction."""

FINE = 1 << 10
"""Parts of a millionth that slopes are told in."""

STEEPEST = float(1 << 30)
"""The greatest slope."""

EVEN = 100.0
"""How densely prompts of a table lie at each place if they lie evenly at all."""

LENGTH, OTHERS = -2, -1
"""The columns of directions, beside those of models, for the length of answers and for models that were not in training."""

UNIT = 1000
"""Lines, how near a text is to a place, how familiar it is and how far a table is listened to are told in this many parts."""

FORMS = 13
"""Forms of requests: how many answers they offer to choose from, 12 and more together."""

DENSEST = 10_000.0
"""Prompts that lie more densely say no more; so sums of heights by density stay below 2**53."""

SCARCE = 25.0
"""What is known of a request without any prompts weighs as much as those that lie so densely."""

LONGEST = 400
"""More than the length of any embedding: its two parts are 256 long each, but for rounding."""

STRAIGHT = (1 << 24) // LONGEST - 1
"""The greatest length of a row of weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Subjects of all tables. The line `first` and those after it say how likely each is; a table's begin at each of `starts`.

    `values` (subjects x kinds of results) say how models do on them, in thousandths, 0 for results of other tables; `tables` (kinds)
    numbers the table that each kind of result is of, `of` (subjects) the one that each subject is of.
    """

    first: int
    starts: NDArray[np.intp]
    of: NDArray[np.intp]
    tables: NDArray[np.intp]
    values: Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Straight-line predictions from an embedding: `weights` (heads x dimensions) and `offsets` (heads), whole numbers, both in parts
    of 2 to the power of `scales` (heads).

    No row of weights is longer than STRAIGHT and no embedding longer than LONGEST, so that whatever part of a product is summed
    first stays below 2**24 (Cauchy-Schwarz), and is exact in a 32-bit float on every machine.

    `encoder` names what makes the embeddings; the last `centres` rows are places where the texts of training lie, and how near a
    request is to the nearest tells how familiar it is: not at all up to `strange` of that place, fully from its `familiar` on. `kinds`
    (kinds of work, as TaskType has them) tells in UNITs how far requests of a kind are known: it is at most so familiar. `forms`
    (FORMS) tells the same of forms: it is at least so familiar, wherever it lies.
    """

    encoder: str
    weights: Straight
    offsets: Exact
    scales: Exact
    topics: Topics | None
    centres: int
    strange: Exact
    familiar: Exact
    kinds: Exact
    forms: Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """How far results are from what is expected anyway: along each direction straight lines and trees add up to a height.

    Trees ask the same three questions on each way down (oblivious trees, as in CatBoost, arXiv 1706.09516). `features` and
    `thresholds` (3 x trees): a feature above its threshold answers yes. `leaves` (8 trees): the height along the tree's
    direction, in millionths. Trees were grown in `bags` equal parts, each on its own sample of
    prompts, one part after the other; in each, those of one direction follow each other, and begin at `starts` (bags x directions).

    `slopes` (directions x features) and `offsets` (directions) add to each bag, in parts of FINE millionths; features count as if
    they were between `low` and `high`.

    `directions` (directions x models + 2), whose unit is ALONG, tell what a height is for each model, of answers how many times their
    LENGTH doubles, and what it is for OTHERS.

    Each direction is of one of the `tables` (directions) that were learned from. `densities` (places x tables) tells how densely prompts of
    each lie at a place, `forms` (FORMS x tables) how far each is listened to on a request of a form, in UNITs, and `known`
    (tables x models + 2) with 1 whether a table says something of a model.
    """

    features: NDArray[np.intp]
    thresholds: Exact
    leaves: Exact
    directions: Exact
    starts: NDArray[np.intp]
    bags: int
    slopes: Exact
    offsets: Exact
    low: Exact
    high: Exact
    tables: NDArray[np.intp]
    densities: Exact
    forms: Exact
    known: Exact

    @property
    def tells_lengths(self) -> bool:
        """Whether any table says how long answers are."""
        return bool(self.known[:, LENGTH].any())

    @classmethod
    def without(cls, models: int, features: int) -> "Forest":
        """Trees that add nothing to any of so many models, whatever so many features are."""
        return cls(
            features=np.zeros((DEPTH, 1), dtype=np.intp),
            thresholds=np.zeros((DEPTH, 1)),
            leaves=np.zeros(LEAVES),
            directions=np.zeros((1, models + 2)),
            starts=np.zeros(1, dtype=np.intp),
            bags=1,
            slopes=np.zeros((1, features)),
            offsets=np.zeros(1),
            low=np.zeros(features),
            high=np.zeros(features),
            tables=np.zeros(1, dtype=np.intp),
            densities=np.zeros((1, 1)),
            forms=np.full((FORMS, 1), float(UNIT)),
            known=np.zeros((1, models + 2)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a good answer must be worth for a workload to reach its target of quality, as it was found on the workload's own data.

    The target is that the mean quality is at most `within_ppm` below that of `reference`, with a confidence of `confidence_ppm`. It
    holds while only `models` are chosen from, `prices` (nano-dollars per million tokens, input and output, of each) are what they
    were, and what else choices rest on has the digest `ground` (see controlplane.decision.value). `prompts` are those that it was
    found on; there the mean was `loss_ppm` below the reference, negative if above.
    """

    workload: str
    reference: str
    within_ppm: int
    confidence_ppm: int
    worth_nanousd: int
    models: tuple[str, ...]
    prices: tuple[tuple[int, int], ...]
    prompts: int
    loss_ppm: int
    ground: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """How much better a model did for a workload than was expected of it, in millionths: the mean, held back towards 0 by how few
    `results` there are, and its standard deviation.
    """

    shift: int
    spread: int
    results: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """Tokens of an answer: between `low` and `high` with nine chances in ten, as often under `middle` as over, and the mean.

    In thousandths of the usual length of such an answer where that depends on the text: see `learning.lengths.measure`.
    """

    low: int
    middle: int
    high: int
    mean: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A quality model. `models` maps folded names to columns; `base` and `spread` are by column, in millionths.

    `base` is the share of good answers over all prompts of training, `spread` the standard deviation of what is known of it.
    `digest` is SHA-256 of the file that it was read from.
    """

    digest: bytes
    version: str
    models: Mapping[str, int]
    base: Whole
    spread: Whole
    heads: Heads | None
    forest: Forest
    lengths: Mapping[str, Length] = field(default_factory=lambda: MappingProxyType({}))
    """Of answers by `task|model` and, for all models, `task|`; there is none of a model without that."""
    experience: Mapping[str, Experience] = field(default_factory=lambda: MappingProxyType({}))
    """By `workload|task|model`, `workload||model` for all kinds of work; models in lower case, and also such as `models` has not."""
    calibrations: tuple[Calibration, ...] = ()
    seen: frozenset[int] = frozenset()
    """Fingerprints of the prompts that it was trained on: see `learning.fingerprint`."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """The chance that an answer is good enough, and between what it lies with nine chances in ten; all in millionths."""

    quality: int
    low: int
    high: int
