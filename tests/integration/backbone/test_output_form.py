"""Answers that had to be JSON: the worker judges them after they went out, its receipt says so, and the figures count it."""

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.asking import client, command, told
from tests.support.backbone import Backbone, backbone, model
from tests.support.provider import answer
from turnout_client import Finish

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECRET = "zanzibarquokka"
CAPABLE = {"capabilities": ["code", "reasoning", "creative", "json", "json_schema"]}
CITY = {"type": "object", "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}}, "required": ["city"]}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}
JSON = {"type": "json_object"}
BACKREFERENCE = {
    "type": "json_schema",
    "json_schema": {"name": "x", "schema": {"properties": {"a": {"pattern": r"(a)\1"}}}},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def planes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backbone]:
    """Both planes, with models that take schemas."""
    models = [model("small", 1, 0.96, **CAPABLE), model("large", 10, 0.99, provider="second", **CAPABLE)]
    async with backbone(tmp_path_factory.mktemp("planes"), sections={"models": models}) as running:
        yield running


async def ran(planes: Backbone, text: str, *, streamed: bool, **asked: Any) -> str:
    """Ask, and get that answer: the decision's id. What the caller gets is whole and untouched."""
    half = len(text) // 2
    planes.providers.then("first", answer(text[:half], text[half:]))
    async with client(planes) as turnout:
        if not streamed:
            whole = await turnout.chat("Which city?", **asked)
            assert whole.text == text
            return whole.decision_id
        said, end = "", None
        async with turnout.chat_stream("Which city?", **asked) as events:
            async for event in events:
                said += getattr(event, "text", "")
                end = event
        assert said == text
        assert isinstance(end, Finish)
        return end.receipt.decision_id


async def recorded(planes: Backbone, decision_id: str) -> Any:
    """What `turnout decision` tells of its run."""
    found = await told(planes, lambda found: found["receipts"], "decision", decision_id)
    return found["receipts"][0]["receipt"]["output_check"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("form", "text", "check"),
    [
        (SCHEMA, '{"city": "Oslo"}', "valid"),
        (SCHEMA, '{"city": "oslo"}', "schema_mismatch"),
        (SCHEMA, "Oslo.", "not_json"),
        (JSON, '{"any": 1}', "valid"),
        (JSON, "```json\n{}\n```", "not_json"),
        (BACKREFERENCE, '{"a": "aa"}', "unknown"),
        (None, "Oslo.", "unknown"),
    ],
)
async def test_what_was_judged_is_in_the_record(
    planes: Backbone, form: Any, text: str, check: str, streamed: bool
) -> None:
    asked = {} if form is None else {"response_format": form}
    decision_id = await ran(planes, text, streamed=streamed, **asked)
    assert await recorded(planes, decision_id) == check


async def test_people_see_it_and_figures_count_it_as_no_success(tmp_path: Path) -> None:
    models = [model("small", 1, 0.96, **CAPABLE), model("large", 10, 0.99, provider="second", **CAPABLE)]
    async with backbone(tmp_path, sections={"models": models}) as planes:
        await ran(planes, '{"city": "Oslo"}', streamed=False, response_format=SCHEMA)
        bad = await ran(planes, "Oslo.", streamed=True, response_format=SCHEMA)
        report = await told(planes, lambda found: found["totals"]["executed"] == 2, "report")
        assert report["totals"]["signals"]["schema_invalid"] == 1
        assert (report["totals"]["succeeded"], report["totals"]["successful"]) == (2, 1)
        assert "answer is no JSON" in (await command(planes, "decision", bad)).out
        assert "schema_invalid 1" in (await command(planes, "report")).out


async def test_no_word_of_what_was_judged_is_kept(planes: Backbone, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for text in (f"{SECRET}.", json.dumps({"city": SECRET}), json.dumps({"a": SECRET})):
        for form in (SCHEMA, BACKREFERENCE):
            await recorded(planes, await ran(planes, text, streamed=False, response_format=form))
    bodies = await planes.control.store.database.fetch("SELECT body FROM entry")
    assert not [body for (body,) in bodies if isinstance(body, bytes) and SECRET.encode() in body]
    assert SECRET not in "".join(each.getMessage() for each in caplog.records if each.name.startswith("dataplane"))


async def test_a_worker_that_goes_down_reports_what_it_judges(tmp_path: Path) -> None:
    models = [model("small", 1, 0.96, **CAPABLE), model("large", 10, 0.99, provider="second", **CAPABLE)]
    async with backbone(tmp_path, sections={"models": models}) as planes:
        decision_id = await ran(planes, "Oslo.", streamed=False, response_format=JSON)
        await planes.worker.stop()
        assert await recorded(planes, decision_id) == "not_json"
