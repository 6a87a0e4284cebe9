"""What kill -9 does: nobody is told of success that was none, and nothing that was promised is forgotten."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.stacks import Site, alive, entries, logged, site
from turnout_cli.processes import Processes, Running
from turnout_cli.stack import start_stack
from turnout_client import Classification, Client, Delta, StreamBroken, TurnoutError, Unavailable

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW = "gpt-4o-mini"
PROFILE = {"first_token_s": 0.0, "tokens_per_second": 5.0, "jitter": 0.0, "chunk_tokens": 1}
"""The first word at once, the last one after many seconds: whoever is killed in between is killed in mid stream."""
QUICK = "gemini-1.5-flash"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    quick = {"first_token_s": 0.0, "tokens_per_second": 1e6}
    folder = tmp_path_factory.mktemp("killed")
    async with site(folder, workers=1, models={SLOW: PROFILE, QUICK: quick}) as started:
        yield started


async def reason_of(client: Client, prompt: str) -> TurnoutError:
    """How an answer that is not streamed ends."""
    with pytest.raises(TurnoutError) as ended:
        await client.chat(prompt, models=[SLOW])
    return ended.value


async def test_a_killed_worker_ends_its_calls_with_an_error_and_another_takes_over(running: Site) -> None:
    doomed = await running.processes.start(running.worker("doomed"))
    async with running.client(workers=[doomed.address]) as client:
        whole = asyncio.create_task(reason_of(client, "Explain why trains need signals."))
        await running.called(1)
        stream = client.chat_stream("Explain why trains need brakes.", models=[SLOW])
        assert isinstance(await anext(stream), Delta)
        doomed.kill()
        with pytest.raises(StreamBroken) as broken:
            _ = [event async for event in stream]
        unanswered = await whole
    assert await doomed.wait() == -9
    assert not alive(doomed.pid)
    assert broken.value.text
    assert broken.value.decision_id == stream.decision.decision_id
    assert isinstance(unanswered, Unavailable)
    assert "it may have run or not" in unanswered.message
    async with running.client(workers=[doomed.address, *running.workers]) as client:
        answers = [await client.chat("Is the sky blue?", models=[QUICK]) for _ in range(3)]
    assert {answer.receipt.worker for answer in answers} == {"worker-1"}


async def test_a_killed_control_plane_is_missed_by_nobody_who_has_a_decision(running: Site) -> None:
    async with running.client() as client, running.client(rounds=1) as impatient:
        before = [await client.decide(f"Is the number {number} odd?", models=[QUICK]) for number in range(3)]
        running.stack.control.kill()
        assert await running.stack.control.wait() == -9
        during = await client.generate(before[0])
        with pytest.raises(Unavailable):
            await impatient.decide("Is the sky blue?")
        await running.restart_control()
        after = await client.generate(before[1])
        later = await client.chat("Is the sky blue?", models=[QUICK])
    assert during.text
    assert after.text
    assert later.decision.envelope.signatures[0].key_id == before[0].envelope.signatures[0].key_id
    assert later.decision.snapshot_version == before[0].snapshot_version
    for answer in (during, after, later):
        taken = await logged(running.log("control-plane"), message="receipt taken", decision_id=answer.decision_id)
        assert taken["receipt_id"] == answer.receipt.receipt_id
        assert taken["output_tokens"] == answer.usage.output_tokens


async def test_a_worker_that_was_there_first_is_ready_when_the_control_plane_is(running: Site, tmp_path: Path) -> None:
    state = tmp_path / "state"
    shutil.copytree(running.settings.state, state, ignore=shutil.ignore_patterns("logs"))
    async with Processes() as processes:
        port, worker = await begun_alone(running, processes)
        assert not worker.done()
        settings = replace(running.settings, state=state, control_port=port, workers=0)
        stack = await start_stack(processes, settings)
        first = await worker
        ours = replace(running, processes=processes, stack=stack, settings=settings)
        async with ours.client(workers=[first.address]) as client:
            assert (await client.chat("Is the sky blue?", models=[QUICK])).receipt.worker == "early"
    assert not [line for line in entries(running.log("early")) if line["level"] == "error"]


async def begun_alone(running: Site, processes: Processes) -> tuple[int, asyncio.Task[Running]]:
    """A worker that has called at the port where there is no control plane yet; it hung up, and nobody listens there now."""
    called = asyncio.Event()

    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        called.set()

    nobody = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = nobody.sockets[0].getsockname()[1]
    worker = asyncio.create_task(processes.start(running.worker("early", f"127.0.0.1:{port}")))
    async with nobody, asyncio.timeout(60):
        await called.wait()
    return port, worker


NOBODY = "no worker takes jobs; start one with --jobs"
ASKING = {"llm": {"workload": "classifying", "below": 1, "timeout": "30s"}}
LLM: dict[str, object] = {
    "policies": [
        {"name": "economy", "strategy": {"kind": "fixed", "models": [QUICK]}, "classifiers": ["rules", ASKING]},
        {
            "name": "slow",
            "strategy": {"kind": "fixed", "models": [SLOW]},
            "limits": {"fallbacks": 0, "max_attempts": 1},
            "classifiers": ["rules"],
        },
    ],
    "workloads": [
        {
            "name": "classifying",
            "owner": "platform",
            "policy": "slow",
            "baseline": SLOW,
            "when": {"features": ["of nobody"]},
        },
        {"name": "default", "owner": "platform", "policy": "economy", "baseline": "gpt-4o"},
    ],
}


async def classified(client: Client) -> Classification:
    """What a request is taken for once a worker is there that could be asked."""
    while (found := await client.classify("Tell me about the moon, please.")).rungs[-1].silence == NOBODY:
        pass
    return found


async def test_a_worker_that_is_killed_while_it_classifies_leaves_the_answer_to_the_rules(tmp_path: Path) -> None:
    async with (
        site(tmp_path, workers=1, models={SLOW: PROFILE}, more=LLM, jobs=1) as running,
        running.client() as client,
    ):
        asked = asyncio.create_task(classified(client))
        await running.called(1)
        (worker,) = running.stack.workers
        worker.kill()
        found = await asked
    assert found.classifier == "rules"
    assert [(rung.classifier, rung.silence) for rung in found.rungs] == [
        ("rules", ""),
        ("llm", "the worker that was asked is gone"),
    ]
