"""Fits what a deployment found itself: how much better or worse models did for its workloads than was expected of them.

What is fitted are residuals, score less expectation, in three nested levels: a model over all workloads, in one workload, and in
one kind of work there. Each level is normal around the one above it, the topmost around 0, that is around what is expected
without own results. So little data leans on the level above, and much data comes to its own mean (empirical Bayes: Efron and
Morris 1975; variance components by moments as DerSimonian and Laird 1986 have them, doi 10.1016/0197-2456(86)90046-2).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType

import numpy as np

from controlplane.learning.experience import key
from controlplane.learning.model import PPM, Experience, Forest, Learned
from controlplane.learning.structure import NAMES

TASKS, WORKLOADS, MODELS = 0.05, 0.10, 0.05
"""How far the mean residuals of kinds of work, workloads and models are taken to be apart before any are known: deviations."""

FRESH = 0.10
"""And how much further a model's may lie that only has the catalog's score."""

CREDIT = 2.0
"""Groups that weigh as much as these beliefs, where deviations are worked out from results."""

FLOOR = 0.02
"""No deviation between groups is taken to be less: else no data at all could move one away from the others."""

COMMON = 3
"""Workloads with results of a model, from which on they move each other, and all that have none."""

NOISE_CREDIT, NOISE_FLOOR = 20.0, 0.01
"""Results that weigh as much as the belief of how much a single one varies, and the least variance of it."""

Cell = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one request, and what was `expected` of it without own results; both from 0 to 1.

    `weight` is how much of a result it is, at most 1; `stands_for` how many requests it stands for, because chance chose it.
    `model` is in lower case, `catalog` its score there. `at_us` is when it was decided, in microseconds since 1970.
    """

    workload: str
    task: str
    model: str
    score: float
    expected: float
    catalog: float = 0.5
    weight: float = 1.0
    stands_for: float = 1.0
    at_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """A mean residual and the variance of what is known of it."""

    mean: float
    variance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The results of one cell: how many they are worth, the mean residual, the variance around it, and how many there are."""

    worth: float
    mean: float
    variance: float
    results: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spreads:
    """Variances: of one result, and between kinds of work, workloads and models."""

    noise: float
    tasks: float
    workloads: float
    models: float


def experience(results: Iterable[Result], fresh: AbstractSet[str] = frozenset()) -> Mapping[str, Experience]:
    """What was found, under the names that `experience.key` gives; the same whatever order `results` come in.

    `fresh` are models of which only the catalog's score is known. What workloads have in common is only made of results in COMMON
    of them: of fewer nobody knows how much of it is their own, and none of them moves another.
    """
    cells = _cells(results)
    if not cells:
        return MappingProxyType({})
    spreads, by_workload = _spreads(cells)
    common = _common(by_workload, spreads, fresh)
    kinds: defaultdict[tuple[str, str], dict[str, Seen]] = defaultdict(dict)
    for (workload, task, model), cell in cells.items():
        kinds[workload, model][task] = cell
    found: dict[str, Experience] = {}
    for (workload, model), mine in kinds.items():
        here = _leaning(by_workload[workload, model], *common[model])
        found[key(workload, "", model)] = _told(here, spreads.tasks, mine.values())
        for task, cell in mine.items():
            own = Normal(mean=cell.mean, variance=spreads.noise / cell.worth)
            found[key(workload, task, model)] = _told(_leaning(own, here, spreads.tasks), 0.0, [cell])
    for model, (everywhere, _) in common.items():
        if sum(who == model for _, who in by_workload) >= COMMON:
            all_of_it = [cell for (_, _, who), cell in cells.items() if who == model]
            found[key("", "", model)] = _told(everywhere, spreads.workloads + spreads.tasks, all_of_it)
    return MappingProxyType(dict(sorted(found.items())))


def nothing_learned(version: str) -> Learned:
    """A quality model of no results at all: every model has the catalog's score, and what the hardness of a request takes from it."""
    whole = np.zeros(0, dtype=np.int64)
    return Learned(
        digest=b"",
        version=version,
        models=MappingProxyType({}),
        base=whole,
        spread=whole,
        heads=None,
        forest=Forest.without(0, len(NAMES)),
    )


def _cells(results: Iterable[Result]) -> dict[Cell, Seen]:
    """By workload, kind of work and model. In order of all figures, so that sums of floats do not depend on who came first."""
    rows: defaultdict[Cell, list[tuple[float, float, float]]] = defaultdict(list)
    for one in results:
        if one.weight > 0:
            rows[one.workload, one.task, one.model].append((one.score - one.expected, one.weight, one.stands_for))
    return {cell: _seen(np.array(sorted(rows[cell]))) for cell in sorted(rows)}


