"""The sandbox as a process of its own: it says when it is ready, and ends when it is told to."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest

Start = Callable[..., Coroutine[Any, Any, tuple[Process, dict[str, Any]]]]
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Explain why trains need signals."}]}
KEY = {"authorization": "Bearer key"}


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts sandboxes, and ends those that still run."""
    running: list[Process] = []

    async def begin(*flags: str, **environment: str) -> tuple[Process, dict[str, Any]]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dataplane.provider.sandbox", *flags),
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, **environment},
        )
        running.append(process)
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        return process, json.loads(line or "{}")

    yield begin
    for process in running:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_says_where_it_is_and_answers(start: Start) -> None:
    process, ready = await start(
        "--protocols", "openai,anthropic,gemini", "--port", "0", "--seed", "7", "--latency-scale", "0"
    )
    assert ready == {"event": "ready", "address": ready["address"], "pid": process.pid}
    async with (
        aiohttp.ClientSession(ready["address"], headers=KEY) as client,
        client.post("/v1/chat/completions", json=BODY) as response,
    ):
        assert response.status == 200
        assert (await response.json())["model"] == "gpt-4o"


async def test_the_same_seed_answers_the_same_in_another_process(start: Start) -> None:
    texts = []
    for _ in range(2):
        _, ready = await start("--seed", "7", "--latency-scale", "0")
        async with (
            aiohttp.ClientSession(ready["address"], headers=KEY) as client,
            client.post("/v1/chat/completions", json=BODY) as response,
        ):
            texts.append((await response.json())["choices"][0]["message"]["content"])
    assert texts[0] == texts[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_quickly_with_streams_open(start: Start, number: signal.Signals) -> None:
    process, ready = await start("--latency-scale", "1000")
    async with aiohttp.ClientSession(ready["address"], headers=KEY) as client:
        pending = asyncio.ensure_future(client.post("/v1/chat/completions", json=BODY | {"stream": True}))
        async with client.get("/_sandbox/stats") as response:
            while (await response.json())["in_flight"] == 0:
                response = await client.get("/_sandbox/stats")  # noqa: PLW2901 - the next look
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 1.0) == 0
        with pytest.raises(aiohttp.ClientError):
            await pending
    assert process.stderr is not None
    assert await process.stderr.read() == b""


async def test_a_configuration_file_is_taken(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "sandbox.yaml"
    path.write_text("latency_scale: 0\nmodels: {only: {}}\nfaults: [{kind: status, status: 529, count: 1}]\n")
    _, ready = await start("--config", str(path))
    async with aiohttp.ClientSession(ready["address"], headers=KEY) as client:
        for model, status in (("gpt-4o", 404), ("only", 529), ("only", 200)):
            async with client.post("/v1/chat/completions", json=BODY | {"model": model}) as response:
                assert response.status == status


async def test_only_the_configured_key_is_taken(start: Start) -> None:
    _, ready = await start("--api-key-env", "SANDBOX_KEY", "--latency-scale", "0", SANDBOX_KEY="secret")
    async with aiohttp.ClientSession(ready["address"]) as client:
        for key, status in (("key", 401), ("secret", 200)):
            headers = {"authorization": f"Bearer {key}"}
            async with client.post("/v1/chat/completions", json=BODY, headers=headers) as response:
                assert response.status == status


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--config", "/absent.yaml"), b"sandbox: /absent.yaml: No such file or directory\n"),
        (("--fault", "kind=boom"), b"sandbox: --fault[0].kind: 'boom' is not one of status, "),
        (
            ("--api-key-env", "SANDBOX_NO_KEY"),
            b"sandbox: api_key_envs: the environment variable SANDBOX_NO_KEY is not set\n",
        ),
    ],
)
async def test_a_wrong_configuration_ends_it_with_a_reason(
    start: Start, flags: tuple[str, ...], message: bytes
) -> None:
    process, ready = await start(*flags)
    assert not ready
    assert process.stderr is not None
    assert (await process.stderr.read()).startswith(message)
    assert await process.wait() == 2


async def test_a_taken_port_ends_it_with_a_reason(start: Start) -> None:
    _, ready = await start()
    port = ready["address"].rpartition(":")[2]
    process, _ = await start("--port", port)
    assert process.stderr is not None
    assert b"cannot listen on port " + port.encode() in await process.stderr.read()
    assert await process.wait() == 1


PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "dataplane.provider.sandbox", *sys.argv[1:]])
sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is of Linux")
async def test_it_dies_with_its_parent_where_asked() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, "--die-with-parent", stdin=PIPE, stdout=PIPE
    )
    assert parent.stdout is not None
    assert json.loads(await parent.stdout.readline())["event"] == "ready"
    parent.kill()
    await parent.wait()
    # The child holds the other end of the pipe: its end is the end of the file.
    assert await asyncio.wait_for(parent.stdout.read(), 5) == b""
