"""Everything that a decision is made from, so that it is worded and explained from the same facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from controlplane.budget.matching import EMPTY, Balances
from controlplane.budget.model import Shortage
from controlplane.catalog.model import Capability
from controlplane.decision.affinity import Stay, stay
from controlplane.decision.balancing import splitter
from controlplane.decision.constraints import check
from controlplane.decision.eligibility import NO_ROOMS, Survey, exclusions, survey
from controlplane.decision.field import Field, Tier, figures
from controlplane.decision.headroom import left
from controlplane.decision.holding import within
from controlplane.decision.index import SnapshotIndex
from controlplane.decision.matching import Match, match
from controlplane.decision.means import Means, means, most
from controlplane.decision.model import Exclusion, Operation, QualityFloor, ReasonCode, Request
from controlplane.decision.plan import Plan, plan
from controlplane.decision.requirements import Requirements, requirements
from controlplane.decision.strategies import Ranking, decider, rank
from controlplane.decision.value import Aim
from controlplane.policy.model import Strategy, StrategyKind
from turnout_wire.quick import quick


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Deliberation:
    """What was found on the way to a decision. `plan` is None if nothing may serve; `reason` then too.

    `strategy` is how those who may serve were compared. `wanted` is the place of what would have been taken if budgets had room
    for it, `shortages` the accounts that had none; `dropped` are the places of fallbacks that were left out for want of room;
    `stay` is what speaks for the last deployment.
    """

    request: Request
    index: SnapshotIndex
    now: datetime
    match: Match
    needs: Requirements
    survey: Survey
    ranking: Ranking
    strategy: Strategy
    plan: Plan | None
    reason: ReasonCode | None
    wanted: int | None = None
    shortages: tuple[Shortage, ...] = ()
    dropped: frozenset[int] = frozenset()
    stay: Stay | None = None

    @property
    def stays(self) -> bool:
        """Whether the request goes where its conversation is in the cache, though it might have gone elsewhere."""
        return self.stay is not None and self.plan is not None and self.plan.places[0] == self.stay.place

    @property
    def aim(self) -> Aim | None:
        """The target of quality that was chosen by; None if the policy has none, or something else chose."""
        aim = self.index.catalog.aims.get((self.match.workload.name, self.match.policy.name))
        return aim if aim is not None and self.strategy is aim.strategy and self.reason in _AIMING else None

    @property
    def field(self) -> Field:
        """Where the places of targets are."""
        return self.survey.field

    @property
    def targets(self) -> Sequence[int]:
        """The places of the targets, in order."""
        return self.plan.places if self.plan is not None else ()

    @property
    def floor(self) -> QualityFloor:
        """The floor that the first target was held to."""
        named = self.reason is ReasonCode.OVERRIDE or self.reason is ReasonCode.PINNED
        return self.needs.floors.pinned if named else self.needs.floors.general

    def everyone(self) -> Field:
        """Every deployment of the catalog with its figures."""
        return figures(self.index.catalog.offers, self.needs, self.index.live)

    def excluded(self, everyone: Field) -> list[Exclusion | None]:
        """The first reason of each in `everyone`, whatever its quality."""
        lenient = self.reason is not ReasonCode.LAST_RESORT
        passing = lenient and self.survey.forced
        rooms = NO_ROOMS if passing or (lenient and self.survey.throttled) else self.index.live.live.headroom
        found = exclusions(everyone, self.needs, self.index.live, None if passing else self.now, rooms)
        means = self.needs.means
        if not self.shortages or means is None or means.degrade:
            return found
        return [
            first or (Exclusion.BUDGET if means.is_short(offer) else None)
            for first, offer in zip(found, everyone.offers, strict=True)
        ]


_AIMING = (ReasonCode.VALUE, ReasonCode.AFFINITY, ReasonCode.BEST_AVAILABLE)
"""Reasons under which a target of quality has a say."""

_BY_TIER: Mapping[Tier, ReasonCode] = MappingProxyType(
    {Tier.PINNED: ReasonCode.OVERRIDE, Tier.BELOW: ReasonCode.BEST_AVAILABLE}
)
_BY_STRATEGY: Mapping[StrategyKind, ReasonCode] = MappingProxyType({kind: ReasonCode(kind) for kind in StrategyKind})


def deliberate(
    request: Request, index: SnapshotIndex, now: datetime, draw: float, balances: Balances = EMPTY
) -> Deliberation:
    """Find what holds for `request`, who may serve it, and in which order.

    Raises Failure: MODEL_UNKNOWN, WORKLOAD_UNKNOWN, POLICY_UNKNOWN, CONSTRAINTS_CONTRADICT.
    """
    matched = match(request, index.catalog)
    check(request.constraints, index.catalog, matched.named.model)
    paying = means(request, matched, index.catalog, balances, now)
    needs = requirements(request, matched, index.catalog, paying)
    found = survey(needs, index.live, now)
    strategy = _strategy(needs, matched, index, request.classification.route)
    split = splitter(matched.policy.balancing, found.field, index.live, now)
    ranking = rank(found, strategy, split, _spent(found, index, now))
    kept = stay(request.affinity, ranking, found, strategy, needs, matched, index.catalog)
    planned = _planned(ranking, matched.policy.limits.fallbacks, draw, alone=needs.alone, kept=kept)
    deliberation = Deliberation(
        request=request,
        index=index,
        now=now,
        match=matched,
        needs=needs,
        survey=found,
        ranking=ranking,
        strategy=strategy,
        plan=planned,
        reason=None if planned is None else _reason(ranking, strategy, needs, planned),
        stay=kept,
    )
    if deliberation.stays and deliberation.reason not in _NAMING:
        deliberation = replace(deliberation, reason=ReasonCode.AFFINITY)
    chosen = deliberation if ranking.order else _resort(deliberation)
    return chosen if paying is None else _paid(chosen, paying)


_NAMING = (ReasonCode.PINNED, ReasonCode.OVERRIDE)
"""Reasons that say more than that a conversation stays where it is."""


def _planned(ranking: Ranking, fallbacks: int, draw: float, *, alone: bool, kept: Stay | None) -> Plan | None:
    if not ranking.order:
        return None
    return plan(ranking, fallbacks, draw, alone=alone, stay=None if kept is None else kept.place)


_THRIFTY = Strategy(kind=StrategyKind.CHEAPEST)
"""How a policy chooses while a budget comes to its end."""


def _spent(found: Survey, index: SnapshotIndex, now: datetime) -> Sequence[float] | None:
    """The share of each one's rate limits that is used; None where no provider tells any."""
    rooms = index.live.live.headroom
    return [1 - left(rooms.get(offer.deployment), now) for offer in found.field.offers] if rooms else None


