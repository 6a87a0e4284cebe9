"""What an envelope may hold, and the bounds that whoever seals and whoever verifies both keep to."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType


class PayloadType(StrEnum):
    """The payloads that are sealed."""

    DECISION = "application/vnd.turnout.decision.v1+proto"
    """A serialized turnout.routing.v1.RouteDecision."""
    SNAPSHOT = "application/vnd.turnout.snapshot.v1+proto"
    """A serialized turnout.snapshot.v1.Snapshot."""


MAX_PAYLOAD_BYTES: Mapping[PayloadType, int] = MappingProxyType(
    {PayloadType.DECISION: 64 * 1024, PayloadType.SNAPSHOT: 4 * 1024 * 1024}
)
"""The largest payload of each type."""

MAX_DECISION_LIFE = timedelta(minutes=5)
"""The longest time from a decision's issue to its expiry."""

CLOCK_SKEW = timedelta(seconds=5)
"""How far the clocks of two machines may be apart before a decision is refused."""
