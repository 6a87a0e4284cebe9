"""Refused for want of room: what the client, the command and HTTP are told, and when it goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.asking import balances, client, command, told, web
from tests.support.backbone import Backbone, Json, backbone
from tests.support.provider import Held
from turnout_client import BudgetExceeded, Client

PROMPT = "Why is the sky blue?"
ONE_CALL = 0.00453
"""Dollars: room for the worst case of a first call, and no longer once another one is booked."""
TWO_CALLS = 0.006
"""Dollars: room for one at a time, many times."""


def budget(**fields: Any) -> Json:
    return {"name": "tight", "window": "total", **fields}


@asynccontextmanager
async def limited(folder: Path, *budgets: Json) -> AsyncIterator[tuple[Backbone, Client]]:
    """Planes with these budgets at the begin of a day, and a client that does not try again by itself."""
    sections = {"budgets": list(budgets)}
    async with backbone(folder, http="127.0.0.1:0", sections=sections) as planes, client(planes) as turnout:
        now = datetime.now(UTC)
        tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        planes.control.clock.later = tomorrow - now
        planes.worker.clock.later = planes.control.clock.later
        yield planes, turnout


async def refused(turnout: Client, **options: Any) -> BudgetExceeded:
    with pytest.raises(BudgetExceeded) as refusal:
        await turnout.decide(PROMPT, **options)
    return refusal.value


async def settled(planes: Backbone, runs: int) -> None:
    await planes.control.meter.until("turnout.receipts", runs)


async def test_a_budget_that_is_spent_says_so_and_when_its_window_ends(tmp_path: Path) -> None:
    async with limited(tmp_path, budget(limit_usd=ONE_CALL, window="day")) as (planes, turnout):
        await turnout.chat(PROMPT)
        await settled(planes, 1)
        told_client = await refused(turnout)
        assert told_client.reason == "BUDGET_EXHAUSTED"
        assert "tight has $0.0045" in told_client.message
        assert told_client.metadata["budget"] == "tight"
        assert told_client.retry_after is not None
        assert timedelta(hours=23, minutes=50) < told_client.retry_after <= timedelta(days=1)
        shown = await command(planes, "chat", PROMPT, caller="local")
        assert (shown.code, shown.out) == (1, "")
        assert "turnout: BUDGET_EXHAUSTED: no room in a budget: tight has" in shown.err
        assert "(try again in 24 h)" in shown.err
        await over_http(planes, "BUDGET_EXHAUSTED")
        await planes.control.pass_by(told_client.retry_after)
        assert (await turnout.decide(PROMPT)).plan.workload == "default"


async def over_http(planes: Backbone, reason: str) -> None:
    """What is left, and what was refused for it."""
    async with web(planes) as ask:
        status, found = await ask("GET", "/v1/budget/tight")
        (account,) = found["statuses"]
        assert status == 200
        assert int(account["spent"]) > 0
        assert int(account["reserved"]) == 0
        async with asyncio.timeout(60):
            counts: dict[str, int] = {}
            while not counts:
                window = {"since": "2026-01-01T00:00:00Z"}
                _, figures = await ask("GET", "/v1/metrics", params=window)
                counts = {one["name"]: int(one["count"]) for one in figures["totals"]["refusals"]}
    assert set(counts) == {reason}


async def test_money_that_others_hold_comes_back_with_their_receipt(tmp_path: Path) -> None:
    async with limited(tmp_path, budget(limit_usd=TWO_CALLS)) as (planes, turnout):
        slow = Held()
        planes.providers.then("first", slow)
        first = asyncio.create_task(turnout.generate(await turnout.decide(PROMPT)))
        await slow.came.wait()
        told_client = await refused(turnout)
        assert told_client.reason == "BUDGET_IN_FLIGHT"
        assert "others hold the rest" in told_client.message
        assert told_client.retry_after is not None
        assert timedelta(0) < told_client.retry_after < timedelta(seconds=10)
        shown = await command(planes, "route", PROMPT, "--json", caller="local")
        assert (shown.code, shown.out) == (1, "")
        assert "BUDGET_IN_FLIGHT" in shown.err
        assert " s)" in shown.err
        slow.go.set()
        await asyncio.gather(first, return_exceptions=True)
        await settled(planes, 1)
        await planes.control.pass_by(told_client.retry_after)
        assert (await turnout.chat(PROMPT)).text == "Blue."


async def test_what_a_lost_decision_holds_is_there_again_when_that_is_void(tmp_path: Path) -> None:
    async with limited(tmp_path, budget(limit_usd=TWO_CALLS)) as (planes, turnout):
        await turnout.decide(PROMPT)
        assert (await refused(turnout)).reason == "BUDGET_IN_FLIGHT"
        await planes.control.pass_by(timedelta(seconds=80))
        await turnout.decide(PROMPT)


@pytest.mark.parametrize("limit", [{"limit_requests": 1}, {"limit_tokens": 5_000}], ids=lambda limit: next(iter(limit)))
async def test_a_rate_says_when_the_next_minute_begins_and_then_goes_on(tmp_path: Path, limit: Json) -> None:
    async with limited(tmp_path, budget(window="minute", **limit)) as (planes, turnout):
        first = await turnout.decide(PROMPT)
        told_client = await refused(turnout)
        assert told_client.reason == "RATE_LIMITED"
        assert told_client.retry_after is not None
        assert timedelta(seconds=30) < told_client.retry_after <= timedelta(minutes=1)
        shown = await command(planes, "chat", PROMPT, caller="local")
        assert (shown.code, "RATE_LIMITED" in shown.err, "(try again in " in shown.err) == (1, True, True)
        await planes.control.pass_by(told_client.retry_after)
        assert (await turnout.decide(PROMPT)).decision_id != first.decision_id


async def test_what_can_never_fit_names_no_time(tmp_path: Path) -> None:
    async with limited(tmp_path, budget(limit_usd=0.001, window="day")) as (planes, turnout):
        never = await refused(turnout)
        assert (never.reason, never.retry_after) == ("BUDGET_EXHAUSTED", None)
        assert "ask for a shorter answer" in never.message
        shown = await command(planes, "chat", PROMPT, caller="local")
        assert "try again" not in shown.err
        assert (await turnout.chat(PROMPT, max_output_tokens=100)).text == "Blue."


async def test_a_refused_request_may_be_asked_again_under_its_id(tmp_path: Path) -> None:
    async with limited(tmp_path, budget(limit_requests=1, window="minute")) as (planes, turnout):
        first = await turnout.decide(PROMPT, request_id="r-1")
        again = await turnout.decide(PROMPT, request_id="r-1")
        assert again.envelope == first.envelope
        wait = (await refused(turnout, request_id="r-2")).retry_after
        assert wait is not None
        await planes.control.pass_by(wait)
        second = await turnout.decide(PROMPT, request_id="r-2")
        assert second.decision_id != first.decision_id
        assert (await balances(planes.control))["tight"].reserved == 1


async def test_one_of_many_that_are_asked_at_once_has_no_room_and_the_others_have(tmp_path: Path) -> None:
    async with limited(tmp_path, budget(limit_requests=3)) as (planes, turnout):
        many = await turnout.decide_many([f"{PROMPT} {number}" for number in range(5)])
        reasons = [one.reason for one in many if isinstance(one, BudgetExceeded)]
        assert reasons == ["RATE_LIMITED"] * 2
        assert (await balances(planes.control))["tight"].reserved == 3
        listed = await told(planes, lambda found: len(found["decisions"]) == 3, "decisions", "--since", "2d")
        assert {one["workload"] for one in listed["decisions"]} == {"default"}
