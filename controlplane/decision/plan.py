"""Who is called first, and who is called if that fails."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.decision.draws import pick
from controlplane.decision.field import GOOD, Field, Tier, by_model, shares
from controlplane.decision.strategies import Ranking

PROBE_SHARE = 0.05
"""The part of the decisions that treat a half-open deployment like any other.

A breaker closes when calls succeed. Were a half-open deployment always behind the ready ones, a strategy that knows one
best choice would never send it a call, and it would stay half-open for ever.
"""

MOST_TARGETS = 16
"""As many as a signed decision carries."""

Lots = list[tuple[int, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Places of the field in the order in which they are called, at least one.

    `propensity` is the chance that the first had to be it; `among` is how many it was chosen from.
    """

    places: Sequence[int]
    propensity: float
    among: int


def plan(ranking: Ranking, fallbacks: int, draw: float, *, alone: bool = False) -> Plan:
    """Choose the first target and at most `fallbacks` others from `ranking`, which is not empty.

    Each next one is taken from those that reach the floor before those that do not, then from those that are ready
    before those that are half-open, then from the providers that the plan uses least so far: what breaks is mostly a
    provider. What is left after that is the strategy's choice. `alone`: all targets have the model of the first.
    """
    tiers, left = ranking.field.tiers, ranking.order
    foremost = tiers[left[0]]
    peers = [place for place in left if tiers[place] is foremost]
    primary, propensity, rest = pick(_first_lots(ranking, peers), draw)
    chosen = [primary]
    if alone:
        offers = ranking.field.offers
        left = [place for place in left if offers[place].model == offers[primary].model]
    for _ in range(min(fallbacks, MOST_TARGETS - 1, len(left) - 1)):
        left = [place for place in left if place != chosen[-1]]
        following, _chance, rest = pick(_next_lots(ranking, left, chosen), rest)
        chosen.append(following)
    return Plan(places=chosen, propensity=propensity, among=len(peers))


def _first_lots(ranking: Ranking, peers: Sequence[int]) -> Lots:
    half_open = ranking.field.half_open
    ready = [place for place in peers if not half_open[place]]
    if not ready or len(ready) == len(peers):
        return _lots(ranking, peers)
    return _mixed(_lots(ranking, ready), _lots(ranking, peers))


def _mixed(usual: Lots, probing: Lots) -> Lots:
    """The two choices as one, so that a single draw makes it and its chance is the propensity."""
    chances = {place: chance * (1 - PROBE_SHARE) for place, chance in usual}
    for place, chance in probing:
        chances[place] = chances.get(place, 0.0) + chance * PROBE_SHARE
    return list(chances.items())


def _lots(ranking: Ranking, peers: Sequence[int]) -> Lots:
    """The chances among equals: by the strategy's weights if it draws, else all for the model of the first.

    Under the floor nothing is drawn between models: there the best is wanted.
    """
    offers, leader = ranking.field.offers, peers[0]
    if ranking.weights and ranking.field.tiers[leader] is GOOD and (drawn := _drawn(ranking, peers)):
        return drawn
    if not offers[leader].shared:
        return [(leader, 1.0)]
    return shares(offers, [place for place in peers if offers[place].model == offers[leader].model])


def _drawn(ranking: Ranking, peers: Sequence[int]) -> Lots:
    offers, weights = ranking.field.offers, ranking.weights
    groups = {model: same for model, same in by_model(offers, peers).items() if weights.get(model)}
    total = sum(weights[model] for model in groups)
    return [
        (place, weights[model] / total * share)
        for model, same in groups.items()
        for place, share in shares(offers, same)
    ]


def _next_lots(ranking: Ranking, left: Sequence[int], chosen: Sequence[int]) -> Lots:
    field = ranking.field
    used = [field.offers[place].provider for place in chosen]
    leader, best = left[0], _standing(field, left[0], used)
    for place in left:
        if best[1:] == (False, 0):
            break  # None can stand better: `left` is in order of tiers.
        if (standing := _standing(field, place, used)) < best:
            leader, best = place, standing
    if not ranking.weights and not field.offers[leader].shared:
        return [(leader, 1.0)]
    return _lots(ranking, [place for place in left if _standing(field, place, used) == best])


def _standing(field: Field, place: int, used: Sequence[str]) -> tuple[Tier, bool, int]:
    """What comes before the strategy's order, by the rules of `plan`: the least is next."""
    return field.tiers[place], field.half_open[place], used.count(field.offers[place].provider)
