"""An event loop whose time jumps to the next timer when nothing is ready: hours pass in no time, and the same each time."""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
Result = TypeVar("Result")


class JumpingSelector(selectors.DefaultSelector):
    """Waits no time at all, and counts what it should have waited."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now."""
        if timeout is None:
            raise RuntimeError("nothing is ready and no timer is set: the test would wait for ever")
        self.passed += max(timeout, 0.0)
        return list(super().select(0))


GRACE = 0.02
"""Seconds of this machine in which what was sent to a socket of this machine has come."""


class LoopbackSelector(JumpingSelector):
    """Counts only time in which nothing came: however slow the machine, no time limit ends before what it limits."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now or within the grace."""
        ready = selectors.DefaultSelector.select(self, timeout if timeout is None else min(timeout, GRACE))
        if not ready and timeout:
            self.passed += max(timeout, 0.0)
        return list(ready)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Everything that happens at the same virtual time runs in the order in which it was scheduled."""

    def __init__(self, jumps: JumpingSelector | None = None) -> None:
        self._jumps = jumps or JumpingSelector()
        super().__init__(self._jumps)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumps.passed


def loopback_time_loop() -> VirtualTimeLoop:
    """A loop for real sockets whose other ends belong to the same loop."""
    return VirtualTimeLoop(LoopbackSelector())


class VirtualClock:
    """The clocks of a run, both of them the loop's."""

    def now(self) -> datetime:
        """The time of day."""
        return EPOCH + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Virtual seconds."""
        return asyncio.get_running_loop().time()


async def pause(seconds: float) -> None:
    """Let virtual time pass."""
    passed = asyncio.Event()
    timer = asyncio.get_running_loop().call_later(seconds, passed.set)
    try:
        await passed.wait()
    finally:
        timer.cancel()


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run `main` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
