"""HttpProvider over real sockets: bytes as they come, every time limit, every way to hang up."""

import asyncio
import gzip
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataplane.chat.model import ChatRequest, Finished, FinishReason, Message, Role, StreamEvent, Text, TextDelta
from dataplane.provider.aiohttp_transport import AiohttpTransport
from dataplane.provider.http_provider import HttpProvider
from dataplane.provider.model import Call, CallFailure, Verdict
from dataplane.provider.transport import Limits, TransportFailure, Trouble
from dataplane.snapshot.model import Deployment, Timeouts, WireProtocol
from tests.support.raw_server import STREAM_HEAD, Connection, raw_server
from tests.support.recordings import collect

pytestmark = pytest.mark.loopback_time
SHORT = timedelta(milliseconds=60)
ANSWER = json.dumps(
    {
        "id": "1",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    }
).encode()
HELLO = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"hello"}}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    async with AiohttpTransport() as transport, asyncio.timeout(60):
        yield transport


@pytest.fixture
def provider(transport: AiohttpTransport) -> HttpProvider:
    return HttpProvider(transport, now=lambda: datetime.now(UTC))


def call(base_url: str, **timeouts: timedelta) -> Call:
    return Call(
        deployment=Deployment(
            name="d",
            model="m",
            provider="test",
            protocol=WireProtocol.OPENAI,
            base_url=base_url,
            timeouts=replace(Timeouts(), **timeouts),
        ),
        request=ChatRequest(messages=(Message(role=Role.USER, parts=(Text(text="Hello"),)),)),
        credential="sk-the-key-of-this-test",
        max_output_tokens=100,
        total=timedelta(seconds=15),
    )


async def streamed(provider: HttpProvider, of: Call) -> list[StreamEvent]:
    return [event async for event in provider.stream(of)]


async def failure_of(provider: HttpProvider, of: Call, *, streaming: bool = True) -> CallFailure:
    with pytest.raises(CallFailure) as caught:
        await (streamed(provider, of) if streaming else provider.generate(of))
    return caught.value


async def whole_stream(connection: Connection) -> None:
    """Answer every request with a stream."""
    while True:
        await connection.request()
        await connection.send(STREAM_HEAD)
        await connection.send_chunk(HELLO)
        await connection.send_chunk(LAST)
        await connection.send_chunk(b"")


# --- as they come -----------------------------------------------------------------------------------------


async def test_a_chunk_is_passed_on_before_the_next_one_is_sent(provider: HttpProvider) -> None:
    received = asyncio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(STREAM_HEAD)
        await connection.send_chunk(HELLO)
        await received.wait()
        await connection.send_chunk(LAST)
        await connection.send_chunk(b"")

    async with raw_server(serve) as url:
        stream = provider.stream(call(url))
        assert await anext(stream) == TextDelta(text="hello")
        received.set()
        assert [event async for event in stream] == [
            Finished(reason=FinishReason.STOP, provider_model="m", provider_response_id="1")
        ]


async def test_an_event_that_comes_in_two_packets_is_one(provider: HttpProvider) -> None:
    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(STREAM_HEAD)
        await connection.send_chunk(HELLO[:20])
        await connection.send_chunk(HELLO[20:] + LAST)
        await connection.send_chunk(b"")

    async with raw_server(serve) as url:
        assert (await streamed(provider, call(url)))[0] == TextDelta(text="hello")


async def test_time_in_which_nobody_reads_is_no_time_between_chunks(provider: HttpProvider) -> None:
    async with raw_server(whole_stream) as url, aclosing(provider.stream(call(url, between_chunks=SHORT))) as stream:
        await anext(stream)
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * SHORT.total_seconds()):
                await asyncio.Event().wait()
        assert isinstance(await anext(stream), Finished)


async def test_a_compressed_answer_is_unpacked_though_nobody_asked_for_it(provider: HttpProvider) -> None:
    accepted: list[str] = []

    async def serve(connection: Connection) -> None:
        _, headers, _ = await connection.request()
        accepted.append(headers["accept-encoding"])
        await connection.send_json(gzip.compress(ANSWER), headers="Content-Encoding: gzip\r\n")

    async with raw_server(serve) as url:
        assert (await provider.generate(call(url))).response.parts == (Text(text="hi"),)
    assert accepted == ["identity"]


