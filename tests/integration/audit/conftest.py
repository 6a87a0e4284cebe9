"""A log on every kind of store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from controlplane.store.open import open_store
from controlplane.store.protocols import Store
from tests.support.recorded_log import Written, written_log

KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'turnout.db'}"
    return str(request.getfixturevalue("empty_postgres"))


@pytest_asyncio.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An open store."""
    opened = await open_store(url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def log(store: Store) -> Written:
    """40 decisions, 20 receipts, the entries of a start; two checkpoints."""
    return await written_log(store)
