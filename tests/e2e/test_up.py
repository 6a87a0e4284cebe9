"""`turnout up --sandbox`, and the commands that talk to it."""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from tests.support.commands import Result, begin, finished, turnout
from tests.support.stacks import MARK, alive, environment, gone, running_with
from turnout_cli.__main__ import app
from turnout_cli.stack import RUN_FILE

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = "Translate into French: good morning, dear colleagues."
PORTS = ("--control-port", "0", "--worker-port", "0")
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "route": ("route", PROMPT),
    "route --json": ("route", "-", "--json", "--min-quality", "0.9"),
    "route, impossible": ("route", PROMPT, "--model", "gpt-4o", "--max-cost", "0.000000001"),
    "explain": ("explain", PROMPT),
    "explain, some out": ("explain", PROMPT, "--min-quality", "0.97", "--why-not", "gpt-4o", "--why-not", "gpt-9"),
    "explain --json": ("explain", PROMPT, "--json"),
    "explain, impossible": ("explain", PROMPT, "--max-cost", "0.000000001", "--json"),
    "classify --json": ("classify", PROMPT, "--json"),
    "chat": ("chat", PROMPT),
    "chat --json": ("chat", PROMPT, "--json", "--provider", "openai"),
    "keys list": ("keys", "list"),
    "keys activate": ("keys", "activate", "no-such-key"),
}
PROCESSES = ("route --json", "route, impossible", "chat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """A running `turnout up`, what it announced, and what every command against it gave."""

    process: Process
    mark: str
    facts: Mapping[str, Any]
    variables: Mapping[str, str]
    results: Mapping[str, Result]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    folder = tmp_path_factory.mktemp("up")
    variables = environment(**{"TURNOUT_STATE": str(folder / "state"), MARK: folder.name})
    process = await begin("up", "--sandbox", "--json", *PORTS, environment=variables)
    assert process.stdout is not None
    try:
        facts = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
        results = {name: await run(name, variables) for name in COMMANDS}
        yield Up(process=process, mark=folder.name, facts=facts, variables=variables, results=results)
    finally:
        if process.returncode is None:
            process.terminate()
        await finished(process)


async def run(name: str, variables: Mapping[str, str]) -> Result:
    """What a command gave: some as processes of their own, most in a thread of this one, which costs no start of Python."""
    arguments = COMMANDS[name]
    stdin = PROMPT if "-" in arguments else None
    if name in PROCESSES:
        return await turnout(*arguments, environment=variables, stdin=stdin)
    return await asyncio.to_thread(invoked, arguments, variables, stdin)


def invoked(arguments: Sequence[str], variables: Mapping[str, str], stdin: str | None) -> Result:
    """The same in this process."""
    result = CliRunner().invoke(app, arguments, env=dict(variables), input=stdin)
    return Result(code=result.exit_code, out=result.stdout, err=result.stderr)


async def test_it_says_where_everything_is(up: Up) -> None:
    assert up.facts["event"] == "up"
    assert len(up.facts["workers"]) == 2
    assert up.facts["http"].startswith("http://127.0.0.1:")
    assert up.facts["missing_credentials"] == []
    assert "openai/gpt-4o-mini" in up.facts["deployments"]
    assert up.facts["token_file"].startswith(up.facts["state"])


async def test_route_shows_the_model_and_why_and_reads_a_dash_from_standard_input(up: Up) -> None:
    result = up.results["route"]
    assert result.code == 0
    assert "translation" in result.out
    assert "valid until" in result.out
    decision = up.results["route --json"].json
    assert decision["targets"][0]["quality"] >= 0.9
    assert decision["task_type"] == "translation"
    assert decision["reason"]
    assert decision["limits"]["max_attempts"] >= 1


async def test_explain_shows_every_candidate(up: Up) -> None:
    result, told = up.results["explain"], up.results["explain --json"].json
    assert result.code == 0
    assert all(candidate["deployment"] in result.out for candidate in told["candidates"])
    out = " ".join(up.results["explain, some out"].out.split())
    assert "why not:" in out
    assert "openai/gpt-4o may not serve (quality): reaches quality 0.95" in out
    assert "gpt-9 has no deployment in the catalog" in out
    assert "quality floor" in result.out
    assert len(told["candidates"]) >= 6
    assert told["plan"]["targets"][0]["model"] in result.out


async def test_nothing_eligible_is_the_answer_of_explain_and_an_error_of_route(up: Up) -> None:
    explained, refused = up.results["explain, impossible"], up.results["route, impossible"]
    assert explained.code == 1
    assert explained.json["plan"] is None
    assert {one["exclusion"] for one in explained.json["candidates"]} == {"capability", "cost"}
    assert refused.code == 1
    assert refused.out == ""
    assert "NO_ELIGIBLE_TARGET" in refused.err
    assert "1 × cost" in refused.err


async def test_classify_shows_what_a_prompt_is_taken_for(up: Up) -> None:
    assert up.results["classify --json"].json["task_type"] == "translation"


async def test_chat_prints_the_answer_alone_and_the_facts_beside_it(up: Up) -> None:
    result, told = up.results["chat"], up.results["chat --json"].json
    assert result.code == 0
    assert result.out.strip()
    assert "decision" not in result.out
    assert "1 attempt" in result.err
    assert told["text"]
    assert told["deployment"].startswith("openai/")
    assert told["usage"]["output_tokens"] > 0
    assert told["receipt"]["decision_id"] == told["decision_id"]


async def test_chat_streams_the_answer_as_it_comes(up: Up) -> None:
    process = await begin("chat", "Explain how a railway turnout works.", environment=up.variables)
    assert process.stdout is not None
    pieces = [piece async for piece in chunks(process)]
    assert (await finished(process)).code == 0
    assert len(pieces) > 1


async def chunks(process: Process) -> AsyncIterator[bytes]:
    """What a process prints, as often as it prints."""
    assert process.stdout is not None
    while piece := await process.stdout.read(65536):
        yield piece


async def test_a_key_that_is_not_there_is_an_error(up: Up) -> None:
    result = up.results["keys activate"]
    assert result.code == 1
    assert "no-such-key" in result.err


async def test_keys_are_rotated_and_revoked_while_requests_go_on(up: Up) -> None:
    rotated = await turnout("keys", "rotate", "--json", environment=up.variables)
    states = {key["state"]: key["key_id"] for key in rotated.json["keys"]}
    assert set(states) == {"active", "retired"}
    assert states["retired"] in up.results["keys list"].out
    revoked = await turnout("keys", "revoke", states["retired"], "--json", environment=up.variables)
    assert {key["key_id"]: key["state"] for key in revoked.json["keys"]}[states["retired"]] == "revoked"
    assert (await turnout("chat", PROMPT, environment=up.variables)).code == 0


async def test_nothing_is_coloured_where_there_is_no_terminal(up: Up) -> None:
    assert not [name for name, result in up.results.items() if "\x1b" in result.out + result.err]


async def test_a_second_one_at_the_same_port_says_what_to_do(up: Up, tmp_path: Path) -> None:
    port = up.facts["control"].rpartition(":")[2]
    result = await turnout(
        "up", "--control-port", port, "--worker-port", "0", "--state", str(tmp_path), environment=up.variables
    )
    assert result.code == 2
    assert "control plane did not become ready" in result.err
    assert f"cannot listen on 127.0.0.1:{port}" in result.err


async def test_a_second_one_in_the_same_state_folder_changes_nothing_for_the_first(up: Up) -> None:
    state = Path(up.facts["state"])
    before = (state / "sandbox.yaml").read_text(encoding="utf-8")
    result = await turnout("up", "--sandbox", *PORTS, environment=up.variables)
    assert result.code == 2
    assert f"{state} is in use by `turnout up` with process id {up.process.pid}" in " ".join(result.err.split())
    assert (state / "sandbox.yaml").read_text(encoding="utf-8") == before
    assert (await asyncio.to_thread(invoked, ("chat", PROMPT), up.variables, None)).code == 0


async def test_ctrl_c_ends_everything_and_commands_say_that_nothing_runs(up: Up) -> None:
    run_file = Path(up.facts["state"]) / RUN_FILE
    pids = json.loads(run_file.read_text(encoding="utf-8"))["pids"]
    assert len(pids) == 3
    assert all(alive(pid) for pid in pids)
    up.process.send_signal(signal.SIGINT)
    ended = await finished(up.process)
    assert ended.code == 0
    assert "Traceback" not in ended.err
    assert running_with(up.mark) == []
    assert not run_file.exists()
    result = await turnout("route", PROMPT, environment=up.variables)
    assert result.code == 2
    assert "turnout up" in result.err


async def test_kill_9_of_the_command_ends_what_it_started_too(tmp_path: Path) -> None:
    variables = environment(**{"TURNOUT_STATE": str(tmp_path / "state"), MARK: tmp_path.name})
    process = await begin("up", "--sandbox", "--json", "--workers", "1", *PORTS, environment=variables)
    assert process.stdout is not None
    assert json.loads(await asyncio.wait_for(process.stdout.readline(), 60))["event"] == "up"
    started = [pid for pid in running_with(tmp_path.name) if pid != process.pid]
    assert len(started) == 3
    process.kill()
    await process.wait()
    await asyncio.gather(*map(gone, started))
    assert running_with(tmp_path.name) == []
