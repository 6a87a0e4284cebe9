"""One request and its answer, as the connection sees it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dataplane.provider.sandbox.script import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an exchange ended: the status that was sent (None: none), the parts sent, whether the client left."""

    status: int | None
    chunks: int
    cancelled: bool
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What to send for a request, from `started_s` of the clock on, and whom to tell how it ended."""

    started_s: float
    steps: Iterator[Step]
    ended: Callable[[Ending], None] | None = None
