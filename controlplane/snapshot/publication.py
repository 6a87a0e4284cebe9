"""Hands the newest snapshot to every worker that listens: each has one place for it, so that nobody queues."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A snapshot version in the form that goes to workers."""

    version: int
    digest: bytes
    payload: bytes


class Publication:
    """The newest published snapshot and those who wait for a newer one. Belongs to one event loop."""

    def __init__(self, heartbeat: float) -> None:
        self.heartbeat = heartbeat
        self._newest: Published | None = None
        self._ended = False
        self._waiting: set[asyncio.Event] = set()

    @property
    def newest(self) -> Published | None:
        """What a worker that comes now is sent."""
        return self._newest

    @property
    def listeners(self) -> int:
        """How many workers listen."""
        return len(self._waiting)

    def publish(self, published: Published) -> None:
        """Replace the newest and wake everybody."""
        self._newest = published
        for event in self._waiting:
            event.set()

    def end(self) -> None:
        """Nothing more comes: everybody who listens is let go."""
        self._ended = True
        for event in self._waiting:
            event.set()

    async def listen(self, has: bytes) -> AsyncGenerator[Published | None, None]:
        """Each newer snapshot than the digest `has`, and None whenever nothing came for a heartbeat.

        A listener that is slow misses those in between, never the newest. Ends with the publication.
        """
        with self._place() as changed:
            while not self._ended:
                newest = self._newest
                changed.clear()
                if newest is not None and newest.digest != has:
                    has = newest.digest
                    yield newest
                elif not await _within(self.heartbeat, changed):
                    yield None

    @contextmanager
    def _place(self) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
