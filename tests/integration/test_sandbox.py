"""The sandbox over real sockets, in this process: streams, faults, cancellation, stopping."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from dataplane.provider import sandbox
from dataplane.provider.sandbox import (
    Fault,
    FaultKind,
    ManualClock,
    ModelProfile,
    SandboxConfig,
    SandboxServer,
    Settings,
)

BODY: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "Explain step by step why trains need signals."}],
}
STREAM = BODY | {"stream": True}
PATH = "/v1/chat/completions"
KEY = {"authorization": "Bearer key"}
WHOLE = ModelProfile(quality=1.0, first_token_s=1.0, tokens_per_second=10.0, jitter=0.0)


def config(*, latency_scale: float = 0.0, **settings: Any) -> SandboxConfig:
    return SandboxConfig(settings=Settings(latency_scale=latency_scale, seed=7, **settings), models={"m": WHOLE})


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    async with sandbox.serve(config()) as running:
        yield running


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.address, headers=KEY) as session:
        yield session


async def raw(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]), limit=2**20)


def http(body: object, *, path: str = PATH, extra: str = "") -> bytes:
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\n{extra}content-length: {len(data)}\r\n\r\n"
    return head.encode() + data


async def read_reply(reader: asyncio.StreamReader) -> tuple[bytes, Any]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, json.loads(await reader.readexactly(length))


async def test_an_answer_comes_over_the_wire_with_its_quality(client: aiohttp.ClientSession) -> None:
    async with client.post(PATH, json=BODY) as response:
        assert response.status == 200
        assert response.headers["x-sandbox-quality"] == "good"
        assert (await response.json())["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("path", "headers", "body", "ending"),
    [
        (PATH, KEY, STREAM, "data: [DONE]\n\n"),
        (
            "/v1/messages",
            {"x-api-key": "k", "anthropic-version": "2023-06-01"},
            STREAM | {"max_tokens": 2_000},
            'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        ),
        (
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            {"x-goog-api-key": "k"},
            {"contents": [{"parts": [{"text": "Explain signals."}]}]},
            "\r\n\r\n",
        ),
    ],
)
async def test_a_stream_comes_over_the_wire(
    client: aiohttp.ClientSession, path: str, headers: dict[str, str], body: Any, ending: str
) -> None:
    async with client.post(path, json=body, headers=headers) as response:
        assert response.status == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert (await response.text()).endswith(ending)


async def test_requests_share_a_connection(server: SandboxServer) -> None:
    reader, writer = await raw(server.address)
    writer.write(http(BODY) * 3)
    ids = {(await read_reply(reader))[1]["id"] for _ in range(3)}
    assert len(ids) == 3
    writer.close()


async def test_a_client_that_asks_to_close_is_obeyed(server: SandboxServer) -> None:
    reader, writer = await raw(server.address)
    writer.write(http(BODY, extra="connection: close\r\n"))
    head, _ = await read_reply(reader)
    assert b"connection: close" in head
    assert await reader.read() == b""
    writer.close()


async def test_a_client_that_waits_for_a_go_ahead_gets_it(server: SandboxServer) -> None:
    reader, writer = await raw(server.address)
    head, _, body = http(BODY, extra="expect: 100-continue\r\n").partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await read_reply(reader))[0].startswith(b"HTTP/1.1 200 OK")
    writer.close()


@pytest.mark.parametrize(
    ("path", "type_"),
    [(PATH, "invalid_request_error"), ("/v1/messages", "request_too_large"), ("/v1/models/m:generateContent", None)],
)
async def test_a_body_too_large_is_refused_in_the_shape_of_the_protocol(path: str, type_: str | None) -> None:
    async with sandbox.serve(config(max_body_bytes=100)) as server:
        reader, writer = await raw(server.address)
        writer.write(http({"x": "y" * 200}, path=path))
        head, body = await read_reply(reader)
        assert head.startswith(b"HTTP/1.1 413 ")
        assert body["error"].get("type") == type_
        assert "100 are allowed" in body["error"]["message"]
        writer.close()


async def test_a_client_that_is_still_sending_sees_that_its_body_is_too_large() -> None:
    async with (
        sandbox.serve(config(max_body_bytes=1_000)) as server,
        aiohttp.ClientSession(server.address, headers=KEY) as client,
        client.post(PATH, data=io.BytesIO(b"x" * 8_000_000)) as response,
    ):
        assert response.status == 413
        assert "8000000 bytes" in (await response.json())["error"]["message"]


async def test_what_is_not_http_is_told_so(server: SandboxServer) -> None:
    reader, writer = await raw(server.address)
    writer.write(b"HELO there\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_chunks_come_as_their_tokens_are_made() -> None:
    clock = ManualClock()
    async with sandbox.serve(config(latency_scale=1.0), clock=clock) as server:
        reader, writer = await raw(server.address)
        writer.write(http(STREAM))
        await server.until(lambda book: book.in_flight == 1)
        clock.advance(1.0)
        await reader.readuntil(b"\r\n\r\n")
        assert b'"role":"assistant"' in await reader.readuntil(b"\n\n\r\n")
        assert b'"content":' in await reader.readuntil(b"\n\n\r\n")
        pending = asyncio.ensure_future(reader.readuntil(b"\n\n\r\n"))
        clock.advance(0.09)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not pending.done()
        clock.advance(0.02)
        assert b'"content":' in await pending
        writer.close()


async def test_an_answer_in_one_piece_waits_for_its_last_token() -> None:
    clock = ManualClock()
    async with sandbox.serve(config(latency_scale=1.0), clock=clock) as server:
        reader, writer = await raw(server.address)
        writer.write(http(BODY | {"max_tokens": 11}))
        await server.until(lambda book: book.in_flight == 1)
        clock.advance(1.99)
        assert server.book.in_flight == 1
        clock.advance(0.02)
        assert (await read_reply(reader))[1]["usage"]["completion_tokens"] == 11
        assert server.book.last(1)[0]["duration_s"] == 2.0
        writer.close()


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_a_client_that_leaves_is_noticed_and_counted(body: Any) -> None:
    async with sandbox.serve(config(latency_scale=1.0), clock=ManualClock()) as server:
        _, writer = await raw(server.address)
        writer.write(http(body))
        await server.until(lambda book: book.in_flight == 1)
        writer.close()
        await server.until(lambda book: book.cancelled == 1)
        assert server.book.in_flight == 0
        assert server.book.last(1)[0]["outcome"] == "cancelled"


async def test_a_client_that_leaves_in_mid_stream_is_noticed() -> None:
    clock = ManualClock()
    async with sandbox.serve(config(latency_scale=1.0), clock=clock) as server:
        reader, writer = await raw(server.address)
        writer.write(http(STREAM))
        await server.until(lambda book: book.in_flight == 1)
        clock.advance(1.55)
        await reader.readuntil(b'"content":')
        writer.close()
        await server.until(lambda book: book.cancelled == 1)
        (call,) = server.book.last(1)
        assert call["status"] == 200
        assert call["chunks"] == 7
        assert clock.pending == 0


async def test_a_client_that_stays_is_not_counted_as_cancelled(
    client: aiohttp.ClientSession, server: SandboxServer
) -> None:
    async with client.post(PATH, json=STREAM) as response:
        await response.read()
    assert (server.book.calls, server.book.in_flight, server.book.cancelled) == (1, 0, 0)


async def test_a_hanging_call_ends_when_its_client_leaves(server: SandboxServer) -> None:
    server.set_faults(Fault(id="f", kind=FaultKind.HANG))
    _, writer = await raw(server.address)
    writer.write(http(BODY))
    await server.until(lambda book: book.in_flight == 1)
    writer.close()
    await server.until(lambda book: book.cancelled == 1)
    (call,) = server.book.last(1)
    assert (call["outcome"], call["fault"], call["status"]) == ("cancelled", "hang", None)


async def test_a_reset_reaches_the_client_as_one(server: SandboxServer, client: aiohttp.ClientSession) -> None:
    server.set_faults(Fault(id="f", kind=FaultKind.RESET))
    reader, writer = await raw(server.address)
    writer.write(http(BODY))
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post(PATH, json=BODY)
    assert server.book.last(1)[0]["fault"] == "reset"


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_a_broken_connection_is_an_incomplete_body(
    server: SandboxServer, client: aiohttp.ClientSession, body: Any
) -> None:
    server.set_faults(Fault(id="f", kind=FaultKind.DISCONNECT, after_chunks=3))
    async with client.post(PATH, json=body) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_the_events_before_a_broken_connection_arrive(server: SandboxServer) -> None:
    server.set_faults(Fault(id="f", kind=FaultKind.DISCONNECT, after_chunks=3))
    reader, writer = await raw(server.address)
    writer.write(http(STREAM))
    assert (await reader.read()).count(b"data: ") == 3
    writer.close()


async def test_a_truncated_stream_is_a_complete_body(server: SandboxServer, client: aiohttp.ClientSession) -> None:
    server.set_faults(Fault(id="f", kind=FaultKind.TRUNCATE))
    async with client.post(PATH, json=STREAM) as response:
        assert "[DONE]" not in await response.text()


async def test_a_hint_when_to_retry_arrives(server: SandboxServer, client: aiohttp.ClientSession) -> None:
    server.set_faults(Fault(id="f", kind=FaultKind.STATUS, status=429, retry_after_s=7.0, count=1))
    async with client.post(PATH, json=BODY) as response:
        assert (response.status, response.headers["retry-after"]) == (429, "7")
    async with client.post(PATH, json=BODY) as response:
        assert response.status == 200


async def test_faults_are_set_over_http(client: aiohttp.ClientSession) -> None:
    faults = {"faults": [{"id": "x", "kind": "status", "status": 503, "count": 1}]}
    async with client.put("/_sandbox/faults", json=faults) as response:
        assert response.status == 200
    async with client.post(PATH, json=BODY) as response:
        assert response.status == 503
    async with client.get("/_sandbox/faults") as response:
        assert (await response.json())["faults"][0]["hits"] == 1
    async with client.get("/_sandbox/stats") as response:
        assert (await response.json())["models"]["m"]["faults"] == {"status": 1}
    async with client.get("/_sandbox/calls?limit=1") as response:
        assert (await response.json())["calls"][0]["status"] == 503
    async with client.delete("/_sandbox/faults") as response:
        assert await response.json() == {"faults": []}


async def test_many_clients_are_served_at_once(client: aiohttp.ClientSession, server: SandboxServer) -> None:
    async def ask(number: int) -> int:
        body = BODY | {"messages": [{"role": "user", "content": f"Hello {number}"}], "stream": number % 2 == 0}
        async with client.post(PATH, json=body) as response:
            await response.read()
            return response.status

    assert await asyncio.gather(*map(ask, range(100))) == [200] * 100
    assert (server.book.calls, server.book.in_flight, server.book.cancelled) == (100, 0, 0)


async def test_stopping_drops_open_streams_at_once() -> None:
    async with sandbox.serve(config(latency_scale=1.0), clock=ManualClock()) as server:
        reader, writer = await raw(server.address)
        writer.write(http(STREAM))
        await server.until(lambda book: book.in_flight == 1)
    assert server.book.in_flight == 0
    with pytest.raises(OSError, match="Connect call failed"):
        await raw(server.address)
    assert not await reader.read()
    writer.close()
