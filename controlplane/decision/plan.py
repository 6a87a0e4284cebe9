"""Who is called first, and who is called if that fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controlplane.catalog.model import ModelName
from controlplane.decision.draws import Chances, mixed, pick
from controlplane.decision.field import Field, Tier, by_model
from controlplane.decision.strategies import Ranking

MOST_TARGETS = 16
"""As many as a signed decision carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Places of the field in the order in which they are called, at least one.

    `propensity` is the chance that the first had to be it; `among` is how many it was chosen from.
    """

    places: Sequence[int]
    propensity: float
    among: int


def plan(ranking: Ranking, fallbacks: int, draw: float, *, alone: bool = False, stay: int | None = None) -> Plan:
    """Choose the first target and at most `fallbacks` others from `ranking`, which is not empty.

    Each next one is taken from those that reach the floor before those that do not, then from those that are ready
    before those that are half-open, then from the providers that the plan uses least so far: what breaks is mostly a
    provider. What is left after that is the strategy's choice. `alone`: all targets have the model of the first.
    `stay` is the place that is first unless a half-open one is probed.
    """
    left, peers = ranking.order, _foremost(ranking)
    primary, propensity, rest = pick(_first_lots(ranking, peers, stay), draw)
    chosen = [primary]
    if alone:
        offers = ranking.field.offers
        left = [place for place in left if offers[place].model == offers[primary].model]
    for _ in range(min(fallbacks, MOST_TARGETS - 1, len(left) - 1)):
        left = [place for place in left if place != chosen[-1]]
        following, _chance, rest = pick(_next_lots(ranking, left, chosen), rest)
        chosen.append(following)
    return Plan(places=chosen, propensity=propensity, among=len(peers))


def chances(ranking: Ranking, stay: int | None = None) -> Chances:
    """Who may be first by `plan`, and how likely each is."""
    return _first_lots(ranking, _foremost(ranking), stay)


def _foremost(ranking: Ranking) -> list[int]:
    """Those that no tier puts behind others."""
    tiers = ranking.field.tiers
    foremost = tiers[ranking.order[0]]
    return [place for place in ranking.order if tiers[place] is foremost]


def _first_lots(ranking: Ranking, peers: Sequence[int], stay: int | None) -> Chances:
    half_open = ranking.field.half_open
    ready = [place for place in peers if not half_open[place]]
    usual = _lots(ranking, ready or peers) if stay is None else [(stay, 1.0)]
    return usual if len(ready) in (0, len(peers)) else mixed(usual, _lots(ranking, peers))


def _lots(ranking: Ranking, peers: Sequence[int]) -> Chances:
    """The chances among equals: by the strategy's weights if it draws, else all for the model of the first.

    Under the floor nothing is drawn between models: there the best is wanted.
    """
    offers, leader = ranking.field.offers, peers[0]
    if (weights := ranking.lots(leader)) and (drawn := _drawn(ranking, weights, peers)):
        return drawn
    if not offers[leader].shared:
        return [(leader, 1.0)]
    return ranking.split([place for place in peers if offers[place].model == offers[leader].model])


def _drawn(ranking: Ranking, weights: Mapping[ModelName, int], peers: Sequence[int]) -> Chances:
    groups = {model: same for model, same in by_model(ranking.field.offers, peers).items() if weights.get(model)}
    total = sum(weights[model] for model in groups)
    return [
        (place, weights[model] / total * share)
        for model, same in groups.items()
        for place, share in ranking.split(same)
    ]


def _next_lots(ranking: Ranking, left: Sequence[int], chosen: Sequence[int]) -> Chances:
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