def _seen(rows: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Seen:
    """Results that stand for unlike numbers of others are worth less than they are many (Kish's effective sample size)."""
    residuals, weights, stand_for = rows.T
    counts = weights * stand_for
    total = float(counts.sum())
    mean = float(counts @ residuals) / total
    return Seen(
        worth=total * total / float(counts @ stand_for),
        mean=mean,
        variance=float(counts @ (residuals - mean) ** 2) / total,
        results=len(rows),
    )


def _spreads(cells: Mapping[Cell, Seen]) -> tuple[Spreads, dict[tuple[str, str], Normal]]:
    """The variances, from the innermost outwards, and the mean residual of each model in each workload by its own results."""
    noise = _noise(list(cells.values()))
    inner: defaultdict[tuple[str, str], list[Normal]] = defaultdict(list)
    for (workload, _, model), cell in cells.items():
        inner[workload, model].append(Normal(mean=cell.mean, variance=noise / cell.worth))
    tasks = _between(list(inner.values()), TASKS)
    by_workload = {place: _mean(those, tasks) for place, those in inner.items()}
    outer = _by_model(by_workload)
    workloads = _between(list(outer.values()), WORKLOADS)
    models = _around_nothing([_mean(those, workloads) for those in outer.values() if len(those) >= COMMON], MODELS)
    return Spreads(noise=noise, tasks=tasks, workloads=workloads, models=models), by_workload


def _common(
    by_workload: Mapping[tuple[str, str], Normal], spreads: Spreads, fresh: AbstractSet[str]
) -> dict[str, tuple[Normal, float]]:
    """What is known of each model over all workloads, and the variance between that and one of them."""
    nothing = Normal(mean=0.0, variance=0.0)
    found = {}
    for model, those in _by_model(by_workload).items():
        unsure = spreads.models + (FRESH * FRESH if model in fresh else 0.0)
        if len(those) < COMMON:
            found[model] = nothing, spreads.workloads + unsure
        else:
            found[model] = _leaning(_mean(those, spreads.workloads), nothing, unsure), spreads.workloads
    return found


def _by_model(by_workload: Mapping[tuple[str, str], Normal]) -> dict[str, list[Normal]]:
    found: defaultdict[str, list[Normal]] = defaultdict(list)
    for (_, model), seen in by_workload.items():
        found[model].append(seen)
    return found


def _noise(cells: Sequence[Seen]) -> float:
    """The variance of one result: what is seen within cells, leaning on that of a good answer in five of six."""
    freedom = sum(max(0.0, cell.worth - 1) for cell in cells)
    seen = sum(cell.worth * cell.variance for cell in cells if cell.worth > 1)
    return max(NOISE_FLOOR, (seen + NOISE_CREDIT * _USUAL_NOISE) / (freedom + NOISE_CREDIT))


_USUAL_NOISE = 5 / 36


def _between(groups: Sequence[Sequence[Normal]], usual: float) -> float:
    """How far members are apart within their groups beyond what chance explains: a variance, leaning on `usual` squared."""
    freedom, beyond, size = 0, 0.0, 0.0
    for group in groups:
        sharp = np.array([1 / one.variance for one in group])
        means = np.array([one.mean for one in group])
        total = float(sharp.sum())
        beyond += float(sharp @ (means - float(sharp @ means) / total) ** 2) - (len(group) - 1)
        size += total - float(sharp @ sharp) / total
        freedom += len(group) - 1
    return _blended(beyond / size if freedom else 0.0, freedom, usual)


def _around_nothing(found: Sequence[Normal], usual: float) -> float:
    """The same for means that are expected to be 0."""
    beyond = sum(one.mean**2 / one.variance for one in found) - len(found)
    size = sum(1 / one.variance for one in found)
    return _blended(beyond / size if found else 0.0, len(found), usual)


def _blended(variance: float, freedom: int, usual: float) -> float:
    blend = (freedom * max(0.0, variance) + CREDIT * usual * usual) / (freedom + CREDIT)
    return max(FLOOR * FLOOR, blend)


def _mean(those: Sequence[Normal], between: float) -> Normal:
    """The mean of a group whose members differ by `between`."""
    sharp = [1 / (one.variance + between) for one in those]
    total = sum(sharp)
    return Normal(
        mean=sum(weight * one.mean for weight, one in zip(sharp, those, strict=True)) / total, variance=1 / total
    )


def _leaning(seen: Normal, above: Normal, between: float) -> Normal:
    """What is known of a member by its own results and by the level above, from which members differ by `between`."""
    lean = seen.variance / (seen.variance + between)
    return Normal(
        mean=(1 - lean) * seen.mean + lean * above.mean,
        variance=(1 - lean) * seen.variance + lean * lean * above.variance,
    )


def _told(known: Normal, more: float, of: Iterable[Seen]) -> Experience:
    return Experience(
        shift=round(known.mean * PPM),
        spread=round(sqrt(known.variance + more) * PPM),
        results=sum(cell.results for cell in of),
    )
