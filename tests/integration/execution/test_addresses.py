"""Where a worker calls: its deployments' own addresses, as far as its operator allows them, and each with its own key alone."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dataplane.execution.clock import SystemClock
from dataplane.provider.aiohttp_transport import AiohttpTransport
from dataplane.provider.http_provider import ADAPTERS, HttpProvider
from dataplane.provider.model import Endpoint, Original
from dataplane.provider.openai import OpenAIAdapter
from dataplane.snapshot.model import Deployment, WireProtocol
from tests.support.provider import answer, error, providers
from tests.support.raw_server import Connection, raw_server
from tests.support.runs import Rig, deployment
from tests.support.sockets import LOOPBACK, SECRETS, worker


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"])
async def test_an_address_that_is_not_of_the_open_network_is_refused_before_anything_is_sent(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with providers() as obeying:
        url = obeying.address.replace("127.0.0.1", host)
        async with worker(deployment("a", base_url=f"{url}/a/v1"), allowed=()) as rig:
            outcome = await rig.runner.generate(rig.run("a"))
        assert obeying.seen == []
    assert outcome.failure
    assert outcome.failure.reason == "PROVIDER_MISCONFIGURED"
    (attempt,) = outcome.receipt.attempts
    assert (attempt.error, attempt.cost_nanousd) == ("address_refused", 0)
    for said in (outcome.failure.message, caplog.text):
        assert "deployment a" in said
        assert "--allow-network" in said
        assert "loopback" in said


async def test_an_address_that_the_operator_names_is_called() -> None:
    """The control."""
    async with providers() as obeying, worker(deployment("a", base_url=f"{obeying.address}/a/v1")) as rig:
        assert (await rig.runner.generate(rig.run("a"))).response
        assert obeying.called() == ["a"]


async def test_a_name_is_judged_by_where_it_leads_when_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads to the open network when it is entered and to a machine's own services later is of no use."""
    places = iter(["198.18.0.1", "169.254.169.254"])

    async def rebound(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(places), 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebound)
    here = deployment("a", base_url="http://rebound.example/v1")
    async with worker(here, allowed=()) as rig:
        outcome = await rig.runner.generate(rig.run("a"))
        assert outcome.failure
        assert "198.18.0.1, a private address" in outcome.failure.message
    async with worker(here, allowed=()) as rig:
        outcome = await rig.runner.generate(rig.run("a"))
        assert outcome.failure
        assert "169.254.169.254, a link-local address" in outcome.failure.message


async def test_a_refused_target_gives_way_to_the_next_one() -> None:
    async with providers() as obeying:
        first = deployment("a", base_url="http://169.254.169.254/latest")
        async with worker(first, deployment("b", base_url=f"{obeying.address}/b/v1")) as rig:
            assert (await rig.runner.generate(rig.run("a", "b"))).response
            assert [attempt.error for attempt in rig.receipts[0].attempts] == ["address_refused", ""]


async def test_a_redirect_is_not_followed_and_takes_no_key_along() -> None:
    seen: list[dict[str, str]] = []

    async def thief(connection: Connection) -> None:
        seen.append((await connection.request())[1])

    async with raw_server(thief) as elsewhere, providers() as obeying:
        obeying.then("a", error("307 Temporary Redirect", headers=f"Location: {elsewhere}/v1\r\n"))
        async with worker(deployment("a", base_url=f"{obeying.address}/a/v1")) as rig:
            assert (await rig.runner.generate(rig.run("a"))).failure
    assert seen == []


@asynccontextmanager
async def recording(status: str, body: bytes) -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """A server that keeps the headers of what it is asked."""
    seen: list[dict[str, str]] = []

    async def serve(connection: Connection) -> None:
        seen.append((await connection.request())[1])
        await connection.send_json(body, status=status, headers="Connection: close\r\n")

    async with raw_server(serve) as address:
        yield address, seen


async def test_a_fallback_call_carries_nothing_of_the_first_targets() -> None:
    original = Original(endpoint=Endpoint.CHAT_COMPLETIONS, text="{}", spans={}, headers={"x-mine": "1"})
    async with (
        recording("500 Oops", b"{}") as (first, seen_first),
        recording("500 Oops", b"{}") as (second, seen_second),
    ):
        a = deployment("a", base_url=f"{first}/v1")
        b = deployment("b", base_url=f"{second}/v1", protocol=WireProtocol.ANTHROPIC)
        async with worker(a, b) as rig:
            await rig.runner.generate(replace(rig.run("a", "b"), original=original))
    assert seen_first[0]["authorization"] == "Bearer sk-first"
    assert seen_second[0]["x-api-key"] == "sk-second"
    assert "authorization" not in seen_second[0]
    assert "sk-first" not in str(seen_second)
    assert "sk-second" not in str(seen_first)
    assert "x-mine" not in seen_second[0]


class Wandering(OpenAIAdapter):
    """An adapter that calls another place than its deployment's."""

    def url(self, deployment: Deployment, *, stream: bool, endpoint: Endpoint | None = None) -> str:  # noqa: ARG002
        """An address at another port."""
        return deployment.base_url.replace("127.0.0.1", "127.0.0.2") + "/chat/completions"


async def test_a_key_goes_to_the_origin_of_its_own_deployment_alone() -> None:
    async with recording("200 OK", b"{}") as (address, seen), AiohttpTransport(allowed=LOOPBACK) as transport:
        here = deployment("a", base_url=f"{address}/v1")
        wandering = {**ADAPTERS, WireProtocol.OPENAI: Wandering()}
        provider = HttpProvider(transport, now=lambda: datetime.now(UTC), adapters=wandering)
        rig = Rig({}, deployments=[here], clock=SystemClock(), credentials=SECRETS.get, provider=provider)
        outcome = await rig.runner.generate(rig.run("a", time_left=timedelta(seconds=5)))
    assert [attempt.error for attempt in outcome.receipt.attempts] == ["base_url"]
    assert seen == []


async def test_an_answer_without_a_key_needs_none() -> None:
    async with providers() as obeying:
        obeying.then("a", answer("Blue."))
        async with worker(deployment("a", base_url=f"{obeying.address}/a/v1", credential="")) as rig:
            assert (await rig.runner.generate(rig.run("a"))).response
