"""Serves an ASGI application over HTTP/1.1 in the running event loop, until it is stopped."""

import asyncio
import logging
import socket
from collections.abc import Callable
from email.utils import formatdate

from dataplane.gateway.http1.connection import Application, Connection, Shop

BACKLOG = 2048
_log = logging.getLogger(__name__)


class Server:
    """`drain`: seconds that requests may finish in once it is stopped. `seconds` is the wall clock, for the header `date`."""

    def __init__(self, application: Application, *, drain: float, seconds: Callable[[], float]) -> None:
        self._application = application
        self._drain = drain
        self._dates = Dates(seconds)
        self._shop: Shop | None = None
        self._server: asyncio.Server | None = None

    async def start(self, address: str) -> str:
        """Listen on `host:port` (port 0: any) and give the address. Raises OSError if that cannot be."""
        host, port = _place(address)
        loop = asyncio.get_running_loop()
        self._shop = shop = Shop(self._application, loop, self._dates)
        try:
            self._server = await loop.create_server(lambda: Connection(shop), host, port, backlog=BACKLOG)
        except OSError as error:
            way_out = "another process may listen there: stop it, or give another port (0 takes any)"
            raise OSError(error.errno, f"cannot listen on {address}; {way_out}") from error
        taken: socket.socket = self._server.sockets[0]
        return f"{address.rpartition(':')[0]}:{taken.getsockname()[1]}"

    async def stop(self, within: float | None = None) -> None:
        """Refuse new connections, let requests finish within `drain`, or `within` seconds, then cut them."""
        if self._server is None or self._shop is None:
            return
        self._shop.closing = True
        self._server.close()
        for connection in list(self._shop.connections):
            connection.finish()
        await self._settle(max(self._drain if within is None else within, 0.1))
        for connection in list(self._shop.connections):
            connection.abort()

    async def _settle(self, seconds: float) -> None:
        if self._shop is None or not self._shop.tasks:
            return
        _, left = await asyncio.wait(self._shop.tasks, timeout=seconds)
        if left:
            _log.error("requests are cut, for their time is over", extra={"requests": len(left)})
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=1.0)


class Dates:
    """The header `date`, made once a second."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._second = -1
        self._line = b""

    def __call__(self) -> bytes:
        """The whole line."""
        second = int(self._seconds())
        if second != self._second:
            self._second = second
            self._line = b"date: %b\r\n" % formatdate(second, usegmt=True).encode()
        return self._line


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise OSError(f"cannot listen on {address}; write HOST:PORT, such as 127.0.0.1:7412")
    return host.strip("[]"), int(port)