# --- time limits ------------------------------------------------------------------------------------------


async def silent(connection: Connection) -> None:
    await connection.request()
    await connection.gone()


async def silent_after_the_head(connection: Connection) -> None:
    await connection.request()
    await connection.send(STREAM_HEAD)
    await connection.gone()


async def silent_after_a_chunk(connection: Connection) -> None:
    await connection.request()
    await connection.send(STREAM_HEAD)
    await connection.send_chunk(HELLO)
    await connection.gone()


async def silent_in_the_body(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    await connection.gone()


@pytest.mark.parametrize("server", [silent, silent_after_the_head])
async def test_a_stream_that_does_not_begin_times_out(
    provider: HttpProvider, server: object, request: pytest.FixtureRequest
) -> None:
    async with raw_server(server) as url:  # type: ignore[arg-type]
        failure = await failure_of(provider, call(url, first_token=SHORT))
    assert (failure.verdict, failure.error) == (Verdict.FAILED, "timeout_first_token")
    assert not failure.unsent


async def test_a_stream_that_stops_times_out_after_what_came(provider: HttpProvider) -> None:
    got: list[StreamEvent] = []
    async with raw_server(silent_after_a_chunk) as url:
        with pytest.raises(CallFailure) as caught:
            await collect(provider.stream(call(url, between_chunks=SHORT)), got)
    assert caught.value.error == "timeout_between_chunks"
    assert caught.value.http_status == 200
    assert got == [TextDelta(text="hello")]


@pytest.mark.parametrize("server", [silent, silent_after_the_head, silent_after_a_chunk])
async def test_the_total_ends_a_stream_wherever_it_is(provider: HttpProvider, server: object) -> None:
    async with raw_server(server) as url:  # type: ignore[arg-type]
        failure = await failure_of(provider, replace(call(url), total=SHORT))
    assert (failure.verdict, failure.error) == (Verdict.FAILED, "timeout_total")


@pytest.mark.parametrize("server", [silent, silent_in_the_body])
async def test_the_deployments_total_ends_a_whole_answer(provider: HttpProvider, server: object) -> None:
    async with raw_server(server) as url:  # type: ignore[arg-type]
        failure = await failure_of(provider, call(url, total=SHORT), streaming=False)
    assert failure.error == "timeout_total"


async def test_a_whole_answer_may_take_longer_than_a_first_token(provider: HttpProvider) -> None:
    """Its first byte comes when the model is done."""
    first_token = timedelta(milliseconds=1)

    async def serve(connection: Connection) -> None:
        await connection.request()
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * first_token.total_seconds()):
                await connection.gone()
        await connection.send_json(ANSWER)

    async with raw_server(serve) as url:
        assert (await provider.generate(call(url, first_token=first_token))).http_status == 200


async def test_waiting_for_a_place_in_the_pool_is_part_of_connecting() -> None:
    busy = asyncio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        busy.set()
        await connection.gone()

    async with AiohttpTransport(connections_per_origin=1) as narrow, raw_server(serve) as url:
        provider = HttpProvider(narrow, now=lambda: datetime.now(UTC))
        first = asyncio.create_task(provider.generate(call(url)))
        await busy.wait()
        failure = await failure_of(provider, call(url, connect=SHORT))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    assert (failure.verdict, failure.error, failure.unsent) == (Verdict.FAILED, "timeout_connect", True)


# --- not connected ----------------------------------------------------------------------------------------


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_refused_connection_is_unsent(provider: HttpProvider, streaming: bool) -> None:
    failure = await failure_of(provider, call(f"http://127.0.0.1:{closed_port()}"), streaming=streaming)
    assert (failure.verdict, failure.error, failure.unsent) == (Verdict.FAILED, "connect", True)


async def test_a_server_without_tls_is_a_tls_failure_and_unsent(provider: HttpProvider) -> None:
    async def serve(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await connection.gone()

    async with raw_server(serve) as url:
        failure = await failure_of(provider, call(url.replace("http:", "https:")))
    assert (failure.verdict, failure.error, failure.unsent) == (Verdict.FAILED, "tls", True)


@pytest.fixture
def own_certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate that nobody vouches for, and the certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is absent: it makes the certificate of this test")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key, "-out", certificate, *subject],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    provider: HttpProvider, own_certificate: tuple[ssl.SSLContext, Path]
) -> None:
    async with raw_server(whole_stream, tls=own_certificate[0]) as url:
        failure = await failure_of(provider, call(url))
    assert (failure.verdict, failure.error, failure.unsent) == (Verdict.FAILED, "tls", True)


