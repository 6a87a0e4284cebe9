"""Both planes as the product wires them, one pair for each test or one for a file that leaves them as they are."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.backbone import Backbone, backbone


@pytest_asyncio.fixture
async def planes(tmp_path: Path) -> AsyncIterator[Backbone]:
    """Both planes, for a test that changes them."""
    async with backbone(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_planes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backbone]:
    """Both planes, for the tests of a file marked `asyncio(loop_scope="module")`."""
    async with backbone(tmp_path_factory.mktemp("planes")) as running:
        yield running
