"""`turnout train` writes an artefact that can be read again, and tells how well it expects what it did not see."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from controlplane.learning.artefact import decode, encode
from controlplane.learning.fitness import reading, unfit
from tests.unit.evaluation.test_routing import results
from turnout_cli.__main__ import app
from turnout_embedding import load as load_encoder

runner = CliRunner()


def trained(*arguments: str) -> Any:
    done = runner.invoke(app, ["train", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, bytes]:
    """What is told of an artefact of two tables, and the artefact."""
    folder = tmp_path_factory.mktemp("made")
    files = [str(results(folder / "one.jsonl", count=160)), str(results(folder / "two.jsonl", count=160, seed=3))]
    found = trained(*files, "--out", str(folder / "made"))
    assert found["sources"] == files
    return found, (folder / "made").read_bytes()


def test_an_artefact_of_two_files_is_written_under_its_digest_and_fits_this_software(made: tuple[Any, bytes]) -> None:
    found, content = made
    assert (sha256(content).hexdigest(), len(content)) == (found["digest"], found["bytes"])
    learned = decode(content)
    assert sorted(learned.models) == found["models"] == ["large", "small"]
    assert unfit(learned, load_encoder().name) == ""


def test_results_held_out_are_expected_better_than_by_the_share_alone(made: tuple[Any, bytes]) -> None:
    (small,) = [one for one in made[0]["held_out"]["models"] if one["model"] == "small"]
    assert small["log_loss_least"] <= small["log_loss"] < small["log_loss_usual"]
    assert 32 <= small["prompts"] == made[0]["held_out"]["prompts"] <= 96


def test_results_without_any_pattern_are_not_said_to_be_expected(tmp_path: Path) -> None:
    """The control: where chance alone decides, the report must not show a gain."""
    rng = np.random.default_rng(5)
    rows = [{"prompt": f"Question {number} of many", "score|one": int(rng.random() < 0.5)} for number in range(200)]
    path = tmp_path / "chance.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = trained(str(path), "--out", str(tmp_path / "made"))
    (one,) = found["held_out"]["models"]
    assert one["log_loss"] > np.log(2) - 0.08


def test_a_person_sees_the_figures_and_the_digest(tmp_path: Path) -> None:
    done = runner.invoke(
        app, ["train", str(results(tmp_path / "one.jsonl", count=120)), "--out", str(tmp_path / "made")]
    )
    assert done.exit_code == 0, done.output
    assert f"digest {sha256((tmp_path / 'made').read_bytes()).hexdigest()}" in done.stdout.replace("\n", " ")
    assert "log loss" in done.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"prompt": "Hello"}', "no column `score|MODEL`"),
        ('{"text": "Hello", "score|a": 1}', "no column `prompt`"),
        ('{"prompt": "Hello", "score|a": 2}', "a score is from 0 to 1"),
        ('{"prompt": "Hello", "score|a": 1}', "at least 100 are needed"),
    ],
)
def test_a_table_that_nothing_can_be_learned_from_is_told_with_a_way_out(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text(content, encoding="utf-8")
    done = runner.invoke(app, ["train", str(path), "--out", str(tmp_path / "made")])
    assert done.exit_code == 2
    assert said in done.output.replace("\n", " ")
    assert not (tmp_path / "made").exists()


def test_a_file_that_is_named_twice_and_a_folder_that_is_not_there_are_told(tmp_path: Path) -> None:
    path = str(results(tmp_path / "one.jsonl", count=120))
    twice = runner.invoke(app, ["train", path, path, "--out", str(tmp_path / "made")])
    nowhere = runner.invoke(app, ["train", path, "--out", str(tmp_path / "none" / "made")])
    assert (twice.exit_code, nowhere.exit_code) == (2, 2)
    assert "named twice" in twice.output
    assert "is not there" in nowhere.output.replace("\n", " ")


def test_another_encoder_and_another_way_of_reading_are_refused_with_the_reason(made: tuple[Any, bytes]) -> None:
    learned = decode(made[1])
    assert "with the encoder static-" in unfit(learned, "another")
    older = decode(encode(replace(learned, version="reading-older")))
    assert "reads requests in another way (reading-older; here it is " + reading() in unfit(older, load_encoder().name)
