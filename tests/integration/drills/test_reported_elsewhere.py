"""What users of other gateways report, by name: shown through the gateway, with the official SDK, not to happen here.

Those that need no gateway are in tests/integration/execution/test_reported_elsewhere.py; a caller's abort is in test_leaving.py, an
error in mid stream in test_faults.py.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from dataplane.config import read_config
from tests.support.backbone import Backbone, backbone, deployment
from tests.support.drills import CHAT
from tests.support.gateway import Desk, desk
from tests.support.provider import answer, error
from tests.support.raw_server import Connection, raw_server

ATTEMPTS = 3
"""What a policy allows if it does not say."""
DOWN = error("500 Oops")


@asynccontextmanager
async def gateway(folder: Path, *, secrets: dict[str, str] | None = None, **sections: Any) -> AsyncIterator[Desk]:
    """A gateway whose worker has these secrets in its environment."""
    config = read_config([], secrets or {})
    async with (
        backbone(folder, gateway="127.0.0.1:0", sections=sections, secrets=config.secrets) as planes,
        desk(planes) as running,
    ):
        yield running


async def test_the_sdks_own_retries_do_not_multiply_with_ours(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        for name in ("first", "second"):
            running.planes.providers.then(name, *[DOWN] * 20)
        with pytest.raises(openai.InternalServerError):
            await running.openai.with_options(max_retries=2).chat.completions.create(model="auto", messages=CHAT)
        assert len(running.planes.providers.called()) <= ATTEMPTS
        assert running.planes.control.meter.total("turnout.decisions") == 1


class Unadvised(httpx.AsyncBaseTransport):
    """A network that loses the header by which the gateway keeps SDKs from trying again."""

    def __init__(self) -> None:
        self._network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand on all but that header."""
        response = await self._network.handle_async_request(request)
        response.headers.pop("x-should-retry", None)
        return response

    async def aclose(self) -> None:
        """Close the network."""
        await self._network.aclose()


async def test_without_our_advice_they_multiply(tmp_path: Path) -> None:
    """The control."""
    async with gateway(tmp_path) as running, httpx.AsyncClient(transport=Unadvised()) as lossy:
        for name in ("first", "second"):
            running.planes.providers.then(name, *[DOWN] * 20)
        client = running.openai.with_options(max_retries=2, http_client=lossy)
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(model="auto", messages=CHAT)
        assert len(running.planes.providers.called()) > ATTEMPTS
        assert running.planes.control.meter.total("turnout.decisions") == 3


async def test_a_fallback_call_has_no_credential_of_the_first_target_and_none_of_the_callers(tmp_path: Path) -> None:
    secrets = {"FIRST_KEY": "sk-first-canary", "SECOND_KEY": "sk-second-canary"}
    seen: dict[str, tuple[str, dict[str, str], bytes]] = {}

    async def serve(connection: Connection) -> None:
        line, headers, body = await connection.request()
        name = line.split()[1].split("/")[1]
        seen[name] = line, headers, body
        await (DOWN if name == "first" else answer("Blue."))(connection, {})

    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(raw_server(serve))
        places = [
            deployment("small", "first", address, credential="env:FIRST_KEY"),
            deployment("large", "second", address, credential="env:SECOND_KEY"),
        ]
        running = await stack.enter_async_context(gateway(tmp_path, secrets=secrets, deployments=places))
        told = {
            "x-api-key": running.key,
            "x-goog-api-key": running.key,
            "cookie": f"key={running.key}",
            "openai-beta": "a=b",
        }
        completion = await running.openai.chat.completions.create(
            model="auto", messages=CHAT, extra_headers=told, extra_query={"key": running.key}
        )
        assert completion.choices[0].message.content == "Blue."
    assert seen["first"][1]["openai-beta"] == "a=b", "the control: what is to go along is seen here"
    assert seen["first"][1]["authorization"] == "Bearer sk-first-canary"
    assert seen["second"][1]["authorization"] == "Bearer sk-second-canary"
    assert "sk-second-canary" not in str(seen["first"])
    assert "sk-first-canary" not in str(seen["second"])
    assert running.key not in str(seen)


async def later(planes: Backbone, seconds: float) -> None:
    """Both planes' clocks go on."""
    planes.worker.clock.shift += seconds
    planes.worker.clock.later += timedelta(seconds=seconds)
    await planes.control.pass_by(timedelta(seconds=seconds))


@pytest.mark.parametrize("hints", [(40, 5), (5, 40)])
async def test_a_recooled_target_does_not_return_after_the_shorter_of_two_deadlines(
    tmp_path: Path, hints: tuple[int, int]
) -> None:
    """Two calls are under way when the provider tells the one to wait for so long and the other for less, or for more."""
    both = asyncio.Barrier(2)

    def told(seconds: int) -> Any:
        refusal = error("429 Too Many Requests", headers=f"Retry-After: {seconds}\r\n")

        async def step(connection: Connection, asked: dict[str, Any]) -> None:
            await both.wait()
            await refusal(connection, asked)

        return step

    async with gateway(tmp_path) as running:
        planes = running.planes

        async def ask() -> str:
            completion = await running.openai.chat.completions.with_raw_response.create(model="auto", messages=CHAT)
            return completion.headers["x-turnout-deployment"]

        planes.providers.then("first", *map(told, hints))
        async with asyncio.timeout(60):
            assert list(await asyncio.gather(ask(), ask())) == ["second/large"] * 2
        await later(planes, 20)
        assert await ask() == "second/large", "the shorter one is over"
        assert planes.providers.called().count("first") == 2
        await later(planes, 30)
        async with asyncio.timeout(60):  # the longer one is over, and the control plane hears of it
            while await ask() != "first/small":
                pass
