"""Serves an application over HTTP/1.1 in the running event loop, until it is stopped."""

import asyncio
import math
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import uvicorn

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
Parser = Literal["h11", "httptools"]

KEEP_ALIVE = 30
"""Seconds that a connection without a request stays open."""
MAX_HEADERS = 32 * 1024
"""Bytes of a request's headers at most."""


class HttpServer:
    """uvicorn without its own signals, logs and start messages, for the process has its own."""

    def __init__(self, application: ASGIApp, *, drain: float, parser: Parser = "h11") -> None:
        """`drain`: seconds that requests may finish in once it is stopped. `parser`: httptools is the faster one, in C."""
        self._config = uvicorn.Config(
            application,
            http="h11" if parser == "h11" else _quick(),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=max(math.ceil(drain), 1),
            h11_max_incomplete_event_size=MAX_HEADERS,
        )
        self._server: uvicorn.Server | None = None
        self._socket: socket.socket | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def start(self, address: str) -> str:
        """Listen on `host:port` (port 0: any) and give the address. Raises OSError if that cannot be."""
        self._socket = _bound(address)
        self._config.load()
        self._server = uvicorn.Server(self._config)
        self._server.lifespan = self._config.lifespan_class(self._config)
        await self._server.startup(sockets=[self._socket])
        # Its own `serve` would take the process's signals.
        self._ticking = asyncio.create_task(self._server.main_loop())
        host, _, _ = address.rpartition(":")
        return f"{host}:{self._socket.getsockname()[1]}"

    async def stop(self, within: float | None = None) -> None:
        """Refuse new connections, let requests finish within `drain`, or `within` seconds, then cut them."""
        if self._server is None or self._socket is None or self._ticking is None:
            return
        if within is not None:
            self._config.timeout_graceful_shutdown = max(math.ceil(within), 1)
        self._server.should_exit = True
        await self._ticking
        await self._server.shutdown(sockets=[self._socket])


def _quick() -> type[asyncio.Protocol]:
    from turnout_wire.http_protocol import BoundedHeads  # its parser, for servers that want it

    return BoundedHeads


def _bound(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise OSError(f"cannot listen on {address}; write HOST:PORT, such as 127.0.0.1:7412")
    family, kind, protocol, _, place = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
    except OSError as error:
        listening.close()
        way_out = "another process may listen there: stop it, or give another port (0 takes any)"
        raise OSError(error.errno, f"cannot listen on {address}; {way_out}") from error
    listening.setblocking(False)
    return listening
