"""The control plane goes away, before a request and during one."""

from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest
import pytest_asyncio

from tests.support.asking import Balance, balances
from tests.support.backbone import backbone
from tests.support.drills import BUDGETS, CHAT, STATED, Ground
from tests.support.gateway import Desk, desk
from tests.support.line import Line
from tests.support.provider import Held
from turnout.audit.v1 import audit_pb2

BOOKED = {"all": Balance(spent=STATED["small"], reserved=0)}


@pytest_asyncio.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Desk]:
    async with (
        backbone(tmp_path, gateway="127.0.0.1:0", sections={"budgets": BUDGETS}) as planes,
        desk(planes) as running,
    ):
        yield running


async def test_without_a_control_plane_the_caller_is_told_to_come_again_and_nothing_is_called_or_billed(
    gateway: Desk,
) -> None:
    planes = gateway.planes
    await planes.control.go_down()
    with pytest.raises(openai.InternalServerError) as refused:
        await gateway.openai.chat.completions.create(model="auto", messages=CHAT)
    headers = refused.value.response.headers
    assert (refused.value.status_code, headers["x-turnout-error"]) == (503, "UNREACHABLE")
    assert headers["x-should-retry"] == "true"
    assert "x-turnout-decision-id" not in headers
    assert planes.providers.called() == []
    await planes.restart()
    patient = gateway.openai.with_options(max_retries=8)
    assert (await patient.chat.completions.create(model="auto", messages=CHAT)).choices
    await planes.control.meter.until("turnout.receipts")
    assert await balances(planes.control) == BOOKED, "the one request that was decided, and nothing of the other"


async def test_a_control_plane_that_goes_away_in_mid_stream_is_missed_by_nobody(gateway: Desk) -> None:
    planes, slow = gateway.planes, Held("Bl")
    planes.providers.then("first", slow)
    raw = await gateway.openai.chat.completions.with_raw_response.create(model="auto", messages=CHAT, stream=True)
    stream = aiter(raw.parse())
    assert (await anext(stream)).choices[0].delta.content == "Bl"
    await planes.control.go_down()
    slow.go.set()
    assert [chunk.choices[0].finish_reason async for chunk in stream if chunk.choices] == ["stop"]
    await planes.restart()
    await planes.control.meter.until("turnout.receipts")
    line = Line(planes.control.address, planes.control.token("operator"))
    try:
        question = audit_pb2.GetDecisionRequest(decision_id=raw.headers["x-turnout-decision-id"])
        (record,) = (await line(question)).receipts
    finally:
        await line.close()
    assert Ground.stated(record.receipt) == "succeeded"
    assert Ground.calls(record.receipt) == ("first succeeded stated",)
    assert await balances(planes.control) == BOOKED
