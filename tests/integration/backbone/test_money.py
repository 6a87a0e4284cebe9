"""Money from the decision to the last receipt, through both planes, while time passes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio

from controlplane.budget.model import ReservationState, RunState
from tests.support.asking import Balance, balances, begun, client, command, id_of, told
from tests.support.backbone import (
    Backbone,
    Json,
    asked,
    backbone,
    document,
    generate,
    opened,
    replaced,
    start_worker,
    stream,
)
from tests.support.line import refusal
from tests.support.provider import Held, cut
from turnout.outcome.v1 import outcome_pb2, receipt_pb2

BUDGETS: list[Json] = [
    {"name": "all", "limit_usd": 1, "window": "total"},
    {"name": "runs", "limit_requests": 100, "window": "total"},
]
NOTHING = {"all": Balance(spent=0, reserved=0), "runs": Balance(spent=0, reserved=0)}
COST = 17_000
"""Nano-dollars for the 17 tokens that the provider states."""
DECISION_IS_VOID = timedelta(seconds=80)
RUN_IS_LOST = timedelta(seconds=20)
"""After that: 60 s for the run, 30 s to report it."""


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("empty_postgres")) if request.param == "postgresql" else ""


@pytest_asyncio.fixture
async def either(store: str, tmp_path: Path) -> AsyncIterator[Backbone]:
    """Planes on one kind of store and on the other."""
    async with backbone(tmp_path, store=store, sections={"budgets": BUDGETS}) as running:
        yield running


@pytest_asyncio.fixture
async def planes(tmp_path: Path) -> AsyncIterator[Backbone]:
    async with backbone(tmp_path, sections={"budgets": BUDGETS}) as running:
        yield running


def spent(cost: int, runs: int = 1) -> dict[str, Balance]:
    """The accounts after so many runs, with nothing held."""
    return {"all": Balance(spent=cost, reserved=0), "runs": Balance(spent=runs, reserved=0)}


async def drained(call: Any) -> list[Any]:
    return [event async for event in call]


async def test_an_unused_decision_gives_everything_back(either: Backbone) -> None:
    await either.decide()
    held = await balances(either.control)
    assert (held["all"].spent, held["runs"]) == (0, Balance(spent=0, reserved=1))
    assert held["all"].reserved > COST
    await either.control.pass_by(timedelta(seconds=70))
    assert await balances(either.control) == held
    await either.control.pass_by(timedelta(seconds=10))
    assert await balances(either.control) == NOTHING


async def test_a_lost_run_is_booked_at_the_estimate_and_its_late_receipt_takes_the_place_of_that(
    either: Backbone,
) -> None:
    slow = Held("Blue.")
    either.providers.then("first", slow)
    decided = await either.decide()
    estimate = opened(decided.decision).targets[0].estimate.cost_nanousd
    assert estimate not in (0, COST)
    running = asyncio.create_task(drained(either.runner.stream(stream(decided), timeout=100)))
    await slow.came.wait()
    await begun(either.control, id_of(decided))
    held = await balances(either.control)
    await either.control.pass_by(DECISION_IS_VOID)
    assert await balances(either.control) == held, "a run that began has its deadline"
    await either.control.pass_by(RUN_IS_LOST)
    assert await balances(either.control) == spent(estimate)
    slow.go.set()
    assert (await running)[-1].HasField("finish")
    await either.control.meter.until("turnout.receipts")
    assert await balances(either.control) == spent(COST)
    found = await told(either, lambda found: found["receipts"], "decision", id_of(decided))
    assert found["reservation"]["state"] == "expired"
    assert found["cost_nanousd"] == COST
    assert (await command(either, "db", "check")).code == 0


async def test_a_late_receipt_of_a_run_that_nobody_told_of_is_booked_too(planes: Backbone) -> None:
    decided = await planes.decide()
    await planes.control.pass_by(DECISION_IS_VOID)
    assert await balances(planes.control) == NOTHING
    attempt = receipt_pb2.Attempt(number=1, deployment="first/small", model="small", cost_nanousd=COST)
    late = receipt_pb2.Receipt(
        receipt_id="01930000-0000-7000-8000-000000000001", decision_id=id_of(decided), decision=decided.decision,
        worker="worker-9", result=receipt_pb2.RUN_RESULT_SUCCEEDED, attempts=[attempt], cost_nanousd=COST,
    )  # fmt: skip
    late.started_at.GetCurrentTime()
    for accepted in (1, 0):
        request = outcome_pb2.ReportReceiptsRequest(worker="worker-9", receipts=[late])
        assert (await planes.callers["worker"][0](request)).accepted == accepted
        assert await balances(planes.control) == spent(COST)


async def test_a_decision_may_be_run_as_often_as_it_allows_and_each_run_is_settled(planes: Backbone) -> None:
    decided = await planes.decide(asked(max_runs=2))
    before = (await balances(planes.control))["runs"]
    assert before.reserved == 2
    for runs in (1, 2):
        await planes.runner(generate(decided))
        await planes.control.meter.until("turnout.receipts", runs)
        assert (await balances(planes.control))["all"].spent == runs * COST
    told_third = await refusal(planes.runner(generate(decided)))
    assert told_third.reason == "DECISION_REPLAYED"
    assert await balances(planes.control) == spent(2 * COST, runs=2)
    (kept,) = (await planes.control.store.ledger.reservations([id_of(decided)])).values()
    assert kept.state is ReservationState.SETTLED
    assert {run.state for run in kept.runs} == {RunState.SETTLED}


async def test_one_run_of_two_that_is_never_used_is_given_back(planes: Backbone) -> None:
    decided = await planes.decide(asked(max_runs=2))
    await planes.runner(generate(decided))
    await planes.control.meter.until("turnout.receipts")
    assert (await balances(planes.control))["runs"] == Balance(spent=1, reserved=1)
    await planes.control.pass_by(timedelta(seconds=200))
    assert await balances(planes.control) == spent(COST)


async def test_a_decision_that_two_workers_run_is_settled_once_booked_twice_and_flagged(either: Backbone) -> None:
    token = either.control.config.state / "tokens" / "worker"
    other = await start_worker(either.control.address, token, worker="worker-2")
    try:
        decided = await either.decide()
        await either.runner(generate(decided))
        await other.line(either.control.token("local"))(generate(decided))
        await either.control.meter.until("turnout.receipts", 2)
    finally:
        await other.stop()
    assert await balances(either.control) == spent(2 * COST, runs=2)
    found = await told(either, lambda found: len(found["receipts"]) == 2, "decision", id_of(decided))
    assert (found["cost_nanousd"], found["reservation"]["state"]) == (2 * COST, "settled")
    flagged = await told(either, lambda found: found["receipts"] == 2, "audit", "reconcile")
    (twice,) = flagged["discovered"]
    assert (twice["kind"], twice["decision_id"], twice["nanousd"]) == ("too_many_runs", id_of(decided), COST)
    assert (await command(either, "audit", "reconcile")).code == 1
    assert (await command(either, "db", "check")).code == 0


async def test_every_share_of_a_limit_is_told_once_in_the_log_and_by_the_command(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    budgets = [
        {"name": "few", "limit_requests": 5, "window": "total", "alerts": [0.4, 0.6]},
        {"name": "money", "limit_usd": 0.1, "window": "total", "alerts": [0.0002, 0.5]},
    ]
    async with backbone(tmp_path, sections={"budgets": budgets}) as planes:
        for runs in range(1, 5):
            await planes.runner(generate(await planes.decide()))
            await planes.control.meter.until("turnout.receipts", runs)
        await planes.control.meter.until("turnout.budget.alerts", 3)
        shown = await command(planes, "budget", "--alerts")
        alerts = (await command(planes, "budget", "--alerts", "--json")).json["alerts"]
    expected = [("few", 0.4), ("few", 0.6), ("money", 0.0002)]
    assert sorted((alert["budget"], alert["threshold"]) for alert in alerts) == expected
    logged = [vars(one) for one in caplog.records if one.message == "a budget has passed a share of its limit"]
    assert sorted((one["budget"], one["threshold_ppm"] / 1_000_000) for one in logged) == expected
    for said in ("few passed 40%", "few passed 60%", "money passed 0%"):
        assert said in shown.out


async def test_a_caller_who_goes_away_in_mid_stream_pays_for_what_came_and_nothing_stays_held(planes: Backbone) -> None:
    slow = Held("Blue.")
    planes.providers.then("first", slow)
    async with client(planes) as turnout:
        answering = turnout.chat_stream("Why is the sky blue?")
        await anext(answering)
        await answering.aclose()
        await slow.gone.wait()
    await planes.control.meter.until("turnout.receipts", result="cancelled")
    found = await told(planes, lambda found: found["receipts"], "decision", answering.decision.decision_id)
    assert (found["receipts"][0]["receipt"]["result"], found["reservation"]["state"]) == ("cancelled", "settled")
    assert await balances(planes.control) == spent(found["cost_nanousd"])
    assert found["cost_nanousd"] > 0


async def test_each_model_s_account_is_charged_for_its_own_calls(tmp_path: Path) -> None:
    budgets = [
        {"name": "all", "limit_usd": 1, "window": "total"},
        {"name": "model", "limit_usd": 1, "window": "total", "per": ["model"]},
        {"name": "calls", "limit_requests": 10, "window": "total", "per": ["model"]},
        {"name": "tokens", "limit_tokens": 100_000, "window": "total", "models": ["large"]},
    ]
    async with backbone(tmp_path, sections={"budgets": budgets}) as planes:
        planes.providers.then("first", cut("Bl"))
        with suppress(grpc.aio.AioRpcError):
            await planes.runner(generate(await planes.decide()))
        await planes.control.meter.until("turnout.receipts")
        assert planes.providers.called() == ["first", "second"]
        found = await balances(planes.control)
        assert not [account for account, balance in found.items() if balance.reserved]
        assert found["model{model=large}"].spent == 10 * COST
        assert found["all"].spent == found["model{model=small}"].spent + found["model{model=large}"].spent
        assert (found["calls{model=small}"].spent, found["calls{model=large}"].spent) == (1, 1)
        assert found["tokens"].spent == 17
        assert (await command(planes, "db", "check")).code == 0


async def test_budgets_may_change_while_money_is_held(planes: Backbone) -> None:
    decided = [await planes.decide() for _ in range(2)]
    lowered = [{"name": "all", "limit_usd": "0.00001", "window": "total"}]
    replaced(planes.catalog, document(planes.providers.address, budgets=lowered))
    assert not planes.control.state.catalog.reload().problems
    for runs, one in enumerate(decided, start=1):
        await planes.runner(generate(one))
        await planes.control.meter.until("turnout.receipts", runs)
    assert await balances(planes.control) == {"all": Balance(spent=2 * COST, reserved=0)}
    (status,) = (await command(planes, "budget", "--json")).json["budgets"]
    assert (status["limit"], status["remaining"], status["utilisation"]) == (10_000, -24_000, 3.4)
    assert (await command(planes, "budget", "--check")).code == 1
    assert (await refusal(planes.router(asked("another")))).reason == "BUDGET_EXHAUSTED"
    assert (await command(planes, "db", "check")).code == 0
