"""A log on every kind of store."""

import pytest_asyncio

from controlplane.store.protocols import Store
from tests.support.recorded_log import Written, written_log


@pytest_asyncio.fixture
async def log(store: Store) -> Written:
    """40 decisions, 20 receipts, the entries of a start; two checkpoints."""
    return await written_log(store)
