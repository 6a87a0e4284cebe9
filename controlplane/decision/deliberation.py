"""Everything that a decision is made from, so that it is worded and explained from the same facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from controlplane.catalog.model import Capability
from controlplane.decision.constraints import check
from controlplane.decision.eligibility import Survey, exclusions, survey
from controlplane.decision.field import Field, Tier, figures
from controlplane.decision.index import SnapshotIndex
from controlplane.decision.matching import Match, match
from controlplane.decision.model import Exclusion, QualityFloor, ReasonCode, Request
from controlplane.decision.plan import Plan, plan
from controlplane.decision.requirements import Requirements, requirements
from controlplane.decision.strategies import Ranking, rank
from controlplane.policy.model import StrategyKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliberation:
    """What was found on the way to a decision. `plan` is None if nothing may serve; `reason` then too."""

    request: Request
    index: SnapshotIndex
    now: datetime
    match: Match
    needs: Requirements
    survey: Survey
    ranking: Ranking
    plan: Plan | None
    reason: ReasonCode | None

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
        return self.needs.floors.pinned if self.reason is ReasonCode.OVERRIDE else self.needs.floors.general

    def everyone(self) -> Field:
        """Every deployment of the catalog with its figures."""
        return figures(self.index.catalog.offers, self.needs, self.index.live)

    def excluded(self, everyone: Field) -> list[Exclusion | None]:
        """The first reason of each in `everyone`, whatever its quality."""
        passing = self.survey.forced and self.reason is not ReasonCode.LAST_RESORT
        return exclusions(everyone, self.needs, self.index.live, None if passing else self.now)


_BY_TIER: Mapping[Tier, ReasonCode] = MappingProxyType(
    {Tier.PINNED: ReasonCode.OVERRIDE, Tier.BELOW: ReasonCode.BEST_AVAILABLE}
)
_BY_STRATEGY: Mapping[StrategyKind, ReasonCode] = MappingProxyType({kind: ReasonCode(kind) for kind in StrategyKind})


def deliberate(request: Request, index: SnapshotIndex, now: datetime, draw: float) -> Deliberation:
    """Find what holds for `request`, who may serve it, and in which order.

    Raises Failure: WORKLOAD_UNKNOWN, POLICY_UNKNOWN, CONSTRAINTS_CONTRADICT.
    """
    matched = match(request, index.catalog)
    check(request.constraints, index.catalog)
    needs = requirements(request, matched, index.catalog)
    found = survey(needs, index.live, now)
    ranking = rank(found, matched.policy.strategy)
    deliberation = Deliberation(
        request=request,
        index=index,
        now=now,
        match=matched,
        needs=needs,
        survey=found,
        ranking=ranking,
        plan=plan(ranking, matched.policy.limits.fallbacks, draw) if ranking.order else None,
        reason=_reason(ranking, matched),
    )
    return deliberation if ranking.order else _resort(deliberation)


def _reason(ranking: Ranking, matched: Match) -> ReasonCode | None:
    if not ranking.order:
        return None
    return _BY_TIER.get(ranking.field.tiers[ranking.order[0]]) or _BY_STRATEGY[matched.policy.strategy.kind]


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
