"""BudgetService over the wire: what was booked is told, to those whom it concerns."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from tests.support.backbone import Backbone, Json, backbone, document, generate, replaced
from tests.support.line import refusal
from turnout.budget.v1 import budget_pb2
from turnout_cli.__main__ import app
from turnout_client import (
    Budget,
    BudgetAlert,
    BudgetDimension,
    BudgetMeasure,
    BudgetStatus,
    Client,
    InvalidRequest,
    NotFound,
    SyncClient,
)

BUDGETS: list[Json] = [
    {"name": "all", "limit_usd": 1, "window": "day", "alerts": [0.0, 0.9]},
    {"name": "each", "limit_requests": 100, "window": "hour", "per": ["tenant", "key"]},
    {"name": "others", "limit_usd": 5, "window": "month", "tenants": ["globex"]},
]


@pytest_asyncio.fixture
async def planes(tmp_path: Path) -> AsyncIterator[Backbone]:
    async with backbone(tmp_path) as running:
        replaced(running.catalog, document(running.providers.address, budgets=BUDGETS))
        assert not running.control.state.catalog.reload().problems
        yield running


async def spend(planes: Backbone) -> None:
    """One run, booked."""
    before = planes.control.meter.total("turnout.receipts")
    await planes.runner(generate(await planes.decide()))
    await planes.control.meter.until("turnout.receipts", before + 1)


async def listed(planes: Backbone, caller: str, **fields: object) -> budget_pb2.ListBudgetsResponse:
    request = budget_pb2.ListBudgetsRequest(**fields)  # type: ignore[arg-type]
    response: budget_pb2.ListBudgetsResponse = await planes.control.line(caller)(request)
    return response


async def test_what_a_run_cost_is_spent_and_nothing_stays_reserved(planes: Backbone) -> None:
    await spend(planes)
    told = {status.account: status for status in (await listed(planes, "local")).statuses}
    assert list(told) == ["all", "each{key=local,tenant=default}"]
    money, runs = told.values()
    assert money.spent > 0
    assert (money.limit, money.reserved) == (1_000_000_000, 0)
    assert money.remaining == money.limit - money.spent
    assert money.forecast >= money.spent
    assert money.window_ends_at.seconds - money.window_start.seconds == 86_400
    assert (runs.spent, runs.measure, runs.window) == (1, budget_pb2.MEASURE_REQUESTS, budget_pb2.WINDOW_HOUR)
    assert runs.utilisation_ppm == 10_000


async def test_what_a_decision_holds_is_reserved_until_it_is_run(planes: Backbone) -> None:
    await planes.decide()
    (money, *_) = (await listed(planes, "local")).statuses
    assert money.spent == 0
    assert money.reserved > 0


async def test_an_operator_sees_all_and_a_caller_its_tenants(planes: Backbone) -> None:
    everything = await listed(planes, "operator")
    assert [status.budget for status in everything.statuses] == ["all", "others"]
    assert [status.budget for status in (await listed(planes, "local")).statuses] == ["all"]
    got = await planes.control.line("operator")(budget_pb2.GetBudgetRequest(name="others"))
    assert list(got.budget.tenants) == ["globex"]
    assert got.budget.alerts_ppm == [500_000, 800_000, 1_000_000]
    told = await refusal(planes.control.line("local")(budget_pb2.GetBudgetRequest(name="others")))
    assert (told.reason, told.field) == ("NOT_FOUND", "name")


async def test_an_alert_is_told_counted_and_found_again_after_a_restart(planes: Backbone) -> None:
    await spend(planes)
    await planes.control.meter.until("turnout.budget.alerts", budget="all")
    await spend(planes)
    assert planes.control.meter.total("turnout.budget.alerts") == 1
    ((full, about),) = [
        one for one in planes.control.meter.gauge("turnout.budget.utilisation") if "all" in one[1].values()
    ]
    assert 0 < full < 1
    assert about == {"turnout.budget": "all"}
    await planes.restart()
    response = await planes.control.line("local")(budget_pb2.ListAlertsRequest())
    (alert,) = response.alerts
    assert (alert.account, alert.threshold_ppm, alert.limit) == ("all", 0, 1_000_000_000)
    assert 0 < alert.spent <= 1_000_000_000
    later = budget_pb2.ListAlertsRequest(since=alert.window_ends_at)
    assert not (await planes.control.line("local")(later)).alerts


async def test_alerts_come_newest_first_page_by_page(planes: Backbone) -> None:
    budget = {"name": "small", "limit_requests": 1000, "window": "total", "alerts": [0.0, 0.0001, 0.0005]}
    replaced(planes.catalog, document(planes.providers.address, budgets=[budget]))
    planes.control.state.catalog.reload()
    await spend(planes)
    await planes.control.meter.until("turnout.budget.alerts", 3)
    line, seen, token = planes.control.line("operator"), [], ""
    for _ in range(3):
        page = await line(budget_pb2.ListAlertsRequest(page_size=1, page_token=token))
        seen += [alert.threshold_ppm for alert in page.alerts]
        token = page.next_page_token
    assert (seen, token) == ([500, 100, 0], "")
    told = await refusal(line(budget_pb2.ListAlertsRequest(page_token="what")))
    assert (told.reason, told.field) == ("PAGE_TOKEN_INVALID", "page_token")


async def test_workers_may_not_look(planes: Backbone) -> None:
    told = await refusal(planes.control.line("worker")(budget_pb2.ListBudgetsRequest()))
    assert told.reason == "ACCESS_DENIED"


def settings(planes: Backbone) -> dict[str, Any]:
    """How a client reaches the planes."""
    control, worker = planes.control.address, planes.worker.address
    return {"control": control, "workers": worker, "token": planes.control.token("operator"), "timeout": 20}


async def test_clients_of_both_kinds_give_budgets_and_alerts_as_values(planes: Backbone) -> None:
    await spend(planes)
    await planes.control.meter.until("turnout.budget.alerts")
    async with Client(**settings(planes)) as client:
        all_of_them = await client.budgets()
        assert [status.account for status in all_of_them] == ["all", "each{key=local,tenant=default}", "others"]
        assert [status.budget for status in await client.budgets(tenant="default", name_prefix="e")] == ["each"]
        found = await client.budget("each")
        assert found.per == (BudgetDimension.KEY, BudgetDimension.TENANT)
        assert (found.accounts[0].spent, found.accounts[0].utilisation) == (1, 0.01)
        (alert,) = await client.budget_alerts(limit=1)
        assert (alert.budget, alert.threshold, alert.measure) == ("all", 0.0, BudgetMeasure.COST)
        assert alert.window_ends_at is not None
        assert await client.budget_alerts(since=alert.window_ends_at) == []
        for wrong in ({"limit": 0}, {"since": alert.at.replace(tzinfo=None)}):
            with pytest.raises(InvalidRequest):
                await client.budget_alerts(**wrong)
        with pytest.raises(NotFound):
            await client.budget("no-such")

    def wait() -> tuple[list[BudgetStatus], Budget, list[BudgetAlert]]:
        with SyncClient(**settings(planes)) as client:
            return client.budgets(), client.budget("each"), client.budget_alerts()

    statuses, budget, alerts = await asyncio.to_thread(wait)
    assert [status.account for status in statuses] == [status.account for status in all_of_them]
    assert (budget, alerts) == (found, [alert])


async def test_the_command_shows_a_table_and_checks(planes: Backbone) -> None:
    variables = {
        "TURNOUT_CONTROL": planes.control.address,
        "TURNOUT_WORKERS": planes.worker.address,
        "TURNOUT_TOKEN": planes.control.token("operator"),
    }

    async def turnout(*arguments: str) -> Any:
        return await asyncio.to_thread(CliRunner().invoke, app, ["budget", *arguments], env=variables)

    quiet = await turnout("--check")
    assert (quiet.exit_code, "others" in quiet.stdout) == (0, True)
    await spend(planes)
    await planes.control.meter.until("turnout.budget.alerts")
    shown = await turnout("--check")
    assert shown.exit_code == 1
    assert "each{key" in shown.stdout, "folded where the terminal is narrow"
    assert "\x1b" not in shown.stdout
    assert (await turnout()).exit_code == 0
    told = json.loads((await turnout("all", "--json")).stdout)
    assert [one["account"] for one in told["budgets"]] == ["all"]
    assert told["budgets"][0]["spent"] > 0
    assert "all passed 0%" in (await turnout("--alerts")).stdout
    assert json.loads((await turnout("--alerts", "--json")).stdout)["alerts"][0]["threshold"] == 0
    assert (await turnout("no-such")).exit_code == 1
    assert (await turnout("--alerts", "--check")).exit_code == 2
