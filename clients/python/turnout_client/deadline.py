"""The time that a call has, over all that it does."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from turnout_client.errors import DeadlineExceeded
from turnout_client.invalid import invalid
from turnout_wire.failure import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """`at` on the clock, after `seconds` from the call's begin."""

    at: float
    seconds: float
    clock: Callable[[], float]

    def remaining(self) -> float:
        """Seconds until then; not more than 0 if it has passed."""
        return self.at - self.clock()

    def left(self) -> float:
        """Seconds until then. Raises DeadlineExceeded if there are none."""
        left = self.remaining()
        if left <= 0:
            raise DeadlineExceeded(self.failure())
        return left

    def failure(self) -> Failure:
        """What to say when the time is over."""
        return Failure(
            "DEADLINE_EXCEEDED", f"no answer within {self.seconds:g} s; give the call more time with timeout=SECONDS"
        )


def deadline(timeout: object, clock: Callable[[], float]) -> Deadline:
    """A deadline `timeout` seconds from now. Raises InvalidRequest."""
    seconds = checked_timeout(timeout)
    return Deadline(at=clock() + seconds, seconds=seconds, clock=clock)


def checked_timeout(timeout: object) -> float:
    """`timeout`, if it is a time that a call can have. Raises InvalidRequest."""
    if not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
        raise invalid("timeout", f"write seconds, more than 0 and finite, not {timeout!r}")
    return timeout
