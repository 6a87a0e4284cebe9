"""The table of all candidates: who may serve, who not and why, and who is planned at which place."""

from controlplane.decision.deliberation import Deliberation
from controlplane.decision.details import Evidence, detail
from controlplane.decision.field import Field, Tier, estimate
from controlplane.decision.model import Candidate, Exclusion, ReasonCode, ScoreTerm
from controlplane.decision.value_wording import stranger_remark


def table(of: Deliberation) -> tuple[Candidate, ...]:
    """Every deployment of the catalog, by name."""
    everyone = of.everyone()
    able = {of.ranking.field.offers[place].deployment: place for place in of.ranking.order}
    ranks = {of.field.offers[place].deployment: rank for rank, place in enumerate(of.targets, start=1)}
    return tuple(
        _candidate(of, everyone, place, barred, able.get(offer.deployment), ranks.get(offer.deployment, 0))
        for place, (offer, barred) in enumerate(zip(everyone.offers, of.excluded(everyone), strict=True))
    )


def _candidate(
    of: Deliberation, everyone: Field, place: int, barred: Exclusion | None, able: int | None, rank: int
) -> Candidate:
    offer = everyone.offers[place]
    exclusion = None if rank else _first(barred, _short_of_quality(of, everyone, place))
    evidence = _evidence(of, everyone, place)
    terms = of.ranking.terms(able) if exclusion is None and able is not None else ()
    return Candidate(
        deployment=offer.deployment,
        model=offer.model,
        provider=offer.provider,
        estimate=estimate(everyone, place, of.needs),
        exclusion=exclusion,
        detail=detail(exclusion, evidence) if exclusion is not None else _remark(of, barred, evidence),
        score=sum((value for _, value in terms), start=0.0),
        score_terms=tuple(ScoreTerm(name=name, value=value) for name, value in terms),
        rank=rank,
    )


def _first(barred: Exclusion | None, short: Exclusion | None) -> Exclusion | None:
    """The first of the two; BUDGET is the last of all."""
    return short or barred if barred is Exclusion.BUDGET else barred or short


def _short_of_quality(of: Deliberation, everyone: Field, place: int) -> Exclusion | None:
    """QUALITY for who is under the floor while others reach it."""
    order, tiers = of.ranking.order, of.ranking.field.tiers
    reached = (
        order and tiers[order[0]] is not Tier.BELOW if of.reason is None else of.reason is not ReasonCode.BEST_AVAILABLE
    )
    return Exclusion.QUALITY if reached and everyone.tiers[place] is Tier.BELOW else None


def _remark(of: Deliberation, barred: Exclusion | None, evidence: Evidence) -> str:
    """What is odd about a candidate that may serve; empty if nothing is."""
    if barred is not None:
        return f"the last resort of the policy, otherwise excluded: {detail(barred, evidence)}"
    if of.survey.forced:
        return f"serves in spite of this: {detail(Exclusion.UNHEALTHY, evidence)}"
    if of.survey.throttled:
        return f"serves in spite of this: {detail(Exclusion.RATE_LIMIT, evidence)}"
    if evidence.field.tiers[evidence.place] is Tier.BELOW:
        return f"serves only for want of better: {detail(Exclusion.QUALITY, evidence)}"
    if evidence.field.half_open[evidence.place]:
        return "its breaker is half-open: it comes behind those that are ready"
    if (aim := of.aim) is not None and evidence.offer.model not in aim.strategy.models:
        return stranger_remark(aim)
    dropped = {of.field.offers[place].deployment for place in of.dropped}
    return "no fallback: budgets have no room for it as well" if evidence.offer.deployment in dropped else ""


def _evidence(of: Deliberation, everyone: Field, place: int) -> Evidence:
    name, live = everyone.offers[place].deployment, of.index.live
    return Evidence(
        field=everyone,
        place=place,
        needs=of.needs,
        policy=of.match.policy,
        now=of.now,
        health=live.unready.get(name),
        headroom=live.live.headroom.get(name),
    )
