"""The transport: kept connections by origin, every wait within its limit."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_network
from typing import Self

from dataplane.provider.address import Network
from dataplane.provider.http1.connection import Connection
from dataplane.provider.http1.dialing import Dialing
from dataplane.provider.http1.origin import Origin, place
from dataplane.provider.http1.pool import KEEP_ALIVE_S, Pool
from dataplane.provider.transport import Limits, Reply, TransportFailure, Trouble

CONNECTIONS_PER_ORIGIN = 512
PLACES = 4096
"""Addresses whose reading is kept."""
OWN_HEADERS = "User-Agent: turnout\r\nAccept-Encoding: identity\r\n"
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))


class HttpTransport:
    """Implements dataplane.provider.transport.Transport over HTTP/1.1. Close it with `close` or by `async with`.

    Compression is not asked for: it makes streams wait. An answer that is compressed nevertheless is unpacked. Of addresses that are
    not of the open network only those `allowed` are called, see Dialing.
    """

    def __init__(
        self,
        *,
        connections_per_origin: int = CONNECTIONS_PER_ORIGIN,
        tls: ssl.SSLContext | None = None,
        allowed: Sequence[Network] = EVERYWHERE,
    ) -> None:
        self._dialing = Dialing(allowed, tls)
        self._most = connections_per_origin
        self._pools: dict[Origin, Pool] = {}
        self._place = lru_cache(maxsize=PLACES)(place)
        self._loop = asyncio.get_running_loop()
        self._sweeping: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        await asyncio.sleep(0)  # closing connections tell so in the next turn of the loop

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, limits: Limits) -> Reply:
        """Send `body` and wait for the head of the answer. Raises TransportFailure."""
        start = self._loop.time()
        try:
            there = self._place(url)
            request = _request(there.opening, headers, body)
        except ValueError as error:
            raise TransportFailure(Trouble.BAD_URL, str(error), unsent=True) from None
        first_byte, end = start + limits.first_byte, start + limits.total
        due, late = (end, Trouble.TIMEOUT_TOTAL) if end <= first_byte else (first_byte, Trouble.TIMEOUT_FIRST_BYTE)
        pool = self._pools.get(there.origin) or self._opened(there.origin)
        connection = await self._connected(pool, start, min(start + limits.connect, due), late, limits)
        try:
            connection.send(request)
            await connection.head(due, late)
        except BaseException:
            pool.give(connection, start)
            raise
        return HttpReply(connection, pool, self._loop, limits, first_byte, end)

    async def _connected(self, pool: Pool, start: float, due: float, late: Trouble, limits: Limits) -> Connection:
        kept = pool.ready(start)
        if kept is not None:
            return kept
        try:
            async with asyncio.timeout_at(due):
                return await pool.take(start)
        except TimeoutError:
            connecting = due >= start + limits.connect
            raise TransportFailure(Trouble.TIMEOUT_CONNECT if connecting else late, unsent=True) from None

    def _opened(self, origin: Origin) -> Pool:
        pool = self._pools[origin] = Pool(origin, self._dialing, self._most)
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(KEEP_ALIVE_S, self._sweep)
        return pool

    def _sweep(self) -> None:
        now = self._loop.time()
        for pool in self._pools.values():
            pool.sweep(now)
        self._sweeping = self._loop.call_later(KEEP_ALIVE_S, self._sweep)


class HttpReply:
    """Implements dataplane.provider.transport.Reply."""

    __slots__ = ("_between", "_connection", "_end", "_first_byte", "_loop", "_pool", "headers", "status")

    def __init__(
        self,
        connection: Connection,
        pool: Pool,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        first_byte: float,
        end: float,
    ) -> None:
        self.status = connection.status
        self.headers: Mapping[str, str] = connection.headers
        self._connection: Connection | None = connection
        self._pool = pool
        self._loop = loop
        self._between = limits.between_chunks
        self._first_byte: float | None = first_byte
        self._end = end

    async def read(self) -> bytes:
        """The bytes that came. Time in which nobody reads does not count as time between chunks."""
        connection = self._connection
        if connection is None:
            raise TransportFailure(Trouble.DISCONNECTED, "hung up")
        now = self._loop.time()
        data = connection.take() if now < self._end else b""
        if not data and not connection.whole:
            data = await self._awaited(connection, now)
        self._first_byte = None
        return data

    async def _awaited(self, connection: Connection, now: float) -> bytes:
        due, late = now + self._between, Trouble.TIMEOUT_BETWEEN_CHUNKS
        if self._first_byte is not None:
            due, late = self._first_byte, Trouble.TIMEOUT_FIRST_BYTE
        if self._end <= due:
            due, late = self._end, Trouble.TIMEOUT_TOTAL
        return await connection.read(due, late)

    def close(self) -> None:
        """Hang up, or give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give(connection, self._loop.time())


def _request(opening: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """The request as bytes. Raises ValueError for a header that could become two."""
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    kind = "" if any(name.lower() == "content-type" for name in headers) else "Content-Type: application/json\r\n"
    head = f"{opening}{OWN_HEADERS}{kind}{''.join(lines)}Content-Length: {len(body)}\r\n\r\n"
    if (
        head.count("\n") != len(lines) + opening.count("\n") + OWN_HEADERS.count("\n") + (2 + bool(kind))
        or "\0" in head
    ):
        raise ValueError("a header has a line break in it")
    return head.encode("latin-1") + body
