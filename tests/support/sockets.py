"""Runs over real sockets, to providers of this machine."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from dataplane.execution.clock import Clock, SystemClock
from dataplane.execution.equipment import RunnerSettings
from dataplane.provider.address import Network, read_network
from dataplane.provider.aiohttp_transport import AiohttpTransport
from dataplane.provider.http_provider import HttpProvider
from dataplane.snapshot.model import Deployment
from tests.support.runs import Rig

LOOPBACK = (read_network("127.0.0.0/8"),)
SECRETS = {"env:A_KEY": "sk-first", "env:B_KEY": "sk-second"}


@asynccontextmanager
async def worker(
    *deployments: Deployment,
    allowed: Sequence[Network] = LOOPBACK,
    settings: RunnerSettings | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Rig]:
    """A runner of these deployments with the product's own provider and transport; a minute and no longer."""
    async with AiohttpTransport(allowed=allowed) as transport, asyncio.timeout(60):
        provider = HttpProvider(transport, now=lambda: datetime.now(UTC))
        yield Rig(
            {},
            deployments=deployments,
            clock=clock or SystemClock(),
            credentials=SECRETS.get,
            provider=provider,
            settings=settings,
        )
