"""Feedback by the client, the command and over HTTP, until it stands in reports and at its decision."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.asking import client, command, told, web
from tests.support.backbone import Backbone, backbone
from turnout_client import Conflict, NotFound

PROMPT = "Why is the sky blue?"
UNKNOWN = "00000000-0000-7000-8000-000000000000"


@pytest_asyncio.fixture
async def planes(tmp_path: Path) -> AsyncIterator[Backbone]:
    async with backbone(tmp_path, http="127.0.0.1:0") as running:
        yield running


async def test_what_is_said_by_three_ways_stands_at_the_decision_and_in_the_report(planes: Backbone) -> None:
    async with client(planes) as turnout, web(planes) as ask:
        answers = [await turnout.chat(PROMPT) for _ in range(3)]
        one, two, three = (answer.decision_id for answer in answers)
        assert await turnout.feedback(answers[0], quality=0.9, label="accepted", comment="to the point")
        said = await command(planes, "feedback", two, "--quality", "0.7", "--label", "corrected", caller="local")
        assert (said.code, two in said.out) == (0, True)
        body = {"decision_id": three, "quality": 0.2, "label": "refused", "success": False}
        assert await ask("POST", "/v1/feedback", json=body) == (200, {"fresh": True})
        quality = await told(planes, lambda found: count(found) == 3, "report")
        assert quality["totals"]["labels"] == {"accepted": 1, "corrected": 1, "refused": 1}
        assert quality["totals"]["quality"]["mean"] == pytest.approx(0.6, abs=0.01)
        assert (quality["totals"]["executed"], quality["totals"]["successful"]) == (3, 2)
        shown = await command(planes, "decision", one)
        assert "feedback of local: quality 0.90, accepted to the point" in shown.out
        assert "feedback of local: quality 0.20, refused, failed" in (await command(planes, "decision", three)).out
        by_model = (await command(planes, "report", "--by", "model", "--json")).json
        assert [(row["group"]["model"], row["figures"]["quality"]["count"]) for row in by_model["rows"]] == [
            ("small", 3)
        ]
        _, figures = await ask("GET", "/v1/metrics", caller="operator")
        assert int(figures["totals"]["executed"]) == 3


def count(found: dict[str, dict[str, dict[str, int] | None]]) -> int:
    """How many spoke of quality."""
    return (found["totals"]["quality"] or {}).get("count", 0)


async def test_what_is_sent_again_counts_once_and_what_is_said_later_takes_its_place(planes: Backbone) -> None:
    async with client(planes) as turnout:
        answer = await turnout.chat(PROMPT)
        assert await turnout.feedback(answer, quality=0.2, request_id="f-1")
        assert not await turnout.feedback(answer, quality=0.2, request_id="f-1")
        assert await turnout.feedback(answer, quality=0.8, request_id="f-2")
        found = await told(planes, lambda found: mean(found) and mean(found) > 0.5, "report")
        assert (count(found), round(mean(found), 2)) == (1, 0.8)
        at_decision = (await command(planes, "decision", answer.decision_id, "--json")).json["feedback"]
        assert [one["quality_ppm"] for one in at_decision] == [200_000, 800_000]


def mean(found: dict[str, dict[str, dict[str, float] | None]]) -> float:
    return (found["totals"]["quality"] or {}).get("mean", 0)


async def test_unknown_and_late_ones_are_refused_by_every_way(planes: Backbone) -> None:
    async with client(planes) as turnout, web(planes) as ask:
        old = await turnout.chat(PROMPT)
        with pytest.raises(NotFound) as unknown:
            await turnout.feedback(UNKNOWN, success=True)
        assert unknown.value.field == "decision_id"
        said = await command(planes, "feedback", UNKNOWN, "--success", caller="local")
        assert (said.code, "NOT_FOUND" in said.err) == (1, True)
        await planes.control.pass_by(timedelta(days=31))
        with pytest.raises(Conflict) as late:
            await turnout.feedback(old, quality=1)
        assert late.value.reason == "FEEDBACK_LATE"
        said = await command(planes, "feedback", old.decision_id, "--quality", "1", caller="local")
        assert (said.code, "FEEDBACK_LATE" in said.err) == (1, True)
        status, body = await ask("POST", "/v1/feedback", json={"decision_id": old.decision_id, "quality": 1})
        assert (status, body["error"]["reason"]) == (400, "FEEDBACK_LATE")
    assert (await command(planes, "decision", old.decision_id, "--json")).json["feedback"] == []


async def test_a_decision_that_was_not_run_may_be_spoken_of(planes: Backbone) -> None:
    async with client(planes) as turnout:
        decision = await turnout.decide(PROMPT)
        assert await turnout.feedback(decision, label="escalated")
    found = await told(planes, lambda found: found["feedback"], "decision", decision.decision_id)
    assert (found["feedback"][0]["label"], found["receipts"]) == ("escalated", [])
