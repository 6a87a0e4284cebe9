"""Tells every replica of changes by NOTIFY, and hears of them by LISTEN."""

import asyncio
import logging
from contextlib import suppress

from controlplane.store.postgres_session import Connection, Server, unavailable
from controlplane.store.protocols import StoreUnavailable

_log = logging.getLogger(__name__)
CHANNEL = "turnout"
LOOK = 1.0
"""Seconds after which whoever waits looks anyway: what was told while nobody listened is not told again."""
_PROBE = 5.0
"""Seconds between two looks whether the connection is still there."""
_AGAIN = 0.5


class Topics:
    """Who waits for which topic. Belongs to one event loop; `run` must run in it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._missed: set[str] = set()
        self._lost = asyncio.Event()

    async def changed(self, topic: str) -> None:
        """See Store."""
        if topic in self._missed:
            self._missed.discard(topic)
            return
        told = asyncio.Event()
        waiting = self._waiting.setdefault(topic, set())
        waiting.add(told)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await told.wait()
        finally:
            waiting.discard(told)

    async def run(self) -> None:
        """Listen until cancelled, over any number of connections."""
        while True:
            try:
                await self._listen()
            except StoreUnavailable as error:
                _log.warning("not listening for changes; looking every second", extra={"cause": str(error)})
            await asyncio.sleep(_AGAIN)

    async def _listen(self) -> None:
        connection = await self._server.connect()
        try:
            with unavailable(connection):
                connection.add_termination_listener(lambda _: self._lost.set())
                self._lost.clear()
                await connection.add_listener(CHANNEL, self._hear)
                self._wake_all()
                while not connection.is_closed():
                    await self._probe(connection)
        finally:
            connection.terminate()

    async def _probe(self, connection: Connection) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PROBE):
                await self._lost.wait()
                return
        await connection.execute("SELECT 1")

    def _hear(self, _connection: object, _pid: int, _channel: str, topic: object) -> None:
        waiting = self._waiting.get(str(topic))
        if waiting is None:
            return  # nobody here has ever waited for it
        if not waiting:
            self._missed.add(str(topic))
        for told in waiting:
            told.set()

    def _wake_all(self) -> None:
        for waiting in self._waiting.values():
            for told in waiting:
                told.set()
