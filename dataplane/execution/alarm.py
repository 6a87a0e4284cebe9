"""A time limit on many reads for the price of one timer."""

import asyncio
from types import TracebackType
from typing import Self


class Alarm:
    """Enter it around each read: one that is under way when the alarm rings, or begins later, raises TimeoutError.

    Unlike `asyncio.timeout` around a loop it never reaches into what happens between the reads, which in an async
    generator is somebody else's code, and unlike one around each read it costs no timer for each. How the cancellation
    is told from one that comes from outside is as in `asyncio.Timeout`.
    """

    __slots__ = ("_cancelling", "_loop", "_reading", "_ringing", "_timer", "rung")

    def __init__(self, seconds: float) -> None:
        self.rung = False
        self._ringing = False
        self._cancelling = 0
        self._reading: asyncio.Task[object] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(max(seconds, 0.0), self._ring)

    def set(self, seconds: float) -> None:
        """Ring in `seconds` from now instead; no change if it rang."""
        self._timer.cancel()
        if not self.rung:
            self._timer = self._loop.call_later(max(seconds, 0.0), self._ring)

    def stop(self) -> None:
        """Never ring."""
        self._timer.cancel()

    def __enter__(self) -> Self:
        if self.rung:
            raise TimeoutError
        self._reading = asyncio.current_task(self._loop)
        self._cancelling = self._reading.cancelling() if self._reading else 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._reading = self._reading, None
        if self._ringing and task:
            self._ringing = False
            if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def _ring(self) -> None:
        self.rung = True
        if self._reading:
            self._ringing = True
            self._reading.cancel()
