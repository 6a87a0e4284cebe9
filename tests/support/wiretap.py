"""A TCP connection between two programs that is listened in on, and cut when a test says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Wiretap:
    """Forwards bytes to `behind` and keeps those that went there, and those that came from it."""

    def __init__(self, behind: str) -> None:
        host, _, port = behind.rpartition(":")
        self._behind = host, int(port)
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.address = ""
        self.sent = bytearray()
        self.came = bytearray()
        self.connections = 0

    async def listen(self) -> None:
        """Take connections from now on, at the same address as before."""
        host, _, port = (self.address or "127.0.0.1:0").rpartition(":")
        self._server = await asyncio.start_server(self._accept, host, int(port))
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def cut(self) -> None:
        """Break all connections; new ones are taken if it still listens."""
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def deafen(self) -> None:
        """Break all connections and take no new ones."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._forward(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back_reader, back_writer = await asyncio.open_connection(*self._behind)
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.create_task(_pump(reader, back_writer, self.sent)),
            asyncio.create_task(_pump(back_reader, writer, self.came)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for one in (writer, back_writer):
                one.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            kept += data
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def wiretap(behind: str) -> AsyncIterator[Wiretap]:
    """A connection to `behind` that is listened in on."""
    tap = Wiretap(behind)
    await tap.listen()
    try:
        yield tap
    finally:
        await tap.deafen()
