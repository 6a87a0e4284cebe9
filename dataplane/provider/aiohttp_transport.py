"""The transport on aiohttp: one session, with a pool of connections for each origin."""

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Self

import aiohttp
from aiohttp.connector import AddrInfoType

from dataplane.provider.address import Network, refusal
from dataplane.provider.transport import Limits, Reply, TransportFailure, Trouble

CONNECTIONS_PER_ORIGIN = 512
KEEP_ALIVE_S = 30.0
USER_AGENT = "turnout"
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))


class AddressRefused(OSError):
    """Nothing may be called at that address. The text is the same for all of them, so that aiohttp hands one of several on."""

    def __init__(self, address: str, kind: str) -> None:
        super().__init__("the address may not be called")
        self.address = address
        self.kind = kind


class AiohttpTransport:
    """Made inside the running event loop, closed with `close` or by `async with`.

    Compression is not asked for: it makes streams wait. An answer that is compressed nevertheless is unpacked.
    Every address is judged when a connection to it is made, whatever name or number led there; of addresses that are not of the open
    network only those `allowed` are called.
    """

    def __init__(
        self,
        *,
        connections_per_origin: int = CONNECTIONS_PER_ORIGIN,
        tls: ssl.SSLContext | None = None,
        allowed: Sequence[Network] = EVERYWHERE,
    ) -> None:
        self._allowed = allowed
        connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=connections_per_origin,
            keepalive_timeout=KEEP_ALIVE_S,
            ssl=tls or True,
            socket_factory=self._socket,
        )
        self._loop = asyncio.get_running_loop()
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=True,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Content-Type": "application/json"},
            skip_auto_headers=("Accept",),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_read=None, sock_connect=None),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def _socket(self, found: AddrInfoType) -> socket.socket:
        """A socket for one address of a host. Raises AddressRefused."""
        family, kind, protocol, _, place = found
        address = str(place[0])
        why = refusal(address, self._allowed)
        if why is not None:
            raise AddressRefused(address, why)
        return socket.socket(family=family, type=kind, proto=protocol)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, limits: Limits) -> Reply:
        """Send `body` and wait for the head of the answer. Raises TransportFailure."""
        start = self._loop.time()
        first_byte, end = start + limits.first_byte, start + limits.total
        timeout = aiohttp.ClientTimeout(total=None, connect=limits.connect)
        try:
            async with asyncio.timeout_at(min(first_byte, end)):
                response = await self._session.post(
                    url, data=body, headers=headers, timeout=timeout, allow_redirects=False
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure(
                error, late=Trouble.TIMEOUT_TOTAL if end <= first_byte else Trouble.TIMEOUT_FIRST_BYTE
            ) from error
        return _AiohttpReply(response, self._loop, limits, first_byte, end)


class _AiohttpReply:
    """Reads what one read of the network brought as one. Its one timer moves on when it rings early, and is not moved before."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        first_byte: float,
        end: float,
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._content = response.content
        self._loop = loop
        self._between = limits.between_chunks
        self._first_byte: float | None = first_byte
        self._end = end
        self._due, self._late = end, Trouble.TIMEOUT_TOTAL
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = False

    async def read(self) -> bytes:
        """The bytes that came. Time in which nobody reads does not count as time between chunks."""
        now = self._loop.time()
        try:
            data = self._content.read_nowait() if now < self._end else b""
            if not data and not self._content.at_eof():
                data = await self._wait(now)
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(error, late=Trouble.TIMEOUT_TOTAL) from error
        self._first_byte = None
        return data

    async def _wait(self, now: float) -> bytes:
        due, late = now + self._between, Trouble.TIMEOUT_BETWEEN_CHUNKS
        if self._first_byte is not None:
            due, late = self._first_byte, Trouble.TIMEOUT_FIRST_BYTE
        if self._end <= due:
            due, late = self._end, Trouble.TIMEOUT_TOTAL
        self._due, self._late, self._waiting = due, late, True
        if self._timer is None or due < self._timer.when():
            self._set()
        try:
            return await self._content.readany()
        finally:
            self._waiting = False

    def close(self) -> None:
        """Hang up, or give the connection back."""
        self._unset()
        self._response.close()

    def _set(self) -> None:
        self._unset()
        self._timer = self._loop.call_at(self._due, self._ring)

    def _unset(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        if self._loop.time() < self._due:
            self._set()
            return
        self._content.set_exception(TransportFailure(self._late))
        self._response.close()


def _failure(error: Exception, *, late: Trouble) -> TransportFailure:
    """What aiohttp's exceptions mean; only those from before the request count as unsent."""
    message = str(error)
    match error:
        case aiohttp.ConnectionTimeoutError():
            return TransportFailure(Trouble.TIMEOUT_CONNECT, message, unsent=True)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return TransportFailure(Trouble.TLS, message, unsent=True)
        case aiohttp.ClientConnectorError(os_error=AddressRefused() as refused):
            return TransportFailure(Trouble.ADDRESS, _way_out(refused), unsent=True)
        case aiohttp.ClientConnectorError():
            return TransportFailure(Trouble.CONNECT, message, unsent=True)
        case TimeoutError():
            return TransportFailure(late)
        case aiohttp.ClientResponseError():
            return TransportFailure(Trouble.MALFORMED, message)
        case ValueError() | aiohttp.NonHttpUrlClientError():
            return TransportFailure(Trouble.BAD_URL, message, unsent=True)
        case _:
            return TransportFailure(Trouble.DISCONNECTED, message)


def _way_out(refused: AddressRefused) -> str:
    return (
        f"base_url leads to {refused.address}, a {refused.kind} address: start the worker with "
        f"--allow-network {refused.address} if it is meant to be called"
    )
