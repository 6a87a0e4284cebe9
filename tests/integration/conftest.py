"""Every kind of store, empty, for each test that asks for one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from controlplane.store.open import open_store
from controlplane.store.protocols import Store

KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that does not exist yet, or has no tables."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'turnout.db'}"
    return str(request.getfixturevalue("empty_postgres"))


@pytest_asyncio.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An open store."""
    opened = await open_store(url)
    yield opened
    await opened.close()
