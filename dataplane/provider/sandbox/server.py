"""The HTTP server around a sandbox."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dataplane.provider.sandbox.book import CallBook
from dataplane.provider.sandbox.clock import Clock, LoopClock
from dataplane.provider.sandbox.config import SandboxConfig
from dataplane.provider.sandbox.connection import Connection
from dataplane.provider.sandbox.fault import Fault
from dataplane.provider.sandbox.service import Sandbox

_BACKLOG = 1_024


class SandboxServer:
    """A running sandbox, on 127.0.0.1."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self.address = ""

    async def start(self) -> None:
        """Binds the port and sets `address`.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        port = self._sandbox.config.settings.port
        self._server = await loop.create_server(self._connection, "127.0.0.1", port, backlog=_BACKLOG)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stops listening and drops all connections, also in the middle of an answer."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.abort()
        await self._empty.wait()

    @property
    def book(self) -> CallBook:
        """What came of the calls so far."""
        return self._sandbox.book

    def set_faults(self, *faults: Fault) -> None:
        """Replaces all faults; their counters and windows start now."""
        self._sandbox.arm(faults)

    async def until(self, condition: Callable[[CallBook], bool]) -> None:
        """Waits until `condition` holds of the book of calls: `await server.until(lambda book: book.cancelled == 1)`."""
        reached = asyncio.Event()

        def look() -> None:
            if condition(self.book):
                reached.set()

        forget = self.book.watch(look)
        try:
            look()
            await reached.wait()
        finally:
            forget()

    def _connection(self) -> Connection:
        return Connection(self._sandbox, self._opened, self._lost)

    def _opened(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._empty.clear()

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()


@asynccontextmanager
async def serve(config: SandboxConfig | None = None, *, clock: Clock | None = None) -> AsyncIterator[SandboxServer]:
    """Runs a sandbox in this event loop while the block runs; `clock` defaults to the loop's own."""
    server = SandboxServer(Sandbox(config or SandboxConfig(), clock or LoopClock()))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
