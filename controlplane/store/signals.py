"""News of changes between tasks of one process."""

import asyncio
from contextlib import suppress


class Signals:
    """Belongs to one event loop."""

    def __init__(self, patience: float = 1.0) -> None:
        """`patience`: seconds after which one who waits looks for himself, for news may come between two waits."""
        self._patience = patience
        self._events: dict[str, asyncio.Event] = {}

    def notify(self, topic: str) -> None:
        """Wake all who wait for `topic`."""
        if event := self._events.pop(topic, None):
            event.set()

    async def changed(self, topic: str) -> None:
        """Until somebody notifies, `patience` seconds at most."""
        event = self._events.setdefault(topic, asyncio.Event())
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await event.wait()
