"""Which deployments may serve a request, and the first reason why each of the others may not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.catalog.model import DeploymentName
from controlplane.decision.field import Field, figures
from controlplane.decision.headroom import lacking, tokens_needed
from controlplane.decision.index import LiveIndex
from controlplane.decision.model import Exclusion, Operation
from controlplane.decision.offer import Offer
from controlplane.decision.requirements import Requirements
from controlplane.snapshot.model import Headroom, Health, HealthState
from turnout_wire.quick import quick


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Those that may serve: their places in the field. Who is under the floor is among them, and out only if others reach it.

    `forced`: all of them have an open breaker and are taken in spite of it. A call that will probably fail is better than
    none, and is how one finds out that a provider is back. `throttled`: the rate limits of all who may serve have no room, and they
    are taken in spite of that.
    """

    field: Field
    able: Sequence[int]
    forced: bool = False
    throttled: bool = False


Rooms = Mapping[DeploymentName, Headroom]
NO_ROOMS: Rooms = MappingProxyType({})


def survey(needs: Requirements, live: LiveIndex, now: datetime) -> Survey:
    """Find those that may serve. Rate limits and open breakers keep some out, never all."""
    rooms = live.live.headroom
    found = _look(needs, live, now, rooms)
    if found.able:
        return found
    if rooms and (throttled := _look(needs, live, now, NO_ROOMS)).able:
        return replace(throttled, throttled=True)
    if live.unready and (forced := _look(needs, live, None, NO_ROOMS)).able:
        return replace(forced, forced=True)
    return found


def exclusion(
    offer: Offer, needs: Requirements, health: Health | None, now: datetime | None, headroom: Headroom | None = None
) -> Exclusion | None:
    """The first reason, in the order of Exclusion, why `offer` cannot serve whatever it would cost; None if it can.

    `health` is None where it is ready. `now` says which breakers are still open and which limits hold; None lets both pass.
    """
    return (
        _closed(offer, needs, health)
        or _unasked(offer, needs)
        or _unfit(offer, needs)
        or (Exclusion.UNHEALTHY if health is not None and _broken(health, now) else None)
        or (Exclusion.RATE_LIMIT if headroom is not None and _full(offer, needs, headroom, now) else None)
    )


def beyond_caps(field: Field, place: int, needs: Requirements) -> Exclusion | None:
    """The cap that the figures at `place` exceed, if any, or BUDGET. A time counts in whole microseconds, as a decision states it."""
    if needs.max_cost_nanousd is not None and field.costs[place] > needs.max_cost_nanousd:
        return Exclusion.COST
    if needs.max_latency is not None and timedelta(seconds=field.seconds[place]) > needs.max_latency:
        return Exclusion.LATENCY
    if needs.means is not None and needs.means.bars(field.offers[place]):
        return Exclusion.BUDGET
    return None


def exclusions(
    field: Field, needs: Requirements, live: LiveIndex, now: datetime | None, rooms: Rooms
) -> list[Exclusion | None]:
    """The first reason of each in `field`, in its order.

    `now` is None where open breakers are let pass, `rooms` is empty where rate limits are.
    """
    return [
        exclusion(offer, needs, live.unready.get(offer.deployment), now, rooms.get(offer.deployment))
        or beyond_caps(field, place, needs)
        for place, offer in enumerate(field.offers)
    ]


def _look(needs: Requirements, live: LiveIndex, now: datetime | None, rooms: Rooms) -> Survey:
    offers: Sequence[Offer] = needs.offers
    health, room = live.unready.get, rooms.get
    # Where neither the request nor anybody's health can exclude any of them, they need not be asked one by one.
    if needs.selective:
        offers = [o for o in offers if exclusion(o, needs, health(o.deployment), now, room(o.deployment)) is None]
    elif live.unready or rooms:
        asked = live.unready.keys() | rooms.keys()
        offers = [
            o
            for o in offers
            if o.deployment not in asked or exclusion(o, needs, health(o.deployment), now, room(o.deployment)) is None
        ]
    field = figures(offers, needs, live)
    places = range(len(offers))
    able = [place for place in places if beyond_caps(field, place, needs) is None] if needs.capped else places
    return Survey(field=field, able=able)


def _closed(offer: Offer, needs: Requirements, health: Health | None) -> Exclusion | None:
    if offer.disabled:
        return Exclusion.DISABLED
    if health is not None and health.state is HealthState.NO_CREDENTIAL:
        return Exclusion.NO_CREDENTIAL
    if offer.deployment not in needs.permitted:
        return Exclusion.POLICY_DENIES
    return None


def _unasked(offer: Offer, needs: Requirements) -> Exclusion | None:
    asked = needs.constraints
    if offer.model in asked.excluded_models or (asked.models and offer.model not in asked.models):
        return Exclusion.MODEL_NOT_ASKED
    if needs.only is not None and offer.model not in needs.only:
        return Exclusion.MODEL_NOT_ASKED
    if asked.tiers and offer.tier not in asked.tiers:
        return Exclusion.TIER
    if offer.provider in asked.excluded_providers or (asked.providers and offer.provider not in asked.providers):
        return Exclusion.PROVIDER_NOT_ASKED
    if (asked.regions and offer.region not in asked.regions) or (needs.regions and offer.region not in needs.regions):
        return Exclusion.REGION
    if asked.protocols and offer.protocol not in asked.protocols:
        return Exclusion.PROTOCOL
    return None


def _unfit(offer: Offer, needs: Requirements) -> Exclusion | None:
    if not needs.capabilities <= offer.capabilities or offer.embeds is (needs.operation is Operation.CHAT):
        return Exclusion.CAPABILITY
    if offer.model != needs.named and not needs.fitting <= offer.capabilities:
        return Exclusion.CAPABILITY
    if context_needed(offer, needs) > offer.context_window:
        return Exclusion.CONTEXT_WINDOW
    if needs.asked_output > offer.max_output_tokens:
        return Exclusion.OUTPUT_LIMIT
    return None


def context_needed(offer: Offer, needs: Requirements) -> int:
    """Tokens of context that the request takes at `offer`: its input and the longest answer that it may give."""
    tokens = needs.input_tokens if offer.counts_exactly else needs.padded_input_tokens
    return tokens + min(needs.output_limit, offer.max_output_tokens)


def _full(offer: Offer, needs: Requirements, headroom: Headroom, now: datetime | None) -> bool:
    return now is not None and lacking(headroom, tokens_needed(offer, needs), now) is not None


def _broken(health: Health, now: datetime | None) -> bool:
    if health.state is HealthState.MISCONFIGURED:
        return True
    return health.state is HealthState.OPEN and now is not None and (health.until is None or health.until > now)
