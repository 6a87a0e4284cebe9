"""Each fault of a provider's: what the caller's SDK sees, what is billed, and what the receipt says.

Drills that end in `alone` are controls: with one attempt, which is what there would be without fallbacks, the same fault reaches the
caller. The controls of what has no fallback are in test_controls.py.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.drills.table import DRILLS
from tests.support.drills import Drill, Ground, expected, training_ground

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with training_ground(tmp_path_factory.mktemp("drills"), DRILLS) as running:
        yield running


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.id)
async def test_a_fault_is_seen_billed_and_stated_as_it_is(ground: Ground, drill: Drill) -> None:
    assert await ground.held(drill) == expected(drill)
