"""Every kind of store, empty, for each test that asks for one; the time of tests that are about time limits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from controlplane.store.open import open_store
from controlplane.store.protocols import Store
from tests.support.virtual_time import loopback_time_loop

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
KINDS = ("sqlite", "postgresql")


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """Time that a busy machine takes is none to what is marked `loopback_time`."""
    return {"loop": loopback_time_loop if item.get_closest_marker("loopback_time") else asyncio.new_event_loop}


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
