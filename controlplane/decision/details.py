"""The sentence behind an exclusion, with the figures that it rests on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from controlplane.budget.wording import shortfall
from controlplane.decision.access import denial
from controlplane.decision.eligibility import context_needed
from controlplane.decision.field import Field
from controlplane.decision.headroom import ends, lacking, tokens_needed
from controlplane.decision.model import Exclusion, Operation
from controlplane.decision.offer import Offer
from controlplane.decision.requirements import Requirements
from controlplane.decision.wording import apart, dollars, floor_source, names, quality, seconds
from controlplane.policy.model import Policy
from controlplane.snapshot.model import Headroom, Health, HealthState


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A candidate and all that an exclusion of it can rest on."""

    field: Field
    place: int
    needs: Requirements
    policy: Policy
    now: datetime
    health: Health | None = None
    headroom: Headroom | None = None

    @property
    def offer(self) -> Offer:
        """The deployment."""
        return self.field.offers[self.place]


def detail(exclusion: Exclusion, evidence: Evidence) -> str:
    """Why `exclusion` holds, in one sentence with figures."""
    return _SENTENCES[exclusion](evidence)


def _disabled(_: Evidence) -> str:
    return "the catalog has it disabled"


def _no_credential(at: Evidence) -> str:
    return f"no worker has its credential{_cause(at.health)}"


def _policy_denies(at: Evidence) -> str:
    return denial(at.policy, at.offer)


def _model_not_asked(at: Evidence) -> str:
    if at.offer.model in at.needs.constraints.excluded_models:
        return f"the request excludes the model {at.offer.model}"
    if at.needs.constraints.models and at.offer.model not in at.needs.constraints.models:
        return f"the request asks only for {names(at.needs.constraints.models)}"
    if at.needs.named is None:
        return f"the policy {at.policy.name} makes vectors only with {names(at.needs.only or ())}"
    stand_ins = (
        f" names only {names(at.policy.pinned_fallbacks.models)}"
        if at.policy.pinned_fallbacks.models
        else " names none"
    )
    return f"the request asks for {at.needs.named} by name, and as its fallbacks the policy {at.policy.name}{stand_ins}"


def _tier(at: Evidence) -> str:
    return f"its model is of the tier {at.offer.tier}, the request allows only {names(at.needs.constraints.tiers)}"


def _protocol(at: Evidence) -> str:
    return f"speaks {at.offer.protocol}, the request can only be said in {names(at.needs.constraints.protocols)}"


def _provider_not_asked(at: Evidence) -> str:
    if at.offer.provider in at.needs.constraints.excluded_providers:
        return f"the request excludes the provider {at.offer.provider}"
    return f"the request asks only for {names(at.needs.constraints.providers)}"


def _region(at: Evidence) -> str:
    asked = at.needs.constraints.regions
    by_request = bool(asked) and at.offer.region not in asked
    who, regions = ("the request", asked) if by_request else (f"the policy {at.policy.name}", at.needs.regions)
    where = f"runs in {at.offer.region}" if at.offer.region else "runs in no known region"
    return f"{where}, {who} allows only {names(regions)}"


def _capability(at: Evidence) -> str:
    if at.offer.embeds and at.needs.operation is Operation.CHAT:
        return "its model makes vectors of texts and answers nothing"
    lacking = at.needs.capabilities - at.offer.capabilities
    if lacking:
        return f"its model lacks {names(lacking)}, which the request needs"
    return f"its model lacks {names(at.needs.fitting - at.offer.capabilities)}, which {at.needs.task_type} needs"


def _context_window(at: Evidence) -> str:
    return f"needs {context_needed(at.offer, at.needs):,} tokens of context, has {at.offer.context_window:,}"


def _output_limit(at: Evidence) -> str:
    return f"asked for answers of {at.needs.asked_output:,} tokens, writes at most {at.offer.max_output_tokens:,}"


def _unhealthy(at: Evidence) -> str:
    if at.health is not None and at.health.state is HealthState.MISCONFIGURED:
        return f"misconfigured until the operator acts{_cause(at.health)}"
    until = (
        f" until {at.health.until.isoformat(timespec='seconds')}" if at.health is not None and at.health.until else ""
    )
    return f"its breaker is open{until}{_cause(at.health)}"


def _rate_limit(at: Evidence) -> str:
    headroom, needed = at.headroom, tokens_needed(at.offer, at.needs)
    room = None if headroom is None else lacking(headroom, needed, at.now)
    if headroom is None or room is None:
        return "its provider's rate limit has no room"
    what = "requests" if room is headroom.requests else "tokens"
    wanted = "" if room is headroom.requests else f", and {needed:,} may be needed"
    until = ends(room, headroom).isoformat(timespec="seconds")
    return f"its provider's rate limit has {room.remaining:,} of {room.limit:,} {what} left until {until}{wanted}"


def _cost(at: Evidence) -> str:
    asked, cap = at.needs.constraints.max_cost_nanousd, at.needs.max_cost_nanousd or 0
    who = "the request" if asked == cap else f"the policy {at.policy.name}"
    expected, allowed = apart(dollars, at.field.costs[at.place], cap)
    return f"expected to cost {expected}, {who} allows {allowed}"


def _latency(at: Evidence) -> str:
    cap = at.needs.max_latency.total_seconds() if at.needs.max_latency is not None else 0.0
    expected, allowed = apart(seconds, at.field.seconds[at.place], cap)
    return f"expected to take {expected}, the request allows {allowed}"


def _quality(at: Evidence) -> str:
    floor = at.needs.floors.general
    has, wanted = apart(quality, at.field.quality(at.place), floor.quality)
    return f"reaches quality {has} for {at.needs.task_type}, {floor_source(floor)} wants {wanted}"


def _budget(at: Evidence) -> str:
    means = at.needs.means
    if means is None or means.cannot_count(at.offer):
        return f"no budget can count what it costs: {at.offer.model} has no price and is not marked `free`"
    return "; ".join(shortfall(short) for short in means.shortages(at.offer))


def _cause(health: Health | None) -> str:
    return f": {health.cause}" if health is not None and health.cause else ""


_SENTENCES: Mapping[Exclusion, Callable[[Evidence], str]] = MappingProxyType(
    {
        Exclusion.DISABLED: _disabled,
        Exclusion.NO_CREDENTIAL: _no_credential,
        Exclusion.POLICY_DENIES: _policy_denies,
        Exclusion.MODEL_NOT_ASKED: _model_not_asked,
        Exclusion.TIER: _tier,
        Exclusion.PROTOCOL: _protocol,
        Exclusion.PROVIDER_NOT_ASKED: _provider_not_asked,
        Exclusion.REGION: _region,
        Exclusion.CAPABILITY: _capability,
        Exclusion.CONTEXT_WINDOW: _context_window,
        Exclusion.OUTPUT_LIMIT: _output_limit,
        Exclusion.UNHEALTHY: _unhealthy,
        Exclusion.RATE_LIMIT: _rate_limit,
        Exclusion.COST: _cost,
        Exclusion.LATENCY: _latency,
        Exclusion.QUALITY: _quality,
        Exclusion.BUDGET: _budget,
    }
)