async def test_the_same_certificate_will_do_for_whoever_trusts_it(
    own_certificate: tuple[ssl.SSLContext, Path],
) -> None:
    server, certificate = own_certificate
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with AiohttpTransport(tls=trusting) as transport, raw_server(whole_stream, tls=server) as url:
        assert len(await streamed(HttpProvider(transport, now=lambda: datetime.now(UTC)), call(url))) == 2


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://", "127.0.0.1:80"])
async def test_an_address_that_is_none_is_our_mistake(provider: HttpProvider, url: str) -> None:
    failure = await failure_of(provider, call(url))
    assert (failure.verdict, failure.error, failure.unsent) == (Verdict.MISCONFIGURED, "base_url", True)


# --- broken answers ---------------------------------------------------------------------------------------


async def test_a_server_that_hangs_up_before_it_answers_may_have_done_the_work(provider: HttpProvider) -> None:
    async def serve(connection: Connection) -> None:
        await connection.request()

    async with raw_server(serve) as url:
        failure = await failure_of(provider, call(url))
    assert (failure.verdict, failure.error, failure.unsent) == (Verdict.FAILED, "disconnected", False)


async def test_a_connection_that_breaks_in_the_stream_is_a_cut(provider: HttpProvider) -> None:
    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(STREAM_HEAD)
        await connection.send_chunk(HELLO)

    async with raw_server(serve) as url:
        failure = await failure_of(provider, call(url))
    assert (failure.verdict, failure.error) == (Verdict.FAILED, "stream_cut")


async def test_a_body_that_breaks_off_is_no_answer(provider: HttpProvider) -> None:
    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")

    async with raw_server(serve) as url:
        failure = await failure_of(provider, call(url), streaming=False)
    assert (failure.verdict, failure.error) == (Verdict.FAILED, "disconnected")


@pytest.mark.parametrize("nonsense", [b"HTTP/9.9 what\r\n\r\n", b"SSH-2.0-server\r\n", b"\x00\x01\x02\r\n\r\n"])
async def test_an_answer_that_is_no_http_is_malformed(provider: HttpProvider, nonsense: bytes) -> None:
    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(nonsense)

    async with raw_server(serve) as url:
        failure = await failure_of(provider, call(url))
    assert (failure.verdict, failure.error) == (Verdict.FAILED, "malformed")


async def test_an_error_whose_body_breaks_off_is_still_that_error(provider: HttpProvider) -> None:
    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 100\r\n\r\n{")

    async with raw_server(serve) as url:
        failure = await failure_of(provider, call(url))
    assert (failure.verdict, failure.retry_after) == (Verdict.THROTTLED, timedelta(seconds=3))


# --- hanging up -------------------------------------------------------------------------------------------


class Watched:
    """A server that tells when a request came and when the caller was gone."""

    def __init__(self, *sent: bytes) -> None:
        self.sent = sent
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, connection: Connection) -> None:
        await connection.request()
        for data in self.sent:
            await connection.send(data)
        self.asked.set()
        await connection.gone()
        self.left.set()


FIRST_CHUNK = f"{len(HELLO):x}\r\n".encode() + HELLO + b"\r\n"


@pytest.mark.parametrize("streaming", [True, False])
async def test_cancelling_a_call_that_waits_hangs_up_at_once(provider: HttpProvider, streaming: bool) -> None:
    server = Watched()
    async with raw_server(server) as url:
        work = streamed(provider, call(url)) if streaming else provider.generate(call(url))
        task: asyncio.Task[object] = asyncio.create_task(work)
        await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.left.wait()


async def test_cancelling_in_the_midst_of_a_stream_hangs_up_at_once(provider: HttpProvider) -> None:
    server = Watched(STREAM_HEAD, FIRST_CHUNK)
    begun = asyncio.Event()

    async def consume(url: str) -> None:
        async for _ in provider.stream(call(url)):
            begun.set()

    async with raw_server(server) as url:
        task = asyncio.create_task(consume(url))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.left.wait()


