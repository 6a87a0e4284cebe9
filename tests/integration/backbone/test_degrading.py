"""Near the end of a budget that degrades: cheaper models, a lower floor, and a record that says so."""

from pathlib import Path

from tests.support.asking import balances, client, command, told
from tests.support.backbone import Json, backbone, model
from turnout_client import BudgetExceeded, Client, Decision, Notice

PROMPT = "Why is the sky blue?"
FLOOR = 0.9
SECTIONS: Json = {
    "models": [model("small", 1, 0.85), model("large", 10, 0.99, provider="second")],
    "policies": [
        {
            "name": "cheap",
            "strategy": "cheapest",
            "quality_floors": dict.fromkeys(("simple", "moderate", "complex", "expert"), FLOOR),
            "budget": {"near_end": "degrade", "below": 0.999, "quality_step": 0.1},
            "limits": {"fallbacks": 0},
        },
        {"name": "best", "strategy": {"kind": "fixed", "models": ["large"]}},
    ],
    "budgets": [{"name": "pot", "limit_usd": 0.1, "window": "total"}],
}


async def floor_of(turnout: Client, **options: float) -> tuple[float, str]:
    """The floor of now, and who asks for it."""
    explained = await turnout.explain(PROMPT, **options)  # type: ignore[arg-type]
    return explained.quality_floor, explained.floor_source


def floor_in(explained: Json) -> float:
    """The floor that was recorded."""
    return float(explained["quality_floor"]["quality_ppm"] / 1_000_000)


async def test_below_the_share_cheaper_models_are_taken_by_a_lower_floor_and_the_record_says_so(tmp_path: Path) -> None:
    async with backbone(tmp_path, sections=SECTIONS) as planes, client(planes) as turnout:
        assert await floor_of(turnout) == (FLOOR, "complexity")
        before = await turnout.chat(PROMPT)
        assert (before.model, Notice.BUDGET_LOW in before.decision.plan.notices) == ("large", False)
        await planes.control.meter.until("turnout.receipts")
        left = 1 - (await balances(planes.control))["pot"].spent / 100_000_000
        assert 0.99 < left < 0.999
        after = await turnout.chat(PROMPT)
        assert (after.model, Notice.BUDGET_LOW in after.decision.plan.notices) == ("small", True)
        lower, source = await floor_of(turnout)
        assert (round(lower, 6), source) == (0.8, "complexity")
        found = await told(planes, lambda found: found["receipts"], "decision", after.decision_id)
        explained = found["explained"]
        assert explained["difference"] == ""
        assert floor_in(explained) == round(lower, 6)
        assert any("pot has" in step for step in explained["steps"]), explained["steps"]
        shown = await command(planes, "decision", after.decision_id)
        assert "budget_low" in shown.out
        assert "pot has" in shown.out
        kept = await told(planes, lambda found: found["explained"], "decision", before.decision_id)
        assert floor_in(kept["explained"]) == FLOOR, "by what was spent then"
        assert kept["explained"]["difference"] == ""


async def test_a_control_plane_that_starts_again_knows_how_budgets_stand(tmp_path: Path) -> None:
    async with backbone(tmp_path, sections=SECTIONS) as planes, client(planes) as turnout:
        await turnout.chat(PROMPT)
        await planes.control.meter.until("turnout.receipts")
        await planes.restart()
        assert (await floor_of(turnout))[0] < FLOOR
        assert (await turnout.decide(PROMPT)).model == "small"


async def test_what_a_request_insists_on_holds_near_the_end_too(tmp_path: Path) -> None:
    async with backbone(tmp_path, sections=SECTIONS) as planes, client(planes) as turnout:
        await turnout.chat(PROMPT)
        await planes.control.meter.until("turnout.receipts")
        insisting = await turnout.decide(PROMPT, min_quality=0.95)
        assert insisting.model == "large"
        assert (await floor_of(turnout, min_quality=0.95))[0] == 0.95


async def test_what_has_no_room_is_passed_over_until_nothing_is_left(tmp_path: Path) -> None:
    budgets = [{"name": "pot", "limit_usd": 0.02, "window": "total"}]
    async with backbone(tmp_path, sections={**SECTIONS, "budgets": budgets}) as planes, client(planes) as turnout:
        taken: list[Decision] = []
        refused: BudgetExceeded | None = None
        while refused is None:
            try:
                taken.append(await turnout.decide(PROMPT))
            except BudgetExceeded as none_left:
                refused = none_left
        assert [decision.model for decision in taken] == ["small"] * 4
        assert refused.reason == "BUDGET_IN_FLIGHT"
        explained = await turnout.explain(PROMPT)
        assert {row.deployment: row.exclusion and row.exclusion.value for row in explained.candidates} == {
            "first/small": "budget", "second/large": "budget",
        }  # fmt: skip
