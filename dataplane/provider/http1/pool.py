"""Connections by origin: kept for the next request, and never more than so many at once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from dataplane.provider.http1.connection import Connection
from dataplane.provider.http1.origin import Origin

KEEP_ALIVE_S = 30.0
"""Seconds that a connection without a request is kept."""

Dial = Callable[[Origin, Callable[[Connection], None]], Awaitable[Connection]]


class Pool:
    """The connections of one origin. The one used last is taken first, so that those too many grow old."""

    def __init__(self, origin: Origin, dial: Dial, most: int) -> None:
        self._origin = origin
        self._dial = dial
        self._most = most
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._dialing = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self, now: float) -> Connection:
        """A connection to send on: a kept one, a new one, or the first that comes back. Raises TransportFailure."""
        while (kept := self.ready(now)) is None:
            if len(self._all) + self._dialing < self._most:
                return await self._new()
            await self._turn()
        return kept

    def give(self, connection: Connection, now: float) -> None:
        """The exchange is over: keep the connection if there may be another one, or hang up."""
        if connection.reusable:
            connection.rest(now)
            self._idle.append(connection)
            self._next()
        else:
            connection.abort()
            self._forget(connection)

    def sweep(self, now: float) -> None:
        """Close what was not used for long."""
        while self._idle and (not self._idle[0].open or now - self._idle[0].idle_since > KEEP_ALIVE_S):
            self._drop(self._idle.pop(0))

    def close(self) -> None:
        """Hang up everywhere."""
        for connection in list(self._all):
            self._drop(connection)
        self._idle.clear()

    def ready(self, now: float) -> Connection | None:
        """A kept connection, if there is one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.open and now - connection.idle_since <= KEEP_ALIVE_S:
                return connection
            self._drop(connection)
        return None

    async def _new(self) -> Connection:
        self._dialing += 1
        try:
            connection = await self._dial(self._origin, self._forget)
        finally:
            self._dialing -= 1
            self._next()
        self._all.add(connection)
        return connection

    async def _turn(self) -> None:
        """Wait until a place is free."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            else:
                self._next()  # the turn was ours already
            raise

    def _next(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _forget(self, connection: Connection) -> None:
        if connection in self._all:
            self._all.discard(connection)
            self._next()

    def _drop(self, connection: Connection) -> None:
        connection.abort()
        self._forget(connection)
