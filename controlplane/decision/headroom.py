"""What providers' rate limits leave at a moment."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from controlplane.decision.offer import Offer
from controlplane.decision.requirements import Requirements
from controlplane.snapshot.model import Headroom, Room

USUAL_WINDOW = timedelta(minutes=1)
"""How long a limit counts whose provider does not say when it begins anew: most count by the minute."""


def tokens_needed(offer: Offer, needs: Requirements) -> int:
    """Tokens that the request probably takes of a limit at `offer`: its input and its expected answer."""
    return needs.input_tokens + min(needs.expected_output, offer.max_output_tokens)


def lacking(headroom: Headroom, tokens: int, now: datetime) -> Room | None:
    """The limit that has no room for one call of so many tokens until it begins anew; None if all have."""
    for room, need in ((headroom.requests, 1), (headroom.tokens, tokens)):
        if room is not None and room.remaining < need and now < ends(room, headroom):
            return room
    return None


def left(headroom: Headroom | None, now: datetime) -> float:
    """The smallest share of a limit that is left, 0 to 1; 1 where nothing is known or all windows have begun anew."""
    if headroom is None:
        return 1.0
    return min((room.remaining / max(room.limit, room.remaining, 1) for room in _running(headroom, now)), default=1.0)


def _running(headroom: Headroom, now: datetime) -> Iterator[Room]:
    rooms = (headroom.requests, headroom.tokens)
    return (room for room in rooms if room is not None and now < ends(room, headroom))


def ends(room: Room, of: Headroom) -> datetime:
    """When a limit begins anew."""
    return room.reset_at or of.as_of + USUAL_WINDOW
