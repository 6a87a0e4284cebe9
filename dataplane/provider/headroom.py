"""What a provider's rate limits leave, as the headers of its answers say."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """Requests and tokens that are left of their limits, and when each window begins anew, mirroring turnout.outcome.v1.Headroom.

    A pair of zeros is a limit that the provider does not tell. `as_of` is when it said so.
    """

    as_of: datetime
    requests_limit: int = 0
    requests_remaining: int = 0
    requests_reset_at: datetime | None = None
    tokens_limit: int = 0
    tokens_remaining: int = 0
    tokens_reset_at: datetime | None = None
