"""Canary words in everything that passes the gateway, with telemetry on and logs at debug: they are in the traffic and nowhere else.

What providers repeat on the way of gRPC is in tests/integration/backbone/test_no_text.py, what an operator may switch on in
tests/integration/telemetry.
"""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from dataplane.gateway.anthropic.messages import Messages
from dataplane.gateway.openai.completions import ChatCompletions
from dataplane.gateway.openai.completions_stream import CompletionWriter
from dataplane.provider.openai import OpenAIAdapter
from tests.support.backbone import backbone, deployment, document
from tests.support.collector import watching
from tests.support.gateway import Desk, desk
from tests.support.provider import Providers, Step, answer, begin, error, providers
from tests.support.raw_server import Connection
from tests.support.stacks import environment
from turnout_cli.processes import Processes
from turnout_cli.stack import Stack, StackSettings, start_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASKED, SAID, ARGUMENT, RESULT = "zanzibarquokka", "mauritiusdodo", "tasmaniadevil", "galapagosfinch"
CREDENTIAL, STRANGE_KEY = "sk-madagascarlemur", "sk-komododragon"
CANARIES = (ASKED, SAID, ARGUMENT, RESULT, CREDENTIAL, STRANGE_KEY)
ECHO = json.dumps(
    {"error": {"message": f"{ASKED} {CREDENTIAL}", "type": ASKED, "code": ASKED, "param": ASKED}}
).encode()
ABLE = ["code", "reasoning", "creative", "json", "tools"]
OWN = ("controlplane", "dataplane", "turnout_", "uvicorn", "aiohttp", "asyncio")
WHOLE, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"


def chat(**more: Any) -> dict[str, Any]:
    """A request in which everything that is text is a canary."""
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": f'{{"q":"{ARGUMENT}"}}'}}
    parameters = {"type": "object", "properties": {"q": {"type": "string", "description": ASKED}}}
    return {
        "model": "auto",
        "messages": [
            {"role": "system", "content": f"You know {ASKED}."},
            {"role": "user", "content": f"Why is the {ASKED} blue?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": f"It saw a {RESULT}."},
        ],
        "tools": [{"type": "function", "function": {"name": "look", "description": ASKED, "parameters": parameters}}],
        **more,
    }


def message(**more: Any) -> dict[str, Any]:
    """The same by Anthropic's protocol, shorter."""
    asked = {"role": "user", "content": f"Why is the {ASKED} blue?"}
    return {"model": "auto", "max_tokens": 50, "system": ASKED, "messages": [asked], **more}


def breaking(*texts: str) -> Step:
    """A stream that ends with an error event that repeats everything."""

    async def step(connection: Connection, asked: dict[str, Any]) -> None:
        await begin(connection, *texts)
        await connection.send_chunk(b"data: " + ECHO + b"\n\n")
        await connection.send_chunk(b"")

    return step


TORN = error("200 OK", body=b'{"choices": [{"message": {"content": "' + SAID.encode())
TRAFFIC: tuple[tuple[str, dict[str, Any], tuple[Step, ...]], ...] = (
    (WHOLE, chat(), (answer(SAID),)),
    (WHOLE, chat(stream=True), (answer(SAID, " it is"),)),
    (WHOLE, chat(seed=1, n=1), (error(f"503 {ASKED}", body=ECHO), answer(SAID))),
    (RESPONSES, {"model": "auto", "input": f"Why {ASKED}?", "instructions": ASKED}, (answer(SAID),)),
    (MESSAGES, message(), (answer(SAID),)),
    (MESSAGES, message(stream=True), (answer(SAID),)),
    (WHOLE, chat(stream=True), (breaking(SAID),)),
    (WHOLE, chat(), (TORN, TORN)),
    (WHOLE, chat(), (error("400 Bad Request", body=ECHO),)),
    (WHOLE, chat(), (error("401 Unauthorized", body=ECHO),) * 2),
)
"""What is asked, and what the first target and then the second do."""
UNREADABLE: tuple[tuple[str, str], ...] = (
    (WHOLE, f'{{"model": "auto", "messages": [{{"role": "user", "content": "{ASKED}'),
    (WHOLE, json.dumps({"model": "auto", "messages": ASKED})),
    (WHOLE, json.dumps({"model": "auto", "messages": [{"role": "user", "content": {"text": ASKED}}]})),
    (
        WHOLE,
        json.dumps({"model": "auto", "messages": [{"role": "user", "content": [{"type": "text", "texts": ASKED}]}]}),
    ),
    (RESPONSES, json.dumps({"model": "auto", "input": {"text": ASKED}})),
    (MESSAGES, json.dumps({"model": "auto", "max_tokens": 5, "messages": [{"role": "user", "content": {"t": ASKED}}]})),
)


@dataclass(slots=True, kw_only=True)
class Seen:
    """What came of the traffic."""

    answers: list[str]
    refusals: list[str]
    decisions: set[str]


async def asked(url: str, key: str, obeying: Providers) -> Seen:
    """Send everything."""
    seen = Seen(answers=[], refusals=[], decisions=set())
    async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=30) as http:
        for path, body, steps in TRAFFIC:
            obeying.steps.clear()
            for name, step in zip(("first", "second"), steps, strict=False):
                obeying.then(name, step)
            reply = await http.post(path, json=body)
            seen.answers.append(reply.text)
            seen.decisions.add(reply.headers["x-turnout-decision-id"])
        for path, text in UNREADABLE:
            reply = await http.post(path, content=text.encode())
            assert reply.status_code == 400, reply.text
            seen.refusals.append(reply.text + str(reply.headers))
        strange = {"authorization": f"Bearer {STRANGE_KEY}"}
        reply = await http.post(WHOLE, json=chat(), headers=strange)
        assert reply.status_code == 401
        seen.refusals.append(reply.text + str(reply.headers))
    return seen


