"""Controls of the drills: the same faults without what protects from them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from tests.support.drills import CHAT, Asked, Drill, Ground, Way, training_ground
from tests.support.fault_proxy import Play, Slow, Stalled, fault_proxy, truncated
from tests.support.provider import Step, answer, error, providers

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOTAL = {"first_token": "60s", "between_chunks": "60s", "total": "800ms"}
"""Only the whole call has a limit."""
PATIENT_BEGIN = Drill(name="slow", way=Way.STREAM, plays=(Slow(),), timeouts=TOTAL, alone=True)
PATIENT_STALL = Drill(name="stall", way=Way.STREAM, plays=(Stalled(1),), timeouts=TOTAL, alone=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with training_ground(tmp_path_factory.mktemp("controls"), [PATIENT_BEGIN, PATIENT_STALL]) as running:
        yield running


@asynccontextmanager
async def unprotected(*plays: Play, step: Step | None = None) -> AsyncIterator[AsyncOpenAI]:
    """The SDK with nothing between it and a provider that goes wrong."""
    async with providers() as obeying, fault_proxy(obeying.address) as proxy:
        proxy.then(*plays)
        obeying.then("first", step or answer("Bl", "ue."))
        base_url = f"http://{proxy.address}/first/v1"
        async with AsyncOpenAI(base_url=base_url, api_key="k", max_retries=0) as client:
            yield client


async def read(client: AsyncOpenAI) -> str:
    """The text of a stream that ended without an error."""
    stream = await client.chat.completions.create(model="served-model", messages=CHAT, stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


async def test_without_a_look_at_the_end_mark_half_an_answer_passes_for_a_whole_one() -> None:
    async with unprotected(truncated(1)) as client:
        assert await read(client) == "Bl"


async def test_without_a_look_into_the_body_an_error_in_a_200_passes_for_an_answer() -> None:
    async with unprotected(step=error("200 OK")) as client:
        completion = await client.chat.completions.create(model="served-model", messages=CHAT)
        assert completion.choices is None


async def test_without_a_limit_between_chunks_a_stall_lasts_as_long_as_the_provider_likes() -> None:
    stalled = Stalled(1)
    async with unprotected(stalled) as client:
        reading = asyncio.create_task(read(client))
        await stalled.came.wait()
        assert not reading.done()
        stalled.go.set()
        assert await reading == "Blue."


@pytest.mark.parametrize("drill", [PATIENT_BEGIN, PATIENT_STALL], ids=lambda drill: drill.name)
async def test_without_a_limit_of_its_own_a_silence_lasts_until_the_total(ground: Ground, drill: Drill) -> None:
    await ground.set_up(drill)
    before, asked = ground.receipts(), Asked(headers=ground.headers(drill), alone=True)
    await ground.ask(drill.way, asked)
    receipt = await ground.receipt(asked.decision_id, before)
    assert asked.seen
    assert receipt.attempts[0].duration.ToTimedelta() >= timedelta(milliseconds=790)
