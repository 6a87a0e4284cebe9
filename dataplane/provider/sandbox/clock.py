"""Time as the server uses it: the loop's own, or one that a test moves."""

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol


class Cancellable(Protocol):
    """A callback that is waiting for its time."""

    def cancel(self) -> None:
        """Forgets the callback."""
        ...


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def unix(self) -> float:
        """Seconds since 1970."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        """Runs `callback` in the running loop as soon as `now()` is `when`."""
        ...


class LoopClock:
    """The clock of the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        """The loop's time."""
        return self._loop.time()

    def unix(self) -> float:
        """The system's time."""
        return time.time()

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        """A timer of the loop."""
        return self._loop.call_at(when, callback)


class _Waiting:
    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """A clock for tests: it stands still until `advance` moves it."""

    def __init__(self, *, unix: float = 1_760_000_000.0) -> None:
        self._now, self._unix = 0.0, unix
        self._waiting: list[tuple[float, int, _Waiting]] = []
        self._numbers = count()

    def now(self) -> float:
        """Seconds that the clock was advanced."""
        return self._now

    def unix(self) -> float:
        """The time of the start, and what the clock was advanced."""
        return self._unix + self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        """Waits for `advance`."""
        waiting = _Waiting(callback)
        heapq.heappush(self._waiting, (when, next(self._numbers), waiting))
        return waiting

    @property
    def pending(self) -> int:
        """How many callbacks wait."""
        return sum(1 for _, _, waiting in self._waiting if waiting.callback is not None)

    def advance(self, seconds: float) -> None:
        """Moves the clock, and runs in order what becomes due on the way."""
        until = self._now + seconds
        while self._waiting and self._waiting[0][0] <= until:
            when, _, waiting = heapq.heappop(self._waiting)
            self._now = max(self._now, when)
            if waiting.callback is not None:
                waiting.callback()
        self._now = until
