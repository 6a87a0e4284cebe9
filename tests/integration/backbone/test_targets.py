"""From a table to decisions by a target of quality, through the real control plane: trained, calibrated, activated, and out of force."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.support.asking import command, covered
from tests.support.backbone import Backbone, Json, asked, backbone, document, model, opened, replaced
from tests.support.exams import WORDS, exams, greeting, sums
from turnout.routing.v1 import decision_pb2, routing_pb2

FREE = {"simple": 0, "moderate": 0, "complex": 0, "expert": 0}
TARGET = {"of": "large", "within": 0.1, "confidence": 0.9}
AIMED: Json = {
    "policies": [{"name": "near", "strategy": {"kind": "value", "target": TARGET}, "quality_floors": FREE}],
    "workloads": [{"name": "desk", "owner": "care", "policy": "near", "baseline": "large"}],
}
EASY = [greeting(" ".join(WORDS[start : start + 7])) for start in range(0, 28, 4)]
HARD = sums("cloud engine desert zebra valley yard anchor")
UNCALIBRATED = decision_pb2.NOTICE_TARGET_UNCALIBRATED


@pytest_asyncio.fixture
async def planes(tmp_path: Path) -> AsyncIterator[Backbone]:
    async with backbone(tmp_path, sections=AIMED) as running:
        yield running


async def taken(planes: Backbone, text: str) -> tuple[str, bool]:
    """The first model, and whether the decision says that its target is not calibrated. The reason is the value each time."""
    decided = opened((await planes.decide(asked(text))).decision)
    assert decided.reason.code == decision_pb2.REASON_CODE_VALUE
    return decided.targets[0].model, UNCALIBRATED in decided.reason.notices


async def calibrated(planes: Backbone, folder: Path) -> tuple[str, Any]:
    """The file of an artefact that was trained on one table and calibrated on another, and what was told of it."""
    tables = await asyncio.to_thread(
        lambda: [str(exams(folder / f"{name}.jsonl", count, count)) for name, count in (("old", 300), ("own", 500))]
    )
    plain, file = str(folder / "quality.turnout"), str(folder / "calibrated.turnout")
    await command(planes, "train", tables[0], "--out", plain)
    made = await command(
        planes, "calibrate", tables[1], "--quality-model", plain, "--catalog", str(planes.catalog), "--workload", "desk",
        "--out", file, "--json",
    )  # fmt: skip
    assert made.code == 0, made.err
    return file, made.json


async def steps(planes: Backbone, text: str) -> str:
    found = await planes.router(routing_pb2.ExplainRouteRequest(request=asked(text)))
    return "\n".join(found.steps)


async def test_a_target_is_in_force_from_its_activation_until_a_price_changes_and_every_decision_is_made_again(
    planes: Backbone, tmp_path: Path
) -> None:
    assert [await taken(planes, text) for text in (EASY[0], HARD)] == [("large", True)] * 2
    assert "no quality model is in use, so only large counts as good enough" in await steps(planes, HARD)

    file, made = await calibrated(planes, tmp_path)
    used = (await command(planes, "learned", "import", file, "--activate", "--json")).json
    assert used["quality_model"]["digest"] == made["digest"]
    (kept,) = used["quality_model"]["calibrations"]
    assert (kept["workload"], kept["prompts"], kept["worth_nanousd"] / 1e9) == (
        "desk",
        made["prompts"],
        made["worth_usd"],
    )
    assert (
        "calibrated for desk: at most 10 points below large with 90 % confidence"
        in (await command(planes, "learned", "show")).out
    )
    found = {text: await taken(planes, text) for text in EASY}
    assert {uncalibrated for _, uncalibrated in found.values()} == {False}
    easy, *others = [text for text, (name, _) in found.items() if name == "small"]
    assert len(others) >= 3, found
    assert await taken(planes, HARD) == ("large", False)
    assert "with 90 % confidence: calibrated on" in await steps(planes, easy)

    dearer = [model("small", 2, 0.96), model("large", 10, 0.99, provider="second")]
    replaced(planes.catalog, document(planes.providers.address, **AIMED, models=dearer))
    planes.control.state.catalog.reload()
    assert [await taken(planes, text) for text in (easy, HARD)] == [("large", True)] * 2
    assert "the prices of small were $1.00 and $1.00 per million tokens then, and are $2.00 and $2.00" in await steps(
        planes, easy
    )

    replaced(planes.catalog, document(planes.providers.address, **AIMED))
    planes.control.state.catalog.reload()
    assert await taken(planes, easy) == ("small", False)
    lower = {**AIMED["policies"][0], "quality_floors": {**FREE, "expert": 0.1}}
    replaced(planes.catalog, document(planes.providers.address, **{**AIMED, "policies": [lower]}))
    planes.control.state.catalog.reload()
    assert await taken(planes, easy) == ("large", True)
    assert "facts about the models have changed since" in await steps(planes, easy)

    await covered(planes)
    verified = (await command(planes, "audit", "verify", "--json")).json
    assert verified["sound"], verified["faults"]
    assert (verified["replayed"], verified["not_replayed"]) == (2 + len(EASY) + 5, 0)
