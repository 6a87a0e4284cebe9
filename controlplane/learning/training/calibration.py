"""Finds what a good answer must be worth to reach a target of quality with a stated confidence, or that the data cannot say."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Losses = NDArray[np.float64]
"""How much worse what was chosen did than the reference on each prompt, from -1 to 1."""

MOST_NEEDED = 1 << 18
"""More prompts than these nobody is told to find."""

_BOLDEST = 0.75
"""No bet may lose more than this part of what there is: the value that Waudby-Smith and Ramdas take, between 1/2 and 1."""

_PRECISION = 1e-4
_DRAWS = 9
_PER_DOUBLING = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One worth and what it leads to: the mean loss on the prompts, and the chance of such losses or smaller if the target were missed."""

    worth_nanousd: int
    loss: float
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The worths that were tested, the highest first. `kept` of them reach the target, in an unbroken run; 0 if none does."""

    steps: tuple[Step, ...]
    kept: int

    @property
    def found(self) -> Step | None:
        """The lowest worth of that run."""
        return self.steps[self.kept - 1] if self.kept else None


def fixed_sequence(worths: Sequence[int], losses: Sequence[Losses], within: float, confidence: float) -> Run:
    """Test worths in the order given, until one may miss the target.

    Learn then test (Angelopoulos, Bates, Candès, Jordan and Lei, arXiv 2110.01052): each worth has the null hypothesis that its mean
    loss is more than `within`, and since the order is fixed before any score was seen, testing may go on at the full level
    1 - `confidence` until one is not rejected. So with a chance of at least `confidence` every worth in the run reaches the
    target, however many are tested. Holds for prompts that are drawn as those of `losses` were.
    """
    steps: list[Step] = []
    before: Losses | None = None
    for worth, found in zip(worths, losses, strict=True):
        same = before is not None and np.array_equal(before, found)
        chance = steps[-1].chance if same else chance_of_missing(found, within, confidence)
        steps.append(Step(worth_nanousd=worth, loss=float(found.mean()), chance=chance))
        before = found
    passes = [step.chance <= 1 - confidence for step in steps]
    return Run(steps=tuple(steps), kept=passes.index(False) if False in passes else len(passes))


def chance_of_missing(losses: Losses, within: float, confidence: float) -> float:
    """A p-value for the hypothesis that the mean of losses from -1 to 1 is more than `within`.

    By betting (Waudby-Smith and Ramdas, arXiv 2010.09686, their predictable plug-in of section 3.2): a gambler whose stakes
    depend only on losses that came before, and who cannot gain if the hypothesis is true, has 1 / p times as much at some time with
    a chance of at most p (Ville's inequality). Nothing but the bounds of a loss is supposed, and where most losses are 0 it needs a
    fraction of the prompts that Hoeffding's inequality does. The order of bets is shuffled, since tables are often sorted.
    """
    mixed = np.random.default_rng(len(losses)).permutation(losses)
    shares, middle = (mixed + 1) / 2, (within + 1) / 2
    count = np.arange(1, len(shares) + 1)
    means = (0.5 + np.cumsum(shares)) / (count + 1)
    variances = (0.25 + np.cumsum((shares - means) ** 2)) / (count + 1)
    known = np.concatenate([[0.25], variances[:-1]])
    stakes = np.sqrt(2 * np.log(1 / (1 - confidence)) / (len(shares) * known))
    stakes = np.minimum(stakes, _BOLDEST / (1 - middle))
    most = float(np.cumsum(np.log1p(stakes * (middle - shares))).max())
    return float(np.exp(-max(0.0, most)))


def bound(losses: Losses, confidence: float) -> float:
    """What the mean loss stays under with this confidence, if it alone were looked at."""
    low, high = -1.0, 1.0
    while high - low > _PRECISION:
        middle = (low + high) / 2
        if chance_of_missing(losses, middle, confidence) <= 1 - confidence:
            high = middle
        else:
            low = middle
    return high


def needed(losses: Losses, within: float, confidence: float) -> int | None:
    """About how many prompts with such losses would probably show that the target is reached; None if not even MOST_NEEDED would.

    Samples of growing size are drawn from `losses`, until most of one size pass.
    """
    if losses.mean() >= within:
        return None
    source = np.random.default_rng(0)
    count = float(len(losses))
    while count <= MOST_NEEDED:
        drawn = [source.choice(losses, size=int(count)) for _ in range(_DRAWS)]
        passed = sum(chance_of_missing(one, within, confidence) <= 1 - confidence for one in drawn)
        if 2 * passed > _DRAWS:
            return _rounded(count)
        count *= 2 ** (1 / _PER_DOUBLING)
    return None


def _rounded(count: float) -> int:
    """Two digits, for no more are meant; never fewer than it is."""
    unit = 10 ** max(0, int(np.log10(count)) - 1)
    return int(-(-count // unit) * unit)
