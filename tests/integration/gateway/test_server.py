"""The gateway's server of HTTP/1.1 over real sockets: that what it takes for granted of its library holds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from turnout_wire.http_protocol import MAX_HEAD
from turnout_wire.http_server import HttpServer

Application = Callable[[Any, Any, Any], Awaitable[None]]
LONG = 512 * 1024
HELLO = b"POST /hello%20you?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"


async def body_of(receive: Any) -> bytes:
    """The whole body of a request."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    return body


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what was asked."""
    told = scope["path"].encode() + b"?" + scope["query_string"] + b" " + await body_of(receive)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(told))]})
    await send({"type": "http.response.body", "body": told})


@asynccontextmanager
async def serving(application: Application, drain: float = 5.0) -> AsyncIterator[tuple[HttpServer, str]]:
    """A server on any port."""
    server = HttpServer(application, drain=drain, parser="httptools")
    address = await server.start("127.0.0.1:0")
    try:
        async with asyncio.timeout(60):
            yield server, address
    finally:
        await server.stop(0.1)


@asynccontextmanager
async def calling(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to it."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """One answer with a length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    return head[0], headers, await reader.readexactly(int(headers["content-length"]))


async def test_requests_follow_one_another_on_a_connection() -> None:
    async with serving(echo) as (_, address), calling(address) as (reader, writer):
        for _ in range(3):
            writer.write(HELLO)
            status, headers, body = await answer(reader)
            assert (status, body) == ("HTTP/1.1 200 OK", b"/hello you?a=b hello")
            assert not headers.keys() & {"connection", "server"}


async def test_requests_that_come_at_once_are_answered_in_their_order() -> None:
    async with serving(echo) as (_, address), calling(address) as (reader, writer):
        writer.write(b"".join(HELLO.replace(b"hello", b"hell%d" % number) for number in range(3)))
        assert [(await answer(reader))[2][-5:] for _ in range(3)] == [b"hell0", b"hell1", b"hell2"]


async def test_an_answer_of_no_known_length_comes_in_chunks_of_which_none_is_held_back() -> None:
    passed = asyncio.Event()

    async def stream(_: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await passed.wait()
        await send({"type": "http.response.body", "body": b"two", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async with serving(stream) as (_, address), calling(address) as (reader, writer):
        writer.write(HELLO)
        assert b"\r\ntransfer-encoding: chunked\r\n" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(8) == b"3\r\none\r\n"
        passed.set()
        assert await reader.readexactly(13) == b"3\r\ntwo\r\n0\r\n\r\n"


async def test_a_body_that_waits_for_leave_gets_it() -> None:
    async with serving(echo) as (_, address), calling(address) as (reader, writer):
        head, _, body = HELLO.partition(b"\r\n\r\n")
        writer.write(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await answer(reader))[0] == "HTTP/1.1 200 OK"


async def test_a_long_body_comes_in_pieces_and_waits_for_its_reader() -> None:
    body = b"x" * LONG
    pieces: list[int] = []

    async def count(_: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            pieces.append(len(message["body"]))
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 204, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async with serving(count) as (_, address), calling(address) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert (await answer(reader))[0] == "HTTP/1.1 204 No Content"
    assert sum(pieces) == len(body)
    assert max(pieces) < len(body)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400 Bad Request"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400 Bad Request"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400 Bad Request"),
        (b"\x16\x03\x01\x02\x00", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * MAX_HEAD, b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * (MAX_HEAD // 6), b"400 Bad Request"),
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_ends(sent: bytes, status: bytes) -> None:
    async with serving(echo) as (_, address), calling(address) as (reader, writer):
        writer.write(sent)
        told = await reader.read()
        assert told.startswith(b"HTTP/1.1 " + status)


async def test_an_answer_without_an_end_is_cut() -> None:
    async def half(_: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})

    async with serving(half) as (_, address), calling(address) as (reader, writer):
        writer.write(HELLO)
        assert not (await reader.read()).endswith(b"0\r\n\r\n")


async def test_who_leaves_is_told_to_the_application() -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    begun = asyncio.Event()

    async def linger(_: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        begun.set()
        told.set_result((await receive())["type"])

    async with serving(linger) as (_, address):
        async with calling(address) as (_, writer):
            writer.write(HELLO)
            await begun.wait()
        assert await told == "http.disconnect"


async def test_a_server_that_goes_down_lets_answers_finish_and_takes_no_more() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await go.wait()
        await echo(scope, receive, send)

    async with serving(slow) as (server, address), calling(address) as (reader, writer), calling(address) as (idle, _):
        writer.write(HELLO)
        await begun.wait()
        stopping = asyncio.create_task(server.stop())
        assert await idle.read() == b"", "a connection without a request ends at once"
        go.set()
        assert (await answer(reader))[0] == "HTTP/1.1 200 OK"
        assert await reader.read() == b""
        await stopping
        with pytest.raises(OSError, match=r"refused|Connect"):
            async with calling(address):
                pass


async def test_what_takes_too_long_is_cut_when_the_server_goes_down(caplog: pytest.LogCaptureFixture) -> None:
    begun = asyncio.Event()

    async def stuck(_: Any, receive: Any, send: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with serving(stuck) as (server, address), calling(address) as (reader, writer):
        writer.write(HELLO)
        await begun.wait()
        await server.stop(0.1)
        await reader.read()
    assert "timeout graceful shutdown exceeded" in caplog.text


async def test_an_address_that_is_taken_or_none_is_told_with_the_way_out() -> None:
    async with serving(echo) as (_, address):
        with pytest.raises(OSError, match=r"cannot listen on .*; another process may listen there"):
            await HttpServer(echo, drain=1.0, parser="httptools").start(address)
    with pytest.raises(OSError, match="write HOST:PORT"):
        await HttpServer(echo, drain=1.0, parser="httptools").start("nowhere")
