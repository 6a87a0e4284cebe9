"""What `turnout up` records, and the commands that read it."""

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from tests.support.commands import Result, begin, finished
from tests.support.stacks import PATIENCE, environment
from turnout_cli.__main__ import app

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = "Translate into French: good morning, dear colleagues."


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """A running `turnout up`, and the decisions that were made: one that was run, one that was not."""

    process: Process
    folder: Path
    variables: Mapping[str, str]
    run: str
    unused: str

    async def ask(self, *arguments: str) -> Result:
        """What a command gave."""
        return await asyncio.to_thread(invoked, arguments, self.variables)

    async def told(self, enough: Callable[[Any], object], *arguments: str) -> Any:
        """What a command gave as JSON, as soon as it says enough."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = (await self.ask(*arguments, "--json")).json
                if enough(found):
                    return found


def invoked(arguments: Sequence[str], variables: Mapping[str, str]) -> Result:
    """A command in this process."""
    result = CliRunner().invoke(app, arguments, env={**variables, "COLUMNS": "150"})
    return Result(code=result.exit_code, out=result.stdout, err=result.stderr)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    folder = tmp_path_factory.mktemp("audit")
    variables = environment(TURNOUT_STATE=str(folder / "state"))
    ports = ("--control-port", "0", "--worker-port", "0", "--workers", "1")
    process = await begin("up", "--sandbox", "--json", *ports, environment=variables)
    assert process.stdout is not None
    try:
        await asyncio.wait_for(process.stdout.readline(), 60)
        run = await asyncio.to_thread(invoked, ("chat", PROMPT, "--json"), variables)
        unused = await asyncio.to_thread(invoked, ("route", PROMPT, "--json"), variables)
        yield Up(
            process=process, folder=folder, variables=variables,
            run=run.json["decision_id"], unused=unused.json["decision_id"],
        )  # fmt: skip
    finally:
        if process.returncode is None:
            process.terminate()
        await finished(process)


async def test_a_decision_tells_why_and_what_came_of_it(up: Up) -> None:
    found = await up.told(lambda found: found["receipts"] and found["inclusion"], "decision", up.run)
    assert found["explained"]["difference"] == ""
    assert found["cost_nanousd"] == found["receipts"][0]["receipt"]["cost_nanousd"] > 0
    result = await up.ask("decision", up.run, "--why-not", "gpt-4o")
    assert result.code == 0
    assert "made again from the record: the same, byte for byte" in result.out
    assert "why not: openai/gpt-4o may serve, but" in result.out
    assert "succeeded" in result.out
    assert "leaf " in result.out


async def test_a_decision_that_was_not_run_says_so_and_is_found_by_the_begin_of_its_id(up: Up) -> None:
    found = await up.told(lambda found: len(found["decisions"]) == 2, "decisions")
    assert [one["decision_id"] for one in found["decisions"]] == [up.unused, up.run]
    result = await up.ask("decision", up.unused[:18])
    assert "not executed" in result.out
    none = await up.ask("decision", "ffff")
    assert none.code == 2
    assert "no decision begins with that" in none.err


async def test_decisions_are_filtered(up: Up) -> None:
    await up.told(lambda found: any(one["result"] for one in found["decisions"]), "decisions")
    assert up.run in (await up.ask("decisions", "--result", "succeeded")).out
    assert up.run not in (await up.ask("decisions", "--result", "none")).out
    assert "no decision fits" in (await up.ask("decisions", "--model", "nothing")).out
    assert (await up.ask("decisions", "--since", "soon")).code == 2


async def test_the_log_of_a_running_control_plane_is_verified_and_reconciled(up: Up) -> None:
    await up.told(lambda found: found["inclusion"] and found["receipts"], "decision", up.run)
    verified = await up.ask("audit", "verify", "--json")
    assert verified.code == 0, verified.out
    found = verified.json
    assert found["sound"]
    assert found["replayed"] >= 1
    reconciled = await up.ask("audit", "reconcile", "--json")
    assert reconciled.code == 0
    assert reconciled.json["receipts"] == 1


async def test_an_exported_log_is_verified_against_a_kept_checkpoint(up: Up) -> None:
    await up.told(lambda found: found["inclusion"], "decision", up.run)
    kept, file = up.folder / "kept.txt", up.folder / "log.jsonl"
    kept.write_text((await up.ask("audit", "checkpoint")).out)
    assert (await up.ask("audit", "export", str(file))).code == 0
    verified = await up.ask("audit", "verify", "--export", str(file), "--from", str(kept))
    assert verified.code == 0
    lines = file.read_text().splitlines()
    entry = json.loads(lines[-1])
    entry["entry"]["body"] = "AAAA"
    file.write_text("\n".join([*lines[:-1], json.dumps(entry)]) + "\n")
    spoiled = await up.ask("audit", "verify", "--export", str(file))
    assert spoiled.code == 1
    assert "its body is not the one that its leaf commits to" in spoiled.out


async def test_erased_decisions_say_so_and_the_log_stays_sound(up: Up) -> None:
    assert (await up.ask("audit", "erase", up.unused)).code == 2, "a reason must be given"
    await up.told(lambda found: found["inclusion"], "decision", up.unused)
    erased = await up.ask("audit", "erase", up.unused, "--reason", "asked by the person")
    assert erased.code == 0, erased.err
    assert "1 bodies erased" in erased.out
    gone = await up.ask("decision", up.unused)
    assert gone.code == 1
    assert "RECORD_ERASED" in gone.err
    found = await up.told(lambda found: found["erased"] == 1 and found["sound"], "audit", "verify")
    assert found["faults"] == []
