"""A control plane, two workers and a sandbox as processes: requests go through, and everything ends when it is told to."""

import asyncio
import json
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.stacks import Site, alive, entries, site
from turnout_cli.processes import Processes
from turnout_cli.stack import read_run_file, start_stack
from turnout_client import DecisionRefused, Delta, Finish, FinishReason

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with site(tmp_path_factory.mktemp("stack")) as started:
        yield started


async def test_a_request_is_decided_by_one_plane_and_run_by_the_other(running: Site) -> None:
    async with running.client() as client:
        answer = await client.chat("Summarize in one sentence: trains need signals because tracks are shared.")
    assert answer.text
    assert answer.finish_reason is FinishReason.STOP
    assert answer.usage.output_tokens > 0
    assert answer.cost_nanousd > 0
    assert answer.receipt.worker in ("worker-1", "worker-2")


async def test_an_answer_is_streamed_through_both_planes(running: Site) -> None:
    async with running.client() as client, client.chat_stream("Explain why trains need signals.") as stream:
        events = [event async for event in stream]
    assert len([event for event in events if isinstance(event, Delta)]) > 1
    assert isinstance(events[-1], Finish)
    assert stream.answer.text == stream.text


async def test_both_workers_take_part(running: Site) -> None:
    async with running.client() as client:
        answers = [await client.chat("Is the sky blue?") for _ in range(4)]
    assert {answer.receipt.worker for answer in answers} == {"worker-1", "worker-2"}


async def test_a_second_run_of_a_decision_is_refused_by_the_worker_that_ran_it(running: Site) -> None:
    async with running.client(workers=running.workers[:1]) as client:
        decision = await client.decide("Is the sky blue?")
        assert (await client.generate(decision)).text
        with pytest.raises(DecisionRefused) as refused:
            await client.generate(decision)
    assert refused.value.reason == "DECISION_REPLAYED"


async def test_ports_are_given_by_the_system_and_none_twice(running: Site) -> None:
    started = [running.stack.control, *running.stack.workers]
    ports = [int(one.address.rpartition(":")[2]) for one in started]
    assert all(one.address.startswith("127.0.0.1:") for one in started)
    assert 0 not in ports
    assert len(set(ports)) == len(ports)


async def test_where_they_listen_stands_in_the_state_folder(running: Site) -> None:
    facts = read_run_file(running.settings.state)
    assert facts is not None
    assert facts["control"] == running.stack.control.address
    assert facts["workers"] == running.workers
    assert facts["pids"] == [running.stack.control.pid, *(worker.pid for worker in running.stack.workers)]


async def test_secrets_are_readable_by_their_owner_alone(running: Site) -> None:
    private = list((running.settings.state / "keys").glob("*.pem"))
    tokens = list((running.settings.state / "tokens").iterdir())
    assert private
    assert {path.name for path in tokens} == {"local", "operator", "worker"}
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in (*private, *tokens)} == {"0o600"}
    assert stat.S_IMODE(running.settings.state.stat().st_mode) == 0o700


async def test_everything_finishes_what_it_does_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    profile = {"first_token_s": 0.0, "tokens_per_second": 150.0, "jitter": 0.0, "chunk_tokens": 1}
    async with site(tmp_path, workers=1, models={"gpt-4o-mini": profile}) as started, started.client() as client:
        stream = client.chat_stream("Explain why trains need signals.", models=["gpt-4o-mini"])
        async with stream:
            assert isinstance(await anext(stream), Delta)
            ending = asyncio.create_task(started.stack.workers[0].stop())
            rest = [event async for event in stream]
        assert isinstance(rest[-1], Finish)
        assert await ending == 0
        key = stream.answer.decision.envelope.signatures[0].key_id
    assert [await one.wait() for one in started.processes.running] == [0, 0, 0]
    assert not [pid for pid in started.pids if alive(pid)]
    assert worth_telling(started.log("worker-1")) == ["draining", "run ended"]
    assert worth_telling(started.log("control-plane")) == ["receipt taken", "draining"]
    taken = next(line for line in entries(started.log("control-plane")) if line["message"] == "receipt taken")
    assert taken["decision_id"] == stream.answer.decision_id
    assert taken["output_tokens"] == stream.answer.usage.output_tokens
    assert await key_of_another_start(started) == key


def worth_telling(log: Path) -> list[object]:
    """What a process logged after it was up."""
    routine = ("snapshot published", "snapshot in use", "worker connected", "breaker")
    return [line["message"] for line in entries(log) if not str(line["message"]).startswith(routine)]


async def key_of_another_start(before: Site) -> str:
    """What a control plane signs with that finds the state of one before."""
    async with Processes() as processes:
        stack = await start_stack(processes, replace(before.settings, workers=0))
        again = replace(before, processes=processes, stack=stack)
        async with again.client(workers=["127.0.0.1:1"]) as client:
            return (await client.decide("Is the sky blue?")).envelope.signatures[0].key_id


async def test_a_process_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "turnout.yaml").write_text("version: 1\nmodels: [{name: 7}]\n", encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "controlplane", "--listen", "127.0.0.1:0", "--state", str(tmp_path / "state")),
        *("--catalog", str(tmp_path / "turnout.yaml")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert out == b""
    assert b"turnout.yaml:2" in err
    assert not any(json.loads(line).get("event") == "ready" for line in out.splitlines())
