"""How a policy's strategy compares the models that may serve.

A strategy compares models. Between deployments of one model, which cost the same and are as good, the policy's balancing
decides, and what the model is expected to take is the mean over its deployments by weight.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from controlplane.catalog.model import ModelName
from controlplane.decision.access import named_by
from controlplane.decision.balancing import Split
from controlplane.decision.eligibility import Survey
from controlplane.decision.field import BELOW, GOOD, PINNED, Field, by_model, shares
from controlplane.decision.offer import Offer
from controlplane.learning.model import PPM
from controlplane.policy.model import Strategy, StrategyKind
from turnout_wire.quick import quick

Terms = tuple[tuple[str, float], ...]
Column = Sequence[float]

_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How places are compared: by `columns`, the first deciding and less being better; `terms` are parts of a score.

    A score is the sum of its terms, by name, and higher is better. Ties go to the better, the cheaper, the quicker, the one with
    more room in its rate limits, and at last to the first by name: by name and not by lot, since a draw would make a choice
    random for no gain, with a propensity to account for, and would send equal requests to different providers, away from the
    prompt cache that the last one filled.
    """

    columns: tuple[Column, ...]
    terms: Callable[[int], Terms]

    def sort(self, places: Sequence[int]) -> list[int]:
        """The best of `places`, which are in order of names, first."""
        keys = list(zip(*self.columns, strict=True))
        return sorted(places, key=keys.__getitem__)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """All that may serve, the best first. `weights` are the models' lots where the strategy draws, else empty.

    `ahead` are the places that a semantic route names, which are taken before anything is drawn.
    `split` shares the traffic of a model among its deployments; `spent` is the used share of rate limits, if any is known.
    """

    field: Field
    order: Sequence[int]
    strategy: Order
    weights: Mapping[ModelName, int]
    split: Split
    spent: Column | None
    ahead: frozenset[int] = frozenset()

    def lots(self, leader: int) -> Mapping[ModelName, int]:
        """The weights to draw by where `leader` is the best there is; empty if that is taken without a draw."""
        return _NONE if leader in self.ahead or self.field.tiers[leader] is not GOOD else self.weights

    def terms(self, place: int) -> Terms:
        """What the score at `place` consists of: under the floor only quality counts."""
        below = self.field.tiers[place] is BELOW
        return (("quality", self.field.quality(place)),) if below else self.strategy.terms(place)


def rank(found: Survey, strategy: Strategy, split: Split, spent: Column | None = None) -> Ranking:
    """Put those who may serve in order: by tier, and within it as the strategy compares them.

    `spent` is the share of each one's rate limits that is used, if any is known: among equals more room comes first.
    """
    field, able, tiers = found.field, found.able, found.field.tiers
    paces = _paces(field, able)
    good = [place for place in able if tiers[place] is not BELOW]
    more = () if spent is None else (spent,)
    order = _order(strategy, field, paces, good)
    if more:
        order = replace(order, columns=(*order.columns, *more))
    ranked = order.sort(good)
    if len(good) < len(able):
        by_quality = Order(columns=(field.shortfalls, field.costs, paces, *more), terms=lambda _: ())
        ranked += by_quality.sort([place for place in able if tiers[place] is BELOW])
    if PINNED in [tiers[place] for place in good]:
        ranked.sort(key=tiers.__getitem__)
    weights, ahead = _lots(strategy, field)
    return Ranking(field=field, order=ranked, strategy=order, weights=weights, split=split, spent=spent, ahead=ahead)


_NONE: Mapping[ModelName, int] = MappingProxyType({})


def _lots(strategy: Strategy, field: Field) -> tuple[Mapping[ModelName, int], frozenset[int]]:
    """What is drawn by, and what is taken without a draw: under `semantic` what the route names."""
    if strategy.kind is StrategyKind.WEIGHTED:
        return dict(strategy.weights), frozenset()
    beside = strategy.otherwise
    if beside is None or beside.kind is not StrategyKind.WEIGHTED:
        return _NONE, frozenset()
    return dict(beside.weights), frozenset(
        place for place, offer in enumerate(field.offers) if on_route(strategy, offer)
    )


def _paces(field: Field, able: Sequence[int]) -> Column:
    """What the model at each place takes over all its deployments that may serve, in seconds."""
    shared = [place for place in able if field.offers[place].shared]
    if not shared:
        return field.seconds
    paces = list(field.seconds)
    for same in by_model(field.offers, shared).values():
        mean = sum(share * field.seconds[place] for place, share in shares(field.offers, same))
        for place in same:
            paces[place] = mean
    return paces


def _cheapest(_: Strategy, field: Field, paces: Column, __: Sequence[int]) -> Order:
    """The expected cost in dollars, negative."""
    return Order(
        columns=(field.costs, field.shortfalls, paces), terms=lambda place: (("cost", -field.costs[place] / _NANO),)
    )


def _balanced(strategy: Strategy, field: Field, paces: Column, good: Sequence[int]) -> Order:
    """quality_share·q − cost_share·c − latency_share·l, each scaled to 0..1 between least and most of the good ones."""
    shortfalls, costs = field.shortfalls, field.costs
    _, short, per_quality = _scale(shortfalls, good, strategy.quality_share)
    cheap, _, per_cost = _scale(costs, good, strategy.cost_share)
    quick, _, per_second = _scale(paces, good, strategy.latency_share)
    lost = [
        (shortfall - short) * per_quality + (cost - cheap) * per_cost + (pace - quick) * per_second
        for shortfall, cost, pace in zip(shortfalls, costs, paces, strict=True)
    ]

    def terms(place: int) -> Terms:
        return (
            ("quality", (short - shortfalls[place]) * per_quality),
            ("cost", (cheap - costs[place]) * per_cost),
            ("latency", (quick - paces[place]) * per_second),
        )

    return Order(columns=(lost, shortfalls, costs, paces), terms=terms)


