import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from turnout_cli.__main__ import app

runner = CliRunner()


def results(path: Path, count: int = 240, seed: int = 0) -> Path:
    """Prompts of two kinds: on sums the small model fails, on greetings it does as well as the large one."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        hard = number % 2 == 0
        words = " ".join(rng.choice(["apple", "river", "stone", "cloud", "tiger", "lamp"], 4).tolist())
        prompt = (
            f"Calculate the integral of {number} x squared over {words}"
            if hard
            else f"Greet {words} in a friendly way, number {number}"
        )
        weak = rng.random() < (0.2 if hard else 0.9)
        rows.append(
            {
                "prompt": prompt, "category": "sums" if hard else "greetings",
                "score|small": int(weak), "score|large": int(rng.random() < 0.9),
                "cost_usd|small": 0.001, "cost_usd|large": 0.01, "out_tokens|small": 10, "out_tokens|large": 12,
            }
        )  # fmt: skip
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def measured(*arguments: str) -> dict[str, object]:
    done = runner.invoke(app, ["eval", "routing", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_what_is_learned_beats_chance_on_questions_that_were_held_out(tmp_path: Path) -> None:
    path = str(results(tmp_path / "one.jsonl"))
    found = measured("--train", path, "--test", path, "--weak", "small", "--strong", "large")
    mean = found["mean"]
    assert isinstance(mean, dict)
    assert mean["turnout"]["apgr"]["value"] > 0.6
    assert mean["random"]["apgr"]["value"] == 0.5
    assert mean["oracle"]["apgr"]["value"] >= mean["turnout"]["apgr"]["value"]
    assert len(found["parts"]) == 5  # type: ignore[arg-type]


def test_a_pool_is_measured_by_cost_and_quality(tmp_path: Path) -> None:
    train, test = results(tmp_path / "one.jsonl"), results(tmp_path / "two.jsonl", seed=9)
    found = measured("--train", str(train), "--test", str(test), "--models", "small,large")
    routers = found["routers"]
    assert isinstance(routers, dict)
    assert routers["oracle"]["aiq"]["value"] >= routers["turnout"]["aiq"]["value"]


def test_on_a_narrow_terminal_no_figure_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = str(results(tmp_path / "one.jsonl", count=120))
    done = runner.invoke(
        app, ["eval", "routing", "--train", path, "--test", path, "--weak", "small", "--strong", "large"]
    )
    assert done.exit_code == 0
    assert "turnout" in done.output
    assert "…" not in done.stdout


def test_curves_are_drawn(tmp_path: Path) -> None:
    path = str(results(tmp_path / "one.jsonl", count=120))
    measured(
        "--train", path, "--test", path, "--weak", "small", "--strong", "large", "--plots", str(tmp_path / "plots")
    )
    assert (tmp_path / "plots" / "gap_by_calls.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (tmp_path / "plots" / "gap_by_cost.png").read_bytes().startswith(b"\x89PNG")


def test_without_the_extra_curves_are_drawn_as_svg_alone_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    path = str(results(tmp_path / "one.jsonl", count=120))
    asked = ["eval", "routing", "--train", path, "--test", path, "--weak", "small", "--strong", "large"]
    done = runner.invoke(app, [*asked, "--plots", str(tmp_path)])
    assert done.exit_code == 0
    assert [each.suffix for each in sorted(tmp_path.glob("gap_*"))] == [".svg", ".svg"]
    assert "turnout[plots]" in done.output


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (("--weak", "small", "--strong", "huge"), "it has small, large"),
        (("--weak", "small", "--strong", "small"), "named twice"),
        (("--weak", "large", "--strong", "small"), "no gap to recover"),
        (("--weak", "small", "--strong", "large", "--holdout", "colour"), "no column `colour`"),
    ],
)
def test_what_cannot_be_measured_is_told_with_a_way_out(tmp_path: Path, models: tuple[str, ...], said: str) -> None:
    path = str(results(tmp_path / "one.jsonl", count=60))
    done = runner.invoke(app, ["eval", "routing", "--train", path, "--test", path, *models])
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
