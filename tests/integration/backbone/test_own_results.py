"""What callers say of answers is learned from the log, activated, and decided by: where it was said, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.artefacts import artefact
from tests.support.asking import client, command, covered, told
from tests.support.backbone import Backbone, backbone
from tests.unit.evaluation.test_routing import results
from turnout_client import Client

SUPPORT = {
    "workloads": [
        {"name": "support", "owner": "care", "policy": "cheap", "baseline": "large", "when": {"features": ["support"]}},
        {"name": "default", "owner": "platform", "policy": "cheap", "baseline": "large"},
    ],
    "policies": [{"name": "cheap", "strategy": "cheapest"}],
}
EACH = 24


@pytest_asyncio.fixture
async def planes(tmp_path: Path) -> AsyncIterator[Backbone]:
    async with backbone(tmp_path, sections=SUPPORT) as running:
        yield running


async def judged(turnout: Client, feature: str, quality: float) -> None:
    """Ask so many times, and say of each answer how good it was."""
    answers = await asyncio.gather(*(turnout.chat(f"Why is {at} odd?", feature=feature) for at in range(EACH)))
    assert {answer.model for answer in answers} == {"small"}
    await asyncio.gather(*(turnout.feedback(answer, quality=quality) for answer in answers))


async def recorded(planes: Backbone) -> None:
    """Wait until all of that is under a checkpoint. Raises TimeoutError."""
    await told(planes, lambda found: (found["totals"]["quality"] or {}).get("count", 0) == 2 * EACH, "report")
    await covered(planes)


async def test_a_model_that_fails_one_workload_is_left_there_and_kept_elsewhere(
    planes: Backbone, tmp_path: Path
) -> None:
    file = str(tmp_path / "own.turnout")
    async with client(planes) as turnout:
        await judged(turnout, "support", 0.1)
        await judged(turnout, "other", 1.0)
        await recorded(planes)
        made = (await command(planes, "train", "--from-log", "--out", file, "--json")).json
        assert made["results"] == {"with_feedback": 2 * EACH, "of_no_use": 0}
        assert made["decisions"] == 2 * EACH
        shifts = {(one["workload"], one["model"]): one["shift"] for one in made["experience"]}
        assert shifts["support", "small"] < -0.4 < 0 < shifts["default", "small"]

        used = (await command(planes, "learned", "import", file, "--activate", "--json")).json
        assert used["quality_model"]["digest"] == made["digest"]
        assert used["quality_model"]["workloads"] == ["default", "support"]
        shown = (await command(planes, "learned", "show")).out
        assert "own results of the workloads: default, support" in shown
        there = await turnout.chat("Why is the sky blue?", feature="support")
        elsewhere = await turnout.chat("Why is the sky blue?", feature="other")
        assert (there.model, elsewhere.model) == ("large", "small")

        await command(planes, "learned", "rollback")
        assert (await turnout.chat("Why is the sky blue?", feature="support")).model == "small"
    await covered(planes)
    verified = (await command(planes, "audit", "verify", "--json")).json
    assert verified["sound"], verified["faults"]
    assert (verified["replayed"], verified["not_replayed"]) == (2 * EACH + 3, 0)


@pytest.fixture
def base(tmp_path: Path) -> str:
    """A quality model in a file, by which the small model is good half of the time."""
    path = tmp_path / "base.turnout"
    path.write_bytes(artefact({"small": 0.5, "large": 0.9}))
    return str(path)


async def test_an_export_a_base_and_a_begin_are_taken_and_their_absence_is_told(
    planes: Backbone, tmp_path: Path, base: str
) -> None:
    export, file = str(tmp_path / "log.jsonl"), str(tmp_path / "own.turnout")
    empty = await command(planes, "train", "--from-log", "--out", file)
    assert (empty.code, "but at least 20 are needed: give feedback" in empty.err) == (1, True)
    async with client(planes) as turnout:
        await judged(turnout, "support", 0.9)
        await judged(turnout, "other", 0.5)
    await recorded(planes)
    await command(planes, "audit", "export", export)
    out_of = ("train", "--from-log", "--export", export, "--out", file, "--json")
    plain, more = (await command(planes, *out_of)).json, (await command(planes, *out_of, "--base", base)).json
    expected = [{one["workload"]: one["expected_without"] for one in made["experience"]} for made in (plain, more)]
    assert expected[0]["support"] > 0.9
    assert expected[1]["support"] < 0.6, "the base knows better than the catalog"
    table = str(results(tmp_path / "table.jsonl", count=120))
    both = (await command(planes, *out_of, table)).json
    assert both["tables"]["models"] == ["large", "small"]
    assert both["tables"]["prompts"] == 120
    assert {one["model"] for one in both["experience"]} == {"small"}
    late = await command(planes, "train", "--from-log", "--since", "2099-01-01", "--out", file)
    assert (late.code, "0 decisions were read" in late.err) == (1, True)
    shown = await command(planes, "train", "--from-log", "--out", file)
    assert f"learned from {2 * EACH} answers with feedback" in shown.out
    assert "too few results to hold any out" in shown.err
    for wrong in (
        ("--from-log", "--base", str(tmp_path / "absent")),
        ("--from-log", "--base", export),
        ("--base", base),
        ("--from-log", base, "--base", base),
        (),
    ):
        assert (await command(planes, "train", *wrong, "--out", file)).code == 2, wrong
