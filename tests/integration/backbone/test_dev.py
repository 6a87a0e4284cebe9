"""Planes for development: whoever is on this machine calls without a token, and nobody by another name."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from tests.support.backbone import (
    Control,
    Running,
    asked,
    document,
    generate,
    opened,
    replaced,
    start_control,
    start_worker,
)
from tests.support.line import Line, refusal
from tests.support.provider import providers
from turnout.access.v1 import access_pb2

pytestmark = pytest.mark.asyncio(loop_scope="module")
CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Both planes, and sessions to their HTTP."""

    control: Control
    worker: Running
    web: aiohttp.ClientSession
    gateway: aiohttp.ClientSession


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[True, False], ids=["dev", "not dev"])
async def planes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    folder = tmp_path_factory.mktemp("dev")
    async with AsyncExitStack() as stack:
        obeying = await stack.enter_async_context(providers())
        catalog = replaced(folder / "turnout.yaml", document(obeying.address))
        control = await start_control(folder / "state", catalog, http="127.0.0.1:0", dev=request.param)
        stack.push_async_callback(control.stop)
        worker = await start_worker(
            control.address, folder / "state/tokens/worker", gateway="127.0.0.1:0", dev=request.param
        )
        stack.push_async_callback(worker.stop)
        session = aiohttp.ClientSession
        web = await stack.enter_async_context(session(f"http://{control.plane.http_address}"))
        gateway = await stack.enter_async_context(session(f"http://{worker.plane.gateway_address}"))
        yield Open(control=control, worker=worker, web=web, gateway=gateway)


def nobody(planes: Open, token: str = "") -> tuple[Line, Line]:
    """Connections to both planes with a token that nobody knows."""
    lines = (Line(planes.control.address, token), Line(planes.worker.address, token))
    planes.control.lines.append(lines[0])
    planes.worker.lines.append(lines[1])
    return lines


@pytest.mark.parametrize("token", ["", "sk-whatever"])
async def test_who_has_no_token_is_the_caller_dev_of_both_planes(planes: Open, token: str) -> None:
    router, runner = nobody(planes, token)
    if not planes.control.config.dev:
        assert (await refusal(router(asked()))).reason == "UNAUTHENTICATED"
        return
    decided = await router(asked())
    assert (opened(decided.decision).presenter, opened(decided.decision).tenant) == ("dev", "default")
    answered = await runner(generate(decided))
    assert answered.response.parts[0].text == "Blue."


async def test_who_has_no_token_is_no_operator_and_the_operator_still_is(planes: Open) -> None:
    router, _ = nobody(planes)
    reason = (await refusal(router(access_pb2.ListApiKeysRequest()))).reason
    assert reason == ("ACCESS_DENIED" if planes.control.config.dev else "UNAUTHENTICATED")
    assert await planes.control.known_line("operator")(access_pb2.ListApiKeysRequest()) is not None


async def test_a_gateway_answers_who_has_no_token(planes: Open) -> None:
    async with planes.gateway.post("/v1/chat/completions", json=CHAT) as response:
        body = await response.json()
        assert response.status == (200 if planes.control.config.dev else 401), body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80"])
async def test_a_page_of_the_web_that_leads_a_browser_here_is_refused(planes: Open, host: str) -> None:
    if not planes.control.config.dev:
        pytest.skip("there a token is asked for, which no such page has")
    for session, path in ((planes.web, "/v1/feedback"), (planes.gateway, "/v1/chat/completions")):
        async with session.post(path, json=CHAT, headers={"host": host}) as response:
            assert response.status == 403, await response.text()
    async with planes.web.get("/v1/budget") as response:
        assert response.status == 200


async def test_it_says_so_where_it_says_that_it_is_ready(planes: Open) -> None:
    for session in (planes.web, planes.gateway):
        async with session.get("/ready") as response:
            body = await response.json()
        assert ("without tokens" in body.get("dev", "")) is planes.control.config.dev


async def test_prometheus_reads_the_gateways_metrics_by_a_name_of_this_machine_alone(planes: Open) -> None:
    async with planes.gateway.get("/metrics") as response:
        assert (response.status, response.content_type) == (200, "text/plain")
        assert "process_cpu_seconds_total" in await response.text()
    async with planes.gateway.get("/metrics", headers={"host": "evil.example"}) as response:
        assert response.status == 401
