"""New connections: names become addresses, every address is judged, and the first that answers is taken."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import cast

from dataplane.provider.address import Network, refusal
from dataplane.provider.http1.connection import Connection
from dataplane.provider.http1.origin import Origin
from dataplane.provider.transport import TransportFailure, Trouble

HEAD_START = 0.25
"""Seconds before the next address is tried beside one that does not answer (RFC 8305)."""
AddressInfo = tuple[
    int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]
]


class AddressRefused(OSError):
    """Nothing may be called at that address."""

    def __init__(self, address: str, kind: str) -> None:
        super().__init__("the address may not be called")
        self.address = address
        self.kind = kind


class Dialing:
    """Every address is judged when a connection to it is made, whatever name or number led there; of addresses that are not of the
    open network only those `allowed` are called. Certificates are always verified.
    """

    def __init__(self, allowed: Sequence[Network], tls: ssl.SSLContext | None) -> None:
        self._allowed = allowed
        self._tls = tls

    async def __call__(self, origin: Origin, lost: Callable[[Connection], None]) -> Connection:
        """A new connection. Raises TransportFailure, always unsent."""
        loop = asyncio.get_running_loop()
        try:
            reached = await self._reached(origin, loop)
        except AddressRefused as refused:
            raise TransportFailure(Trouble.ADDRESS, _way_out(refused), unsent=True) from None
        except OSError as error:
            raise TransportFailure(Trouble.CONNECT, f"{origin.host}:{origin.port}: {error}", unsent=True) from error
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(loop, lost),
                sock=reached,
                ssl=self._context() if origin.tls else None,
                server_hostname=origin.host if origin.tls else None,
            )
        except ssl.SSLError as error:
            raise TransportFailure(Trouble.TLS, str(error), unsent=True) from error
        except OSError as error:
            raise TransportFailure(Trouble.CONNECT, f"{origin.host}:{origin.port}: {error}", unsent=True) from error
        except BaseException:
            reached.close()
            raise
        return connection

    async def _reached(self, origin: Origin, loop: asyncio.AbstractEventLoop) -> socket.socket:
        from aiohappyeyeballs import start_connection  # nothing is dialed before the first request

        found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        allowed = self._judged(cast("Sequence[AddressInfo]", found))
        reached = await start_connection(allowed, happy_eyeballs_delay=HEAD_START, interleave=1, loop=loop)
        reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return reached

    def _judged(self, found: Sequence[AddressInfo]) -> Sequence[AddressInfo]:
        """Those that may be called. Raises AddressRefused if that is none."""
        judged = [(info, refusal(str(info[4][0]), self._allowed)) for info in found]
        kept = [info for info, why in judged if why is None]
        if kept or not judged:
            return kept
        info, why = judged[0]
        raise AddressRefused(str(info[4][0]), why or "")

    def _context(self) -> ssl.SSLContext:
        """The certificates of this machine are read when they are needed first: that takes some 20 ms."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _way_out(refused: AddressRefused) -> str:
    return (
        f"base_url leads to {refused.address}, a {refused.kind} address: start the worker with "
        f"--allow-network {refused.address} if it is meant to be called"
    )
