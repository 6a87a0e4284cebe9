"""How the traffic of a model is shared among its deployments."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.decision.draws import Chances, mixed
from controlplane.decision.field import Field, shares
from controlplane.decision.headroom import left
from controlplane.decision.index import LiveIndex
from controlplane.decision.offer import Offer
from controlplane.policy.model import Balancing
from controlplane.snapshot.model import Peak

RECOVERY = timedelta(seconds=10)
"""How fast a peak is forgotten: after so long without news, 1/e of it is left. Finagle's peak EWMA takes the same."""

Split = Callable[[Sequence[int]], Chances]
"""The chance of each of the deployments of one model at some places of a field; together 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """What shares are worked out from."""

    field: Field
    live: LiveIndex
    now: datetime


def splitter(balancing: Balancing, field: Field, live: LiveIndex, now: datetime) -> Split:
    """What shares the traffic of a model as `balancing` says."""
    scales = Scales(field=field, live=live, now=now)
    return lambda places: _SPLITS[balancing](scales, places) if len(places) > 1 else [(places[0], 1.0)]


def first_token(offer: Offer, live: LiveIndex, now: datetime) -> float:
    """Seconds to the first token at `offer` by its latest peak, which falls back to what is usual there while no news comes.

    It is the time as it was measured, whatever the length of the answer: divided by its tokens, what is slow and writes much
    would look fast.
    """
    usual, _ = live.speeds[offer.deployment]
    peak = live.live.peaks.get(offer.deployment)
    return usual if peak is None else decayed(peak, usual, now)


def decayed(peak: Peak, usual: float, now: datetime) -> float:
    """What is left at `now` of a peak, in seconds, on its way to `usual`."""
    age = max((now - peak.at) / RECOVERY, 0.0)
    return usual + (peak.time_to_first_token.total_seconds() - usual) * math.exp(-age)


def _weighted(scales: Scales, places: Sequence[int]) -> Chances:
    """By weight."""
    return shares(scales.field.offers, places)


def _least_latency(scales: Scales, places: Sequence[int]) -> Chances:
    """The one whose first token comes soonest; of a few decisions the weights make the choice, so that all stay measured."""
    by_weight = _weighted(scales, places)
    offers = scales.field.offers
    soonest = min(by_weight, key=lambda lot: (first_token(offers[lot[0]], scales.live, scales.now), lot[0]))[0]
    return mixed([(soonest, 1.0)], by_weight)


def _least_busy(scales: Scales, places: Sequence[int]) -> Chances:
    """By weight over one more than the calls in flight.

    A draw, and not the least busy alone: what workers told is a moment old, and until they tell again all requests would go
    to the one that was least busy then.
    """
    busy = scales.live.live.in_flight
    offers = scales.field.offers
    return _normal(
        [(place, share / (1 + busy.get(offers[place].deployment, 0))) for place, share in _weighted(scales, places)]
    )


def _headroom(scales: Scales, places: Sequence[int]) -> Chances:
    """By weight times the share of the rate limit that is left; by weight alone where nothing is left anywhere."""
    rooms = scales.live.live.headroom
    offers, by_weight = scales.field.offers, _weighted(scales, places)
    lots = [(place, share * left(rooms.get(offers[place].deployment), scales.now)) for place, share in by_weight]
    return _normal([lot for lot in lots if lot[1] > 0]) or by_weight


def _normal(lots: Chances) -> Chances:
    total = sum(chance for _, chance in lots)
    return [(place, chance / total) for place, chance in lots]


_SPLITS: Mapping[Balancing, Callable[[Scales, Sequence[int]], Chances]] = MappingProxyType(
    {
        Balancing.WEIGHTED: _weighted,
        Balancing.LEAST_LATENCY: _least_latency,
        Balancing.LEAST_BUSY: _least_busy,
        Balancing.HEADROOM: _headroom,
    }
)
