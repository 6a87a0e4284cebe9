"""A transport whose library is loaded beside other work, for it takes time that a worker need not start with."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dataplane.provider.address import Network
from dataplane.provider.transport import Limits, Reply

if TYPE_CHECKING:
    from dataplane.provider.aiohttp_transport import AiohttpTransport


class LateTransport:
    """Implements dataplane.provider.transport.Transport: opened by `open`, or else by the first call."""

    def __init__(self, *, allowed: Sequence[Network]) -> None:
        self._allowed = allowed
        self._opened: AiohttpTransport | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> "AiohttpTransport":
        """The transport itself, of which there is one."""
        async with self._opening:
            if self._opened is None:
                kind = await asyncio.to_thread(_kind)
                self._opened = kind(allowed=self._allowed)
            return self._opened

    async def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.close()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, limits: Limits) -> Reply:
        """Send `body` and wait for the head of the answer. Raises TransportFailure."""
        opened = self._opened or await self.open()
        return await opened.post(url, headers, body, limits)


def _kind() -> "type[AiohttpTransport]":
    from dataplane.provider.aiohttp_transport import AiohttpTransport

    return AiohttpTransport