def _strategy(needs: Requirements, matched: Match, index: SnapshotIndex, route: str) -> Strategy:
    """How those who may serve are compared: the policy's way, unless a name or a budget that comes to its end says another."""
    policy = matched.policy
    low = needs.means is not None and needs.means.low is not None
    if needs.operation is Operation.EMBED:
        return _THRIFTY if policy.embeddings is None else Strategy(kind=StrategyKind.FIXED, models=(policy.embeddings,))
    if needs.named is not None and policy.pinned_fallbacks.models:
        return Strategy(kind=StrategyKind.FIXED, models=(needs.named, *policy.pinned_fallbacks.models))
    if low:
        return _THRIFTY
    if policy.strategy.target is not None:
        return index.catalog.aims[matched.workload.name, policy.name].strategy
    return _by_route(policy.strategy, route)


def _by_route(strategy: Strategy, route: str) -> Strategy:
    """A `semantic` strategy with the one route of the request, or what chooses where none fits; another as it is."""
    if strategy.kind is not StrategyKind.SEMANTIC:
        return strategy
    fitting = tuple(each for each in strategy.routes if each[0] == route)
    return replace(strategy, routes=fitting) if fitting else strategy.otherwise or _THRIFTY


def _reason(ranking: Ranking, strategy: Strategy, needs: Requirements, planned: Plan) -> ReasonCode:
    if needs.named is not None and ranking.field.tiers[ranking.order[0]] is Tier.PINNED:
        return ReasonCode.PINNED
    if by_tier := _BY_TIER.get(ranking.field.tiers[ranking.order[0]]):
        return by_tier
    return _BY_STRATEGY[decider(strategy, ranking.field.offers[planned.places[0]])]


def _paid(chosen: Deliberation, paying: Means) -> Deliberation:
    """The same with what budgets make of its plan: fallbacks without room are dropped, a first target without room ends it."""
    offers = chosen.field.offers
    if chosen.plan is None:
        return _short(chosen, paying) if paying.degrade else chosen
    places = chosen.plan.places
    if shortages := paying.shortages(offers[places[0]]):
        return replace(chosen, plan=None, reason=None, wanted=places[0], shortages=shortages)
    kept = within(paying, offers, places)
    if len(kept) == len(places):
        return chosen
    return replace(chosen, plan=replace(chosen.plan, places=kept), dropped=frozenset(places) - frozenset(kept))


def _short(nothing: Deliberation, paying: Means) -> Deliberation:
    """The same with what could have served if budgets had room: of several, what comes first to be in flight and cheap."""
    rich = replace(nothing, needs=replace(nothing.needs, means=replace(paying, degrade=False)))
    found = survey(rich.needs, rich.index.live, rich.now)
    if not found.able:
        found = _resort(rich).survey
    if not found.able:
        return nothing
    offers = found.field.offers

    def rank_of(place: int) -> tuple[bool, int]:
        lacking = all(each.in_flight for each in paying.shortages(offers[place]))
        return not lacking, most(offers[place], paying.size).cost_nanousd

    nearest = min(found.able, key=rank_of)
    return replace(nothing, survey=found, wanted=nearest, shortages=paying.shortages(offers[nearest]))


def _resort(deliberation: Deliberation) -> Deliberation:
    """The same with the policy's last resort as its plan, if that can serve.

    It need not be among those that the policy permits or have what the kind of work wants, since the policy itself names
    it. What the caller insists on holds, and so do residency and cost.
    """
    name = deliberation.match.policy.last_resort
    offers = tuple(offer for offer in deliberation.index.catalog.offers if offer.deployment == name)
    needs = deliberation.needs
    if name is None or not offers:
        return deliberation
    lenient = replace(
        needs, offers=offers, selective=True, permitted=needs.permitted | {name}, fitting=frozenset[Capability]()
    )
    found = survey(lenient, deliberation.index.live, deliberation.now)
    if not found.able:
        return deliberation
    alone = Plan(places=found.able, propensity=1.0, among=1)
    return replace(deliberation, survey=found, plan=alone, reason=ReasonCode.LAST_RESORT)
