"""Those that may serve a request, with what is expected of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import IntEnum

from controlplane.catalog.model import ModelName
from controlplane.decision.estimates import costs_nanousd
from controlplane.decision.index import LiveIndex
from controlplane.decision.model import Estimate
from controlplane.decision.offer import Offer
from controlplane.decision.requirements import Requirements
from controlplane.learning.lengths import WHOLE
from controlplane.learning.model import PPM, Prospect
from turnout_wire.quick import quick


class Tier(IntEnum):
    """Who comes before others, whatever a strategy makes of them."""

    PINNED = 0
    """An override or the caller names the model."""
    GOOD = 1
    """It reaches the floor of quality."""
    BELOW = 2
    """It does not."""


PINNED, GOOD, BELOW = Tier
"""The tiers by names of their own: Python 3.11 takes a quarter of a microsecond to find a member in its enum."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Offers and their figures in columns, by name: what stands at one place in each belongs together.

    `half_open`: its breaker waits for a call to succeed. `seconds` is the expected time to the whole answer; `shortfalls` are
    qualities with the sign changed, so that of all figures less is better. In columns, because every deployment is looked at
    in every decision, and numbers in lists are made and sorted several times faster than objects are, few of which would
    ever be wanted as such.
    """

    offers: Sequence[Offer]
    half_open: Sequence[bool]
    tiers: Sequence[Tier]
    costs: Sequence[int]
    shortfalls: Sequence[float]
    seconds: Sequence[float]
    output_tokens: Sequence[int]
    prospects: Sequence[Prospect] = ()
    """What was learned of each quality, and how surely; empty if nothing was."""

    def quality(self, place: int) -> float:
        """The expected share of answers that are good enough."""
        return -self.shortfalls[place]


def figures(offers: Sequence[Offer], needs: Requirements, live: LiveIndex) -> Field:
    """What is expected of each of `offers` if it serves the request."""
    task, unready = needs.task_type, live.unready
    tokens = _lengths(offers, needs)
    outlook = needs.outlook
    prospects = [] if outlook is None else [outlook.of(offer.model, offer.quality[task]) for offer in offers]
    shortfalls = [-each.quality / PPM for each in prospects] or [-offer.quality[task] for offer in offers]
    speeds = [live.speeds[offer.deployment] for offer in offers]
    return Field(
        offers=offers,
        half_open=[offer.deployment in unready for offer in offers],
        tiers=_tiers(offers, shortfalls, needs),
        costs=costs_nanousd([offer.prices for offer in offers], needs.input_tokens, tokens),
        shortfalls=shortfalls,
        seconds=[first + each * number for (first, each), number in zip(speeds, tokens, strict=True)],
        output_tokens=tokens,
        prospects=prospects,
    )


def _lengths(offers: Sequence[Offer], needs: Requirements) -> list[int]:
    """The tokens of the answer that are expected of each: means where lengths were learned, since costs add up."""
    if not needs.measure:
        usual = needs.expected_output
        return [usual if usual <= offer.max_output_tokens else offer.max_output_tokens for offer in offers]
    task, measure, limit = needs.task_type.value, needs.measure, needs.output_limit
    means = [offer.lengths[task].mean * measure // WHOLE or 1 for offer in offers]
    return [
        mean if mean <= limit and mean <= offer.max_output_tokens else min(limit, offer.max_output_tokens)
        for mean, offer in zip(means, offers, strict=True)
    ]


def redrawn(field: Field, shortfalls: Sequence[float], needs: Requirements) -> Field:
    """The same with other qualities."""
    return replace(field, shortfalls=shortfalls, tiers=_tiers(field.offers, shortfalls, needs))


def estimate(field: Field, place: int, needs: Requirements) -> Estimate:
    """The figures at a place, as a decision states them."""
    fewest, least, most, highest = _between(field, place, needs) if needs.measure else _UNKNOWN
    return Estimate(
        cost_nanousd=field.costs[place],
        latency=timedelta(seconds=field.seconds[place]),
        quality=field.quality(place),
        input_tokens=needs.input_tokens,
        output_tokens=field.output_tokens[place],
        quality_low=field.prospects[place].low / PPM if field.prospects else 0.0,
        quality_high=field.prospects[place].high / PPM if field.prospects else 0.0,
        cost_low_nanousd=least,
        cost_high_nanousd=highest,
        output_tokens_low=fewest,
        output_tokens_high=most,
    )


_UNKNOWN = (0, 0, 0, 0)


def _between(field: Field, place: int, needs: Requirements) -> tuple[int, int, int, int]:
    """The fewest tokens of an answer and what they cost, and the most and what those cost, with nine chances in ten.

    An answer ends at its limit. The expected one is between them: of lengths that are mostly short and seldom huge, the mean can
    lie above what nineteen of twenty stay under.
    """
    offer, expected = field.offers[place], field.output_tokens[place]
    length, limit = offer.lengths[needs.task_type.value], min(needs.output_limit, offer.max_output_tokens)
    fewest = min(length.low * needs.measure // WHOLE, expected)
    most = max(min(-(-length.high * needs.measure // WHOLE), limit), expected)
    least, highest = costs_nanousd([offer.prices] * 2, needs.input_tokens, [fewest, most])
    return fewest, least, most, highest


def shares(offers: Sequence[Offer], places: Sequence[int]) -> list[tuple[int, float]]:
    """The part of a model's traffic that each of its deployments at `places` has, by weight; equal if all weights are 0."""
    total = sum(offers[place].weight for place in places)
    if total == 0:
        return [(place, 1 / len(places)) for place in places]
    return [(place, offers[place].weight / total) for place in places if offers[place].weight]


def by_model(offers: Sequence[Offer], places: Iterable[int]) -> dict[ModelName, list[int]]:
    """`places` by model, in order."""
    groups: dict[ModelName, list[int]] = {}
    for place in places:
        groups.setdefault(offers[place].model, []).append(place)
    return groups


def _tiers(offers: Sequence[Offer], shortfalls: Sequence[float], needs: Requirements) -> list[Tier]:
    floor = -needs.floors.general.quality
    tiers = [GOOD if shortfall <= floor else BELOW for shortfall in shortfalls]
    if needs.pin is None:
        return tiers
    if needs.named is not None:
        return [PINNED if offer.model == needs.named else tier for offer, tier in zip(offers, tiers, strict=True)]
    floor = -needs.floors.pinned.quality
    return [
        PINNED if offer.model == needs.pin and shortfall <= floor else tier
        for offer, shortfall, tier in zip(offers, shortfalls, tiers, strict=True)
    ]
