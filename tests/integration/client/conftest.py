"""Running planes and a client of them."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.planes import TOKEN, Planes, planes
from turnout_client import Client


@pytest_asyncio.fixture
async def both() -> AsyncIterator[Planes]:
    """A control plane and a worker."""
    async with planes() as running:
        yield running


@pytest_asyncio.fixture
async def turnout(both: Planes) -> AsyncIterator[Client]:
    """A client of `both`."""
    async with Client(control=both.control.address, workers=both.addresses, token=TOKEN) as client:
        yield client
