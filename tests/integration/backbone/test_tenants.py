"""Two tenants on one installation, with callers of the same name: neither sees anything of the other."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.support.asking import add_callers, client, command, told, web
from tests.support.backbone import Backbone, Json, backbone
from turnout_client import Answer, DecisionRefused, NotFound

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = "Why is the sky blue?"
ACME, GLOBEX = "acme-app", "globex-app"
BUDGETS: list[Json] = [
    {"name": "each", "limit_usd": 1, "window": "day", "per": ["tenant"], "alerts": [0.0]},
    {"name": "single", "limit_usd": 1, "window": "day", "per": ["tenant", "key"]},
    {"name": "only-globex", "limit_usd": 1, "window": "day", "tenants": ["globex"], "alerts": [0.0]},
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Planes of two tenants, each with one answer."""

    planes: Backbone
    acme: Answer
    globex: Answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def neighbours(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Neighbours]:
    folder = tmp_path_factory.mktemp("tenants")
    add_callers(folder / "state", ("acme", "app"), ("globex", "app"))
    async with backbone(folder, http="127.0.0.1:0", sections={"budgets": BUDGETS}) as planes:
        async with client(planes, ACME) as acme, client(planes, GLOBEX) as globex:
            answers = [await one.chat(PROMPT, feature="search", request_id="same") for one in (acme, globex)]
            await acme.feedback(answers[0], quality=1, label="accepted", comment="acme is content")
            await globex.feedback(answers[1], quality=0, label="refused", comment="globex is not")
        await told(planes, lambda found: found["totals"]["labels"] == {"accepted": 1, "refused": 1}, "report")
        await planes.control.meter.until("turnout.budget.alerts", 3)
        yield Neighbours(planes=planes, acme=answers[0], globex=answers[1])


async def test_the_same_request_id_of_two_tenants_is_two_requests(neighbours: Neighbours) -> None:
    assert neighbours.acme.decision_id != neighbours.globex.decision_id


async def test_decisions_of_others_are_not_found_and_not_listed(neighbours: Neighbours) -> None:
    planes, own, other = neighbours.planes, neighbours.acme, neighbours.globex
    shown = await command(planes, "decision", other.decision_id, caller=ACME)
    unknown = await command(planes, "decision", "00000000-0000-7000-8000-000000000000", caller=ACME)
    assert (shown.code, unknown.code) == (1, 1)
    assert "NOT_FOUND" in shown.err
    assert shown.err.replace(other.decision_id, "") == unknown.err.replace("00000000-0000-7000-8000-000000000000", "")
    listed = (await command(planes, "decisions", "--json", caller=ACME)).json["decisions"]
    assert [one["decision_id"] for one in listed] == [own.decision_id]
    asked_for = await command(planes, "decisions", "--tenant", "globex", "--json", caller=ACME)
    assert asked_for.json == {"decisions": []}
    assert len((await command(planes, "decisions", "--json")).json["decisions"]) == 2


async def test_nothing_of_the_other_is_in_what_is_told_of_ones_own_decision(neighbours: Neighbours) -> None:
    mine = await told(
        neighbours.planes, lambda found: found["receipts"], "decision", neighbours.acme.decision_id, caller=ACME
    )
    assert "acme is content" in json.dumps(mine)
    assert "globex" not in json.dumps(mine)


async def test_a_decision_of_another_tenant_is_not_run(neighbours: Neighbours) -> None:
    async with client(neighbours.planes, GLOBEX) as thief, client(neighbours.planes, ACME) as owner:
        stolen = await owner.decide(PROMPT)
        with pytest.raises(DecisionRefused) as refused:
            await thief.generate(stolen)
        assert refused.value.reason == "TENANT_MISMATCH"


async def test_nobody_speaks_of_the_decisions_of_others(neighbours: Neighbours) -> None:
    async with client(neighbours.planes, GLOBEX) as globex, web(neighbours.planes) as ask:
        with pytest.raises(NotFound):
            await globex.feedback(neighbours.acme, quality=0)
        status, _ = await ask(
            "POST", "/v1/feedback", caller=GLOBEX, json={"decision_id": neighbours.acme.decision_id, "quality": 0}
        )
        assert status == 404
    found = await told(neighbours.planes, lambda found: found["receipts"], "decision", neighbours.acme.decision_id)
    assert [one["label"] for one in found["feedback"]] == ["accepted"]


async def test_budgets_and_alerts_are_ones_own(neighbours: Neighbours) -> None:
    planes = neighbours.planes
    async with client(planes, ACME) as acme, client(planes, GLOBEX) as globex, web(planes) as ask:
        assert [status.account for status in await acme.budgets()] == [
            "each{tenant=acme}",
            "single{key=app,tenant=acme}",
        ]
        assert [status.account for status in await globex.budgets()] == [
            "each{tenant=globex}", "only-globex", "single{key=app,tenant=globex}",
        ]  # fmt: skip
        assert await acme.budgets(tenant="globex") == []
        with pytest.raises(NotFound):
            await acme.budget("only-globex")
        assert [account.account for account in (await acme.budget("each")).accounts] == ["each{tenant=acme}"]
        assert {alert.account for alert in await acme.budget_alerts()} == {"each{tenant=acme}"}
        assert {alert.account for alert in await globex.budget_alerts()} == {"each{tenant=globex}", "only-globex"}
        _, found = await ask("GET", "/v1/budget", caller=ACME)
        assert "globex" not in json.dumps(found)


async def test_reports_count_ones_own_alone(neighbours: Neighbours) -> None:
    planes = neighbours.planes
    for arguments in (["report", "--by", "tenant"], ["report", "--by", "workload,model"]):
        mine = (await command(planes, *arguments, "--json", caller=ACME)).json
        assert mine["totals"]["executed"] == 1
        assert mine["totals"]["labels"] == {"accepted": 1}
        assert len(mine["rows"]) == 1
        assert "globex" not in json.dumps(mine)
    both = (await command(planes, "report", "--by", "tenant", "--json")).json
    assert [row["group"]["tenant"] for row in both["rows"]] == ["acme", "globex"]
    async with web(planes) as ask:
        params = [("group_by", "tenant"), ("filter.tenants", "globex")]
        _, other = await ask("GET", "/v1/metrics", caller=ACME, params=params)
        assert (other["rows"], int(other["totals"]["requests"])) == ([], 0)


async def test_what_is_for_operators_alone_is_refused(neighbours: Neighbours) -> None:
    for arguments in (["audit", "erase", neighbours.globex.decision_id, "--reason", "spite"], ["keys", "rotate"]):
        refused = await command(neighbours.planes, *arguments, caller=ACME)
        assert (refused.code, "ACCESS_DENIED" in refused.err) == (1, True)


async def test_a_refusal_for_want_of_room_names_ones_own_account_alone(neighbours: Neighbours) -> None:
    planes = neighbours.planes
    async with client(planes, ACME) as acme:
        asked = (acme.decide(PROMPT, max_runs=10) for _ in range(40))
        refusals = await asyncio.gather(*asked, return_exceptions=True)
    told_of = " ".join(str(one) for one in refusals if isinstance(one, Exception))
    assert "tenant=acme" in told_of
    assert "globex" not in told_of
