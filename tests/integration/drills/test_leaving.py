"""Callers who go away: the provider is hung up on at once, and what was used is billed."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from openai import AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.support.drills import CHAT, Drill, Ground, Way, training_ground
from tests.support.fault_proxy import Slow, Stalled

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEGUN = Drill(name="in mid stream", way=Way.STREAM)
WAITING = Drill(name="before the first byte", way=Way.STREAM)
WHOLE = Drill(name="before the answer", way=Way.WHOLE)
PATIENT = Drill(name="who waits", way=Way.WHOLE)
AT_ONCE = 0.1
DRILLS = (BEGUN, WAITING, WHOLE, PATIENT)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with training_ground(tmp_path_factory.mktemp("leaving"), DRILLS) as running:
        yield running


async def left(ground: Ground, drill: Drill) -> float:
    """Ask, and go away; the seconds until the provider's connection ended."""
    slow = Stalled(1) if drill is BEGUN else Slow()
    ground.proxies[drill.id].then(slow)
    await ground.set_up(drill)
    asking, now = asyncio.create_task(asked(ground, drill)), asyncio.get_running_loop().time
    await slow.came.wait()
    if drill is BEGUN:
        answering = await asking
        assert isinstance(answering, AsyncStream)
        assert (await anext(aiter(answering))).choices[0].delta.content == "Bl"
        begin = now()
        await answering.close()
    else:
        begin = now()
        asking.cancel()
    await slow.gone.wait()
    took = now() - begin
    await asyncio.wait([asking])
    return took


async def asked(ground: Ground, drill: Drill) -> ChatCompletion | AsyncStream[ChatCompletionChunk]:
    """What the SDK gives, when it gives it."""
    chat, headers = ground.desk.openai.chat.completions, ground.headers(drill)
    if drill.way is Way.WHOLE:
        return await chat.create(model="auto", messages=CHAT, extra_headers=headers)
    return await chat.create(model="auto", messages=CHAT, stream=True, extra_headers=headers)


@pytest.mark.parametrize("drill", [BEGUN, WAITING, WHOLE], ids=lambda drill: drill.name)
async def test_who_goes_away_ends_the_providers_call_within_100_ms_and_does_not_escape_the_bill(
    ground: Ground, drill: Drill, caplog: pytest.LogCaptureFixture
) -> None:
    """The best of five, of more where the machine is busy; each by itself is settled."""
    caplog.set_level(logging.INFO, "dataplane")
    times: list[float] = []
    while len(times) < 5 or (min(times) >= AT_ONCE and len(times) < 25):
        spent, receipts = await ground.spent(), ground.receipts()
        caplog.clear()
        times.append(await left(ground, drill))
        await ground.desk.planes.control.meter.until("turnout.receipts", receipts + 1)
        (decision_id,) = [vars(each)["decision_id"] for each in caplog.records if each.message == "run ended"]
        receipt = await ground.receipt(decision_id, receipts)
        assert ground.stated(receipt) == "cancelled CANCELLED"
        assert ground.calls(receipt) == ("first ignored cancelled estimated",)
        assert await ground.spent() - spent == receipt.cost_nanousd > 0
    assert min(times) < AT_ONCE


async def test_who_waits_is_not_hung_up_on(ground: Ground) -> None:
    """The control."""
    slow = Slow()
    ground.proxies[PATIENT.id].then(slow)
    await ground.set_up(PATIENT)
    asking = asyncio.create_task(asked(ground, PATIENT))
    await slow.came.wait()
    assert not slow.gone.is_set()
    slow.go.set()
    assert isinstance(await asking, ChatCompletion)
    assert not slow.gone.is_set()
