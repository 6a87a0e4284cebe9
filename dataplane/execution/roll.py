"""How many runs are under way, and when the last one is over."""

import asyncio


class Roll:
    """Counts runs from their begin to their receipt."""

    def __init__(self) -> None:
        self._running = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def enter(self) -> None:
        """A run begins."""
        self._running += 1
        self._empty.clear()

    def leave(self) -> None:
        """A run has its receipt."""
        self._running -= 1
        if not self._running:
            self._empty.set()

    async def empty(self, seconds: float) -> int:
        """Wait until no run is under way, for `seconds` at most; gives how many are left."""
        if self._running:
            await asyncio.wait([waiting := asyncio.ensure_future(self._empty.wait())], timeout=seconds)
            waiting.cancel()
        return self._running