def _scale(column: Column, good: Sequence[int], share: float) -> tuple[float, float, float]:
    """Least and most of a column, and what one unit is worth if the whole range between them is worth `share`."""
    values = [column[place] for place in good] or [0.0]
    least, most = min(values), max(values)
    return least, most, share / (most - least) if most > least else 0.0


def _fixed(strategy: Strategy, field: Field, paces: Column, _: Sequence[int]) -> Order:
    """One over the place in the policy's list: 1, 1/2, 1/3 ..."""
    ranks = {model: 1 / rank for rank, model in enumerate(strategy.models, start=1)}
    return _by_model_value("order", ranks, field, paces)


def _weighted(strategy: Strategy, field: Field, paces: Column, good: Sequence[int]) -> Order:
    """The model's share of the weights of the good ones."""
    present = {field.offers[place].model for place in good}
    total = sum(weight for model, weight in strategy.weights if model in present) or 1
    return _by_model_value("weight", {model: weight / total for model, weight in strategy.weights}, field, paces)


def _semantic(strategy: Strategy, field: Field, paces: Column, good: Sequence[int]) -> Order:
    """One over the place among the models of the route, then what is left as `otherwise` compares it."""
    after = _order(strategy.otherwise or _CHEAPEST, field, paces, good)
    lost = [-_worth(strategy, offer) for offer in field.offers]

    def terms(place: int) -> Terms:
        return (("route", -lost[place]),) if lost[place] else after.terms(place)

    return Order(columns=(lost, *after.columns), terms=terms)


def on_route(strategy: Strategy, offer: Offer) -> bool:
    """Whether the route of a `semantic` strategy names the model of `offer` or its tier."""
    return _worth(strategy, offer) > 0


def _worth(strategy: Strategy, offer: Offer) -> float:
    ((_, target),) = strategy.routes
    if target.tier:
        return float(offer.tier == target.tier)
    return 1 / (target.models.index(offer.model) + 1) if offer.model in target.models else 0.0


def _value(strategy: Strategy, field: Field, paces: Column, _: Sequence[int]) -> Order:
    """quality·worth − cost, in dollars: a dearer model only where what it is better by is worth its surcharge.

    Compared in whole numbers, millionths of a nano-dollar. Models that a target says nothing of come last, by quality.
    """
    worth, unasked = strategy.worth_nanousd, _strangers(strategy, field)
    lost = [
        0 if stranger else cost * PPM + round(shortfall * PPM) * worth
        for stranger, cost, shortfall in zip(unasked, field.costs, field.shortfalls, strict=True)
    ]

    def terms(place: int) -> Terms:
        if unasked[place]:
            return ()
        return ("quality", -field.shortfalls[place] * worth / _NANO), ("cost", -field.costs[place] / _NANO)

    return Order(columns=(unasked, lost, field.shortfalls, field.costs, paces), terms=terms)


def _strangers(strategy: Strategy, field: Field) -> Column:
    """One for each place whose model a target of quality says nothing of, nought for the others."""
    if strategy.target is None or not strategy.models:
        return [0] * len(field.offers)
    return [int(offer.model not in strategy.models) for offer in field.offers]


def _by_model_value(name: str, values: Mapping[ModelName, float], field: Field, paces: Column) -> Order:
    """The models with values, and then the cheapest of the others: those that routes name, beside a `semantic` strategy."""
    lost = [-values.get(offer.model, 0.0) for offer in field.offers]
    unnamed = [0 if value else cost for value, cost in zip(lost, field.costs, strict=True)]

    def terms(place: int) -> Terms:
        return ((name, -lost[place]),) if lost[place] else (("cost", -field.costs[place] / _NANO),)

    return Order(columns=(lost, unnamed, field.shortfalls, field.costs, paces), terms=terms)


def decider(strategy: Strategy, offer: Offer) -> StrategyKind:
    """What `offer` is first by, if it is: of a `semantic` strategy the route or what is beside it.

    A model that neither names is there because another route names it, and of those the cheapest is taken.
    """
    if strategy.kind is StrategyKind.SEMANTIC:
        if on_route(strategy, offer):
            return StrategyKind.SEMANTIC
        strategy = strategy.otherwise or _CHEAPEST
    named = named_by(strategy)
    return strategy.kind if not named or offer.model in named else StrategyKind.CHEAPEST


_CHEAPEST = Strategy(kind=StrategyKind.CHEAPEST)


def _order(strategy: Strategy, field: Field, paces: Column, good: Sequence[int]) -> Order:
    return _ORDERS[strategy.kind](strategy, field, paces, good)


_ORDERS: Mapping[StrategyKind, Callable[[Strategy, Field, Column, Sequence[int]], Order]] = MappingProxyType(
    {
        StrategyKind.FIXED: _fixed,
        StrategyKind.WEIGHTED: _weighted,
        StrategyKind.CHEAPEST: _cheapest,
        StrategyKind.BALANCED: _balanced,
        StrategyKind.SEMANTIC: _semantic,
        StrategyKind.VALUE: _value,
    }
)
