"""The command line where it needs no running stack: help, wrong use, and checking a catalog."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tests.support.commands import turnout
from tests.support.stacks import environment
from turnout_cli.__main__ import app

RUNNER = CliRunner()
EXAMPLES = Path(__file__).parents[2] / "examples"


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every command; a group has commands of its own."""
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


EVERY = list(commands(typer.main.get_command(app)))


def test_every_command_of_the_readme_is_there() -> None:
    assert {" ".join(path) for path in EVERY} >= {
        *("demo", "up", "route", "explain", "classify", "chat", "version"),
        *("keys list", "keys prepare", "keys activate", "keys rotate", "keys revoke"),
        *("catalog check", "catalog show"),
    }


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_tells_what_it_does(path: tuple[str, ...]) -> None:
    for flag in ("--help", "-h"):
        result = RUNNER.invoke(app, [*path, flag])
        assert result.exit_code == 0
        assert "Usage:" in result.output
        assert "\x1b" not in result.output
        assert len(result.output.splitlines()) > 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no-such-command"], "No such command"),
        (["route"], "Missing argument"),
        (["route", "x", "--min-quality", "2"], "--min-quality"),
        (["demo", "--limit", "0"], "--limit"),
        (["up", "--workers", "0"], "--workers"),
        (["up", "--sandbox", "--catalog", "turnout.yaml"], "--sandbox"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_use_exits_with_2_and_names_what_is_wrong(arguments: list[str], told: str) -> None:
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_a_valid_catalog(path: Path) -> None:
    result = RUNNER.invoke(app, ["catalog", "check", str(path)])
    assert (result.exit_code, result.stdout.strip().endswith("valid")) == (0, True)
    told = RUNNER.invoke(app, ["catalog", "check", str(path), "--json"])
    assert told.exit_code == 0
    assert json.loads(told.stdout) == {"file": str(path), "problems": []}


def test_everything_wrong_with_a_catalog_is_said_with_file_line_and_way_out(tmp_path: Path) -> None:
    path = tmp_path / "turnout.yaml"
    path.write_text(
        "version: 1\nextends: default\npolicies:\n  - name: mine\n    strategy: {kind: fixed, models: [no-such-model]}\n"
        "workloads:\n  - name: w\n    owner: me\n    policy: no-such-policy\n    baseline: gpt-4o\n",
        encoding="utf-8",
    )
    result = RUNNER.invoke(app, ["catalog", "check", str(path)])
    assert result.exit_code == 1
    assert f"{path}:5" in result.stderr
    assert f"{path}:9" in result.stderr
    told = json.loads(RUNNER.invoke(app, ["catalog", "check", str(path), "--json"]).stdout)
    assert {problem["line"] for problem in told["problems"]} == {5, 9}
    assert "no-such-model" in result.stderr
    assert "no-such-policy" in result.stderr


def test_the_packaged_catalog_that_is_shown_is_valid_itself(tmp_path: Path) -> None:
    shown = RUNNER.invoke(app, ["catalog", "show"])
    assert shown.exit_code == 0
    path = tmp_path / "turnout.yaml"
    path.write_text(shown.stdout, encoding="utf-8")
    assert RUNNER.invoke(app, ["catalog", "check", str(path)]).exit_code == 0


async def test_without_a_running_stack_the_way_out_is_named(tmp_path: Path) -> None:
    result = await turnout("explain", "x", environment=environment(TURNOUT_STATE=str(tmp_path)))
    assert (result.code, result.out) == (2, "")
    assert "start it with `turnout up`" in result.err


async def test_an_address_where_nobody_answers_is_an_error_within_the_timeout(tmp_path: Path) -> None:
    variables = environment(TURNOUT_CONTROL="127.0.0.1:1", TURNOUT_WORKERS="127.0.0.1:1", TURNOUT_TOKEN="s3cret")
    result = await turnout("route", "x", "--timeout", "1", environment=variables)
    assert (result.code, result.out) == (1, "")
    assert "127.0.0.1:1" in result.err
    assert "s3cret" not in result.err