async def test_closing_the_stream_hangs_up_at_once(provider: HttpProvider) -> None:
    server = Watched(STREAM_HEAD, FIRST_CHUNK)
    async with raw_server(server) as url:
        async with aclosing(provider.stream(call(url))) as stream:
            await anext(stream)
        await server.left.wait()


async def test_a_time_limit_hangs_up_at_once(provider: HttpProvider) -> None:
    server = Watched(STREAM_HEAD, FIRST_CHUNK)
    async with raw_server(server) as url:
        await failure_of(provider, call(url, between_chunks=SHORT))
        await server.left.wait()


# --- connections and their secrets ------------------------------------------------------------------------


async def test_a_stream_that_ended_leaves_its_connection_for_the_next_call(provider: HttpProvider) -> None:
    connections = 0

    async def serve(connection: Connection) -> None:
        nonlocal connections
        connections += 1
        await whole_stream(connection)

    async with raw_server(serve) as url:
        for _ in range(3):
            await streamed(provider, call(url))
    assert connections == 1


async def test_a_server_that_does_not_end_its_body_does_not_hold_up_the_caller(provider: HttpProvider) -> None:
    """The answer is over with its last event; the connection is given up after a short wait."""
    server = Watched(STREAM_HEAD, FIRST_CHUNK, f"{len(LAST):x}\r\n".encode() + LAST + b"\r\n")
    async with raw_server(server) as url:
        assert isinstance((await streamed(provider, call(url)))[-1], Finished)
        await server.left.wait()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed_and_no_credential_travels(provider: HttpProvider, status: str) -> None:
    reached: list[str] = []

    async def elsewhere(connection: Connection) -> None:
        reached.append((await connection.request())[0])

    async with raw_server(elsewhere) as other:

        async def serve(connection: Connection) -> None:
            await connection.request()
            await connection.send_json(b"{}", status=status, headers=f"Location: {other}/\r\n")

        async with raw_server(serve) as url:
            failure = await failure_of(provider, call(url))
    assert (failure.verdict, failure.error) == (Verdict.FAILED, f"http_{status[:3]}")
    assert reached == []


async def test_cookies_are_not_kept(provider: HttpProvider) -> None:
    cookies: list[str | None] = []

    async def serve(connection: Connection) -> None:
        while True:
            _, headers, _ = await connection.request()
            cookies.append(headers.get("cookie"))
            await connection.send_json(ANSWER, headers="Set-Cookie: session=1; Path=/\r\n")

    async with raw_server(serve) as url:
        await provider.generate(call(url))
        await provider.generate(call(url))
    assert cookies == [None, None]


async def test_proxies_of_the_environment_are_not_used(provider: HttpProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = f"http://127.0.0.1:{closed_port()}"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, dead)
    async with raw_server(whole_stream) as url:
        assert len(await streamed(provider, call(url))) == 2


async def test_the_request_carries_what_the_provider_needs_and_nothing_else(provider: HttpProvider) -> None:
    seen: list[tuple[str, dict[str, str], bytes]] = []

    async def serve(connection: Connection) -> None:
        seen.append(await connection.request())
        await connection.send_json(ANSWER)

    async with raw_server(serve) as url:
        await provider.generate(call(f"{url}/v1"))
    ((line, headers, body),) = seen
    assert line == "POST /v1/chat/completions HTTP/1.1"
    assert headers.pop("host").startswith("127.0.0.1:")
    assert headers.pop("content-length") == str(len(body))
    assert headers == {
        "authorization": "Bearer sk-the-key-of-this-test",
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": "turnout",
    }
    assert json.loads(body) == {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 100}


async def test_the_transport_alone_keeps_its_limits(transport: AiohttpTransport) -> None:
    async with raw_server(silent_after_the_head) as url:
        limits = Limits(connect=5, first_byte=0.06, between_chunks=5, total=5)
        reply = await transport.post(url, {}, b"", limits)
        with pytest.raises(TransportFailure) as caught:
            await reply.read()
        reply.close()
    assert caught.value.trouble is Trouble.TIMEOUT_FIRST_BYTE
