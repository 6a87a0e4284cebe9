"""How likely each model comes first, as uncertain as its quality is, and what in the request made it so."""

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from math import sqrt
from statistics import NormalDist

from controlplane.budget.matching import Balances
from controlplane.catalog.model import Complexity, ModelName, TaskType
from controlplane.decision.affinity import stay
from controlplane.decision.deliberation import Deliberation, deliberate
from controlplane.decision.field import redrawn
from controlplane.decision.index import SnapshotIndex
from controlplane.decision.model import Influence, ModelShare, Request
from controlplane.decision.plan import chances
from controlplane.decision.strategies import Ranking, rank
from controlplane.learning.model import PPM, Prospect

DRAWS = 256

TOGETHER = 0.5
"""The part of the variance that all models have together.

What is not known of a request is mostly how hard it is, which moves all models at once and changes little between them; the rest
is about each model. That halves are taken is judgement: results are good or bad, and do not show how far chances move together.
"""

NINE_IN_TEN = 1.645
"""Standard deviations on either side of the mean between which nine of ten draws of a normal distribution fall."""

LEAST = 1 / DRAWS
"""Changes that are smaller are not told."""

USUAL_TOKENS, USUAL_CHARACTERS = 60, 240
"""A request of the usual length."""

PLAIN_TASK, PLAIN_COMPLEXITY = TaskType.CHAT, Complexity.MODERATE
"""What a request is taken for where nothing speaks for anything."""

_STEPS = tuple(NormalDist().inv_cdf((number + 0.5) / DRAWS) for number in range(DRAWS))

Shares = Mapping[ModelName, float]


def distribution(of: Deliberation) -> tuple[ModelShare, ...]:
    """The share of draws of all qualities in which each model comes first, the likeliest first; empty if nothing may serve.

    Each draw goes the way of the decision: floors, strategy, weights, half-open breakers, cached conversations. What is short in
    budgets stays so.
    """
    found = sorted(_shares(of).items(), key=lambda one: (-one[1], one[0]))
    return tuple(ModelShare(model=model, share=share) for model, share in found)


def influences(of: Deliberation, balances: Balances) -> tuple[Influence, ...]:
    """What each thing that was found in the request did to the shares, the strongest first.

    Each is taken away alone, so that the request is as if nothing spoke for it: what is left is compared. Things that speak
    for the same, as words and kind of work do, can each change little where together they change much.
    """
    before = _shares(of)
    found = [
        _influence(signal, before, _shares(deliberate(request, index, of.now, 0.0, balances)))
        for signal, request, index in _without(of)
    ]
    return tuple(sorted((each for each in found if abs(each.change) >= LEAST), key=lambda each: -abs(each.change)))


def _shares(of: Deliberation) -> dict[ModelName, float]:
    if of.plan is None:
        return {}
    if not of.ranking.order:
        return {of.field.offers[of.plan.places[0]].model: 1.0}
    found: dict[ModelName, float] = {}
    drawn = _rankings(of)
    for ranking in drawn:
        for place, chance in chances(ranking, _kept(of, ranking)):
            model = ranking.field.offers[place].model
            found[model] = found.get(model, 0.0) + chance / len(drawn)
    return found


def _rankings(of: Deliberation) -> Sequence[Ranking]:
    """The order of those who may serve in each draw; the one there is if no quality is uncertain."""
    field, ranking = of.survey.field, of.ranking
    if not any(each.high > each.low for each in field.prospects):
        return [ranking]
    columns = [_drawn(offer.model, each) for offer, each in zip(field.offers, field.prospects, strict=True)]
    found = []
    for number in range(DRAWS):
        moved = [short - column[number] for short, column in zip(field.shortfalls, columns, strict=True)]
        survey = replace(of.survey, field=redrawn(field, moved, of.needs))
        found.append(rank(survey, of.strategy, ranking.split, ranking.spent))
    return found


def _kept(of: Deliberation, ranking: Ranking) -> int | None:
    if of.request.affinity is None:
        return None
    survey = replace(of.survey, field=ranking.field)
    found = stay(of.request.affinity, ranking, survey, of.strategy, of.needs, of.match, of.index.catalog)
    return None if found is None else found.place


def _drawn(model: ModelName, expected: Prospect) -> Sequence[float]:
    """How far the quality of a model is from what is expected of it, in each draw.

    The interval is cut at 0 and 1; its longer side tells the deviation.
    """
    deviation = max(expected.high - expected.quality, expected.quality - expected.low) / (NINE_IN_TEN * PPM)
    together, alone = deviation * sqrt(TOGETHER), deviation * sqrt(1 - TOGETHER)
    return [together * common + alone * own for common, own in zip(_normal(""), _normal(model), strict=True)]


@lru_cache(maxsize=1024)
def _normal(name: str) -> Sequence[float]:
    """A normal distribution in DRAWS even steps, shuffled by `name`: a Latin hypercube (McKay, Beckman and Conover 1979).

    The same every time, and whatever other models there are. A share is good to some two hundredths with so many draws.
    """
    lots = struct.unpack(f"<{DRAWS}Q", hashlib.shake_256(name.encode()).digest(8 * DRAWS))
    order = sorted(range(DRAWS), key=lots.__getitem__)
    return tuple(_STEPS[at] for at in order)


def _without(of: Deliberation) -> Iterator[tuple[str, Request, SnapshotIndex]]:
    """Each thing that was found in the request by name, and the request as it is without."""
    request, index = of.request, of.index
    taken, features = request.classification, request.features
    if taken.task_type is not PLAIN_TASK:
        plain = replace(taken, task_type=PLAIN_TASK)
        yield f"task_type={taken.task_type}", replace(request, classification=plain), index
    if taken.complexity is not PLAIN_COMPLEXITY:
        plain = replace(taken, complexity=PLAIN_COMPLEXITY)
        yield f"complexity={taken.complexity}", replace(request, classification=plain), index
    if taken.domain is not None:
        yield f"domain={taken.domain}", replace(request, classification=replace(taken, domain=None)), index
    if of.needs.floors.unsure:
        yield "confidence", replace(request, classification=replace(taken, confidence=1.0)), index
    if taken.route:
        yield f"route={taken.route}", replace(request, classification=replace(taken, nearest=None)), index
    short = replace(features, input_tokens=USUAL_TOKENS, last_user_tokens=USUAL_TOKENS, characters=USUAL_CHARACTERS)
    yield "length", replace(request, features=short), index
    if features.embedding is not None and of.needs.outlook is not None:
        yield "words", replace(request, features=replace(features, embedding=None)), index
    if (inexperienced := _inexperienced(index)) is not None:
        yield "experience", request, inexperienced


def _inexperienced(index: SnapshotIndex) -> SnapshotIndex | None:
    """The same without what a deployment found itself; None if it found nothing."""
    catalog = index.catalog.catalog
    if catalog.learned is None or not catalog.learned.experience:
        return None
    plain = replace(catalog, learned=replace(catalog.learned, experience={}))
    return replace(index, catalog=replace(index.catalog, catalog=plain))


def _influence(signal: str, before: Shares, after: Shares) -> Influence:
    changes = {model: before.get(model, 0.0) - after.get(model, 0.0) for model in sorted({*before, *after})}
    model = max(changes, key=lambda name: (abs(changes[name]), changes[name]), default=ModelName(""))
    return Influence(signal=signal, model=model, change=changes.get(model, 0.0))
