"""`turnout calibrate` finds the worth that a target needs on results of its own, and says why where it cannot."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from controlplane.catalog.load import load
from controlplane.decision.engine import decide
from controlplane.decision.model import Request
from controlplane.learning.artefact import decode
from controlplane.policy.model import Strategy, StrategyKind
from tests.support.backbone import deployment, model, replaced
from tests.support.catalogs import NOW, snapshot
from tests.support.exams import exams
from turnout_cli.__main__ import app
from turnout_cli.evaluation.tables import read
from turnout_cli.evaluation.targets import WORTHS, aimed, choose, read_as

runner = CliRunner()
NEAR = {"of": "large", "within": 0.05, "confidence": 0.9}
FREE = {"simple": 0, "moderate": 0, "complex": 0, "expert": 0}


def catalog(folder: Path, target: object = NEAR, **more: object) -> str:
    """A catalog whose only workload has a target."""
    document = {
        "version": 1,
        "models": [model("small", 1, 0.9), model("large", 10, 0.99)],
        "deployments": [deployment(name, "first", "http://127.0.0.1:9") for name in ("small", "large")],
        "workloads": [{"name": "desk", "owner": "care", "policy": "near", "baseline": "large"}],
        "policies": [{"name": "near", "strategy": {"kind": "value", "target": target}, "quality_floors": FREE, **more}],
    }
    return str(replaced(folder / "turnout.yaml", document))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quality model of 300 results, beside the table that it was trained on."""
    folder = tmp_path_factory.mktemp("trained")
    table = exams(folder / "trained.jsonl", 300, seed=1)
    done = runner.invoke(app, ["train", str(table), "--out", str(folder / "quality.turnout")])
    assert done.exit_code == 0, done.output
    return folder


def calibrated(trained: Path, folder: Path, table: Path, catalog_file: str, *more: str) -> Any:
    """The exit code, and what is told as JSON."""
    done = runner.invoke(
        app,
        ["calibrate", str(table), "--quality-model", str(trained / "quality.turnout"), "--catalog", catalog_file,
         "--workload", "desk", "--out", str(folder / "calibrated.turnout"), "--json", *more],
    )  # fmt: skip
    return done.exit_code, json.loads(done.stdout) if done.stdout else done.stderr


def test_a_target_is_calibrated_on_results_of_its_own_and_written_into_the_artefact(
    trained: Path, tmp_path: Path
) -> None:
    file = catalog(tmp_path)
    plot = tmp_path / "plot.svg"
    code, found = calibrated(trained, tmp_path, exams(tmp_path / "own.jsonl", 500, 2), file, "--plot", str(plot))
    assert (code, found["calibrated"], found["models"]) == (0, True, ["large", "small"])
    assert found["loss"] <= found["loss_bound"] <= 0.0501
    assert 0.1 < found["cost_saved"] < 0.7
    assert 0.4 < found["reference_share"] < 0.8
    assert "loss with the stated confidence" in plot.read_text(encoding="utf-8")
    learned = decode((tmp_path / "calibrated.turnout").read_bytes())
    (kept,) = learned.calibrations
    assert (kept.workload, kept.reference, kept.within_ppm, kept.prompts) == ("desk", "large", 50_000, found["prompts"])
    assert kept.worth_nanousd / 1e9 == found["worth_usd"]
    assert kept.prices == ((10_000_000_000,) * 2, (1_000_000_000,) * 2)


def test_too_few_prompts_are_refused_with_how_many_would_do(trained: Path, tmp_path: Path) -> None:
    code, found = calibrated(trained, tmp_path, exams(tmp_path / "own.jsonl", 40, 2), catalog(tmp_path))
    assert (code, found["calibrated"], found["file"]) == (1, False, "")
    assert "are too few to be sure of it" in found["reason"]
    assert found["prompts_needed"] > 40
    assert not (tmp_path / "calibrated.turnout").exists()
    enough = exams(tmp_path / "more.jsonl", 2 * found["prompts_needed"], 3)
    assert calibrated(trained, tmp_path, enough, catalog(tmp_path))[0] == 0


def test_what_the_quality_model_was_trained_on_is_not_tested_on(trained: Path, tmp_path: Path) -> None:
    code, told = calibrated(trained, tmp_path, trained / "trained.jsonl", catalog(tmp_path))
    assert code == 2
    assert "0 prompts are left to test on; " in told
    assert "300 are not used: the quality model was trained on it" in told.replace("\n", " ")


def test_what_it_takes_at_each_worth_is_what_a_decision_with_that_worth_takes(trained: Path, tmp_path: Path) -> None:
    aim = aimed(load(Path(catalog(tmp_path))), "desk")
    learned = decode((trained / "quality.turnout").read_bytes())
    table = read(exams(tmp_path / "own.jsonl", 30, 5))
    reads = read_as(aim, table.prompts, lambda _what, _share: None)
    chosen = choose(aim, learned, ("large", "small"), reads, np.arange(30), lambda _what, _share: None)
    assert chosen.choices.shape == (30, len(WORTHS))
    assert (np.diff(chosen.choices, axis=1) >= 0).all(), "the lower the worth, the cheaper"
    assert {0, 1} == set(chosen.choices.ravel().tolist())
    for at in range(0, len(WORTHS), 30):
        strategy = Strategy(kind=StrategyKind.VALUE, worth_nanousd=WORTHS[at])
        policies = {aim.policy.name: replace(aim.policy, strategy=strategy)}
        reading = snapshot(replace(aim.catalog, policies=policies, learned=learned))
        for row, read_one in enumerate(reads):
            request = Request(features=read_one.features, classification=read_one.classification)
            decided = decide(request, reading, now=NOW, draw=0.9)
            assert decided.targets[0].model == chosen.models[chosen.choices[row, at]]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"strategy": "cheapest"}, "the policy near of the workload desk has no target"),
        ({"classifiers": ["rules", {"llm": {"workload": "desk"}}]}, "whose answers cannot be made again here (llm)"),
        ({"strategy": {"kind": "value", "target": {**NEAR, "of": "huge"}}}, "there is no model `huge`"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_with_the_way_out(
    trained: Path, tmp_path: Path, more: dict[str, object], said: str
) -> None:
    code, told = calibrated(trained, tmp_path, exams(tmp_path / "own.jsonl", 40, 2), catalog(tmp_path, **more))
    assert code == 2
    assert said in told.replace("\n", " ")


def test_a_table_without_the_reference_or_any_other_model_is_refused(trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    for row, said in (
        ({"prompt": "Hello", "score|small": 1}, "no scores of the reference large"),
        ({"prompt": "Hello", "score|large": 1}, "no model of the catalog has scores for half of its prompts"),
    ):
        path.write_text("\n".join(json.dumps(row) for _ in range(30)), encoding="utf-8")
        code, told = calibrated(trained, tmp_path, path, catalog(tmp_path))
        assert (code, said in told.replace("\n", " ")) == (2, True)


def test_a_person_sees_the_worth_the_loss_and_the_way_on(trained: Path, tmp_path: Path) -> None:
    own = exams(tmp_path / "own.jsonl", 500, 2)
    done = runner.invoke(
        app, ["calibrate", str(own), "--quality-model", str(trained / "quality.turnout"), "--catalog",
              catalog(tmp_path), "--workload", "desk", "--out", str(tmp_path / "made")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "at most 5 points below large with 90 % confidence, for the workload desk" in done.stdout
    assert "puts it in force" in done.stdout
