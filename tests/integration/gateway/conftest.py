"""Both planes with a gateway, and the official SDKs before it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.backbone import backbone
from tests.support.gateway import Desk, desk


@pytest_asyncio.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Desk]:
    """A gateway before two providers of this machine that obey."""
    async with backbone(tmp_path, gateway="127.0.0.1:0") as planes, desk(planes) as running:
        yield running