async def test_what_passes_the_gateway_is_in_no_span_no_metric_no_log_no_error_and_no_file(tmp_path: Path) -> None:
    async with watching() as watch, providers() as obeying:
        async with Processes() as processes:
            stack = await start_stack(processes, settings(tmp_path, obeying, dict(watch.variables)))
            key = (stack.state / "tokens" / "local").read_text(encoding="utf-8").strip()
            seen = await asked(stack.gateways[0], key, obeying)
            await watch.collector.counted("turnout-worker", "http.server.request.duration")
        exported = b"".join(watch.collector.raw)
    traffic = str(obeying.seen) + str(seen.answers)
    assert not [word for word in (ASKED, SAID, ARGUMENT, RESULT) if word not in traffic], "the control: they were there"
    assert not leaks(exported, *CANARIES, key)
    for path, data in files(stack):
        assert not leaks(data, *CANARIES, *([key] if path.parent.name != "tokens" else [])), path
    assert not leaks(str(seen.refusals).encode(), *CANARIES, key)
    assert not leaks(str(seen.answers).encode(), CREDENTIAL, key)
    log = b"".join(data for path, data in files(stack) if path.suffix == ".log")
    for decision_id in seen.decisions:
        assert decision_id.encode() in exported, "the control: spans came"
        assert decision_id.encode() in log, "the control: logs are there"


def settings(folder: Path, obeying: Providers, variables: dict[str, str]) -> StackSettings:
    """One worker with a gateway, telemetry on and logs at debug, whose providers have a credential."""
    places = [
        deployment(of, name, obeying.address, credential="env:PROVIDER_KEY")
        for of, name in (("small", "first"), ("large", "second"))
    ]
    catalog = folder / "turnout.yaml"
    models = [{**each, "capabilities": ABLE} for each in document(obeying.address)["models"]]
    catalog.write_text(json.dumps(document(obeying.address, deployments=places, models=models)), encoding="utf-8")
    return StackSettings(
        state=folder / "state",
        catalog=catalog,
        environment=environment(**variables, PROVIDER_KEY=CREDENTIAL),
        workers=1,
        gateway_port=0,
        log_level="debug",
    )


def files(stack: Stack) -> list[tuple[Path, bytes]]:
    """Everything that lies in the state folder: store, logs, checkpoints."""
    return [(path, path.read_bytes()) for path in stack.state.rglob("*") if path.is_file()]


def leaks(data: bytes, *words: str) -> list[str]:
    """The words that are in `data`."""
    return [word for word in words if word.lower().encode() in data.lower()]


def crash(*_: object, **__: object) -> Any:
    """A bug that quotes all that it was given."""
    raise RuntimeError(f"{ASKED} {SAID} {ARGUMENT} {RESULT}")


BUGS: dict[str, tuple[type[Any], str]] = {
    "a face that reads": (ChatCompletions, "read"),
    "a face that writes": (Messages, "whole"),
    "a face that begins a stream": (ChatCompletions, "writer"),
    "a stream that is written": (CompletionWriter, "content"),
    "an adapter that asks": (OpenAIAdapter, "body"),
    "an adapter that reads": (OpenAIAdapter, "answer"),
    "an adapter that reads a stream": (OpenAIAdapter, "reader"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    folder = tmp_path_factory.mktemp("canary")
    models = [{**each, "capabilities": ABLE} for each in document("http://127.0.0.1:9")["models"]]
    async with backbone(folder, gateway="127.0.0.1:0", sections={"models": models}) as planes, desk(planes) as ready:
        yield ready


@pytest.mark.parametrize("name", BUGS)
async def test_a_bug_of_ours_tells_nobody_what_it_was_about(
    running: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(*BUGS[name], crash)
    control, worker = running.planes.control, running.planes.worker.plane
    asking = [(path, body) for path, body, _ in TRAFFIC if path in (WHOLE, MESSAGES)][:5]
    told = [await answered(running, path, body) for path, body in asking]
    for deployment_ in worker._snapshots.fresh().deployments.values():
        worker._gate.reset(deployment_)  # what the bug did to the targets is no other test's concern
    logged = [(record.getMessage(), vars(record)) for record in caplog.records if record.name.startswith(OWN)]
    assert any(" crashed: RuntimeError at " in message for message, _ in logged)
    assert not leaks(str(logged).encode(), *CANARIES)
    assert any(told), "somebody was told"
    assert not leaks(str(told).encode(), *CANARIES)
    for path in control.config.state.rglob("*"):
        assert not (path.is_file() and leaks(path.read_bytes(), *CANARIES)), path


async def answered(running: Desk, path: str, body: dict[str, Any]) -> str:
    """The error that came, with its head; nothing if there was none."""
    for name in ("first", "second"):
        running.planes.providers.then(name, answer(SAID))
    try:
        reply = await running.http.post(path, json=body)
    except httpx.RemoteProtocolError:
        return "cut"
    finally:
        running.planes.providers.steps.clear()
    return reply.text + str(reply.headers) if reply.status_code >= 400 else ""
