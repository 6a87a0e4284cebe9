"""Staying where a conversation is in the prompt cache, while that costs less than going elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from controlplane.decision.eligibility import Survey
from controlplane.decision.estimates import costs_nanousd
from controlplane.decision.field import Tier
from controlplane.decision.index import CatalogIndex
from controlplane.decision.matching import Match
from controlplane.decision.model import Affinity, Operation
from controlplane.decision.requirements import Requirements
from controlplane.decision.strategies import Ranking, rank
from controlplane.policy.model import Strategy

_PER_MTOK = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """The place that a conversation stays at. `saved_nanousd`: what going to the `other` place would cost more."""

    place: int
    other: int
    cached_tokens: int
    saved_nanousd: int


def stay(
    asked: Affinity | None,
    ranking: Ranking,
    found: Survey,
    strategy: Strategy,
    needs: Requirements,
    match: Match,
    index: CatalogIndex,
) -> Stay | None:
    """Where to stay; None if the strategy would go there anyway, or something speaks against it.

    The last deployment is compared as the strategy compares, with what it has in its cache at the cached price. It must be among
    the foremost: reach the floor, be of the model that is named if one is, ready and within budgets. Where the strategy draws
    between models nobody stays, so that the draw keeps its chances; under a target of quality nobody stays with another model than
    is taken anyway, unless it is the reference, since a lower price for some requests is not what was calibrated.
    """
    if asked is None or not match.policy.affinity or needs.operation is Operation.EMBED:
        return None
    place = _place(asked.deployment, ranking)
    if place is None or (needs.means is not None and needs.means.is_short(ranking.field.offers[place])):
        return None
    if strategy.target is not None:
        offers, first = ranking.field.offers, _ready(ranking, ranking.order)
        if offers[place].model not in (offers[first].model, strategy.target.of):
            return None
    cached = min(asked.cached_tokens, needs.input_tokens)
    cost = with_cache(ranking, place, cached, needs, index)
    costs = list(ranking.field.costs)
    costs[place] = cost
    again = rank(replace(found, field=replace(ranking.field, costs=costs)), strategy, ranking.split, ranking.spent)
    if _ready(again, again.order) != place:
        return None
    other = _other(ranking, place)
    if other is None:
        return None
    saved = ranking.field.costs[other] - cost
    return Stay(place=place, other=other, cached_tokens=cached, saved_nanousd=saved) if saved > 0 else None


def with_cache(ranking: Ranking, place: int, cached: int, needs: Requirements, index: CatalogIndex) -> int:
    """The expected cost at `place` in nano-dollars with `cached` of its input tokens read from the provider's cache."""
    price = index.catalog.models[ranking.field.offers[place].model].price
    rate = price.cached_input_nanousd_per_mtok
    if rate is None:
        rate = price.input_nanousd_per_mtok
    (fresh,) = costs_nanousd(
        [ranking.field.offers[place].prices], needs.input_tokens - cached, [ranking.field.output_tokens[place]]
    )
    return fresh - (-cached * rate // _PER_MTOK)


def _place(name: str, ranking: Ranking) -> int | None:
    """Where the deployment `name` stands among the foremost, if it is ready; under the floor nobody stays."""
    field, order = ranking.field, ranking.order
    foremost = field.tiers[order[0]] if order else Tier.BELOW
    if foremost is Tier.BELOW or ranking.lots(_ready(ranking, order)):
        return None
    return next(
        (
            place
            for place in order
            if field.offers[place].deployment == name and field.tiers[place] is foremost and not field.half_open[place]
        ),
        None,
    )


def _ready(ranking: Ranking, order: Sequence[int]) -> int:
    """The first that is ready, or the first."""
    return next((place for place in order if not ranking.field.half_open[place]), order[0])


def _other(ranking: Ranking, place: int) -> int | None:
    """Where the request would go instead: the strategy's first, or of its model another deployment with a share of its traffic."""
    field = ranking.field
    first = _ready(ranking, ranking.order)
    model = field.offers[first].model
    if model != field.offers[place].model:
        return first
    peers = [each for each in ranking.order if field.offers[each].model == model and not field.half_open[each]]
    return next((each for each, chance in ranking.split(peers) if each != place and chance > 0), None)
