"""One request and its answer over ASGI."""

import asyncio
from collections.abc import Mapping

import pytest

from dataplane.gateway.exchange import MAX_BODY, WATCHED_AFTER, Exchange, Gone, TooLarge
from dataplane.gateway.model import BadRequest
from tests.support.asgi import Conversation
from tests.support.virtual_time import pause, run

MIB = bytes(1024 * 1024)


def exchange(asked: Conversation) -> Exchange:
    return Exchange(asked.scope, asked.receive, asked.send)


async def read(*pieces: bytes, headers: Mapping[str, str] | None = None, cut: bool = False) -> str:
    return await exchange(Conversation("POST", "/v1/x", *pieces, headers=headers, cut=cut)).text()


async def test_a_request_is_read_with_its_headers_and_its_query() -> None:
    got = exchange(Conversation("POST", "/v1/x", headers={"x-name": "é"}, query="alt=sse&a=%20b"))
    assert (got.method, got.path, got.headers["x-name"]) == ("POST", "/v1/x", "é")
    assert got.query == {"alt": "sse", "a": " b"}
    assert exchange(Conversation()).query == {}


@pytest.mark.parametrize("pieces", [(b'{"a":1}',), (b'{"a"', b":1", b"}"), (b"", b'{"a":1}', b"")])
async def test_a_body_is_read_however_it_is_cut(pieces: tuple[bytes, ...]) -> None:
    assert await read(*pieces) == '{"a":1}'


async def test_a_letter_may_be_cut_in_two() -> None:
    assert await read("é".encode()[:1], "é".encode()[1:]) == "é"


async def test_a_body_as_large_as_the_limit_is_read() -> None:
    assert len(await read(*[MIB] * 8)) == MAX_BODY


async def test_a_larger_body_is_refused_as_soon_as_it_is_too_large() -> None:
    asked = Conversation("POST", "/v1/x", *[MIB] * 8, b"x", *[MIB] * 8)
    with pytest.raises(TooLarge, match="larger than 8388608 bytes"):
        await exchange(asked).text()
    assert (await asked.receive())["body"] == MIB, "the rest was not waited for"


async def test_a_length_that_is_too_large_is_refused_before_the_body_comes() -> None:
    asked = Conversation("POST", "/v1/x", b"{}", headers={"content-length": str(MAX_BODY + 1)})
    with pytest.raises(TooLarge):
        await exchange(asked).text()
    assert (await asked.receive())["body"] == b"{}", "nothing was read"


@pytest.mark.parametrize("length", ["-1", "x", "9" * 30 + "x", "²"])
async def test_a_length_that_is_no_number_says_nothing(length: str) -> None:
    assert await read(b"{}", headers={"content-length": length}) == "{}"


async def test_what_is_no_utf_8_is_refused_with_the_place() -> None:
    with pytest.raises(BadRequest, match="no UTF-8, at byte 5"):
        await read(b'{"a":', b'\xff"}')


@pytest.mark.parametrize("pieces", [(b"",), (b'{"a"', b":1}")])
async def test_a_caller_that_goes_before_its_request_is_whole_gets_no_answer(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(Gone):
        await read(*pieces, cut=True)


async def test_an_answer_has_its_length_and_kind() -> None:
    asked = Conversation()
    answered = exchange(asked)
    assert answered.status == 0
    await answered.respond(201, [("x-a", "b")], b"{}")
    assert answered.begun
    assert (asked.status, asked.body, asked.whole) == (201, b"{}", True)
    assert asked.headers == {"content-type": "application/json", "x-a": "b", "content-length": "2"}


async def test_an_answer_to_head_has_the_length_and_no_body() -> None:
    asked = Conversation("HEAD")
    await exchange(asked).respond(200, (), b"four")
    assert (asked.headers["content-length"], asked.body, asked.whole) == ("4", b"", True)


async def test_pieces_go_out_as_they_come_and_empty_ones_do_not() -> None:
    asked = Conversation()
    answered = exchange(asked)
    await answered.begin(200, (), b"text/event-stream")
    for piece in (b"a", b"", b"b"):
        await answered.write(piece)
    assert (asked.pieces, asked.whole) == ([b"a", b"b"], False)
    await answered.finish()
    assert asked.whole
    assert "content-length" not in asked.headers


@pytest.mark.parametrize(("value", "carried"), [("a\r\nx-b: c", "a??x-b: c"), ("é\x00", "??"), ("a b~", "a b~")])
async def test_a_header_carries_what_cannot_end_it(value: str, carried: str) -> None:
    asked = Conversation()
    await exchange(asked).respond(200, [("x-a", value)], b"")
    assert asked.headers["x-a"] == carried


def test_a_caller_that_leaves_while_it_is_served_ends_the_work() -> None:
    async def main() -> None:
        asked = Conversation("POST", "/v1/x", b"{}")
        served = exchange(asked)

        async def serve() -> None:
            await served.text()
            served.watch()
            await pause(3600)

        work = asyncio.ensure_future(serve())
        await pause(WATCHED_AFTER * 2)
        assert not work.done()
        asked.leave()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert served.left
        assert asyncio.get_running_loop().time() < 1

    run(main())


def test_a_caller_that_is_not_watched_ends_nothing() -> None:
    async def main() -> None:
        asked = Conversation("POST", "/v1/x", b"{}")
        served = exchange(asked)
        asked.leave()
        await served.text()
        await pause(10)
        assert not served.left

    run(main())


def test_a_caller_that_leaves_after_its_answer_ends_nothing() -> None:
    async def main() -> None:
        asked = Conversation("POST", "/v1/x", b"{}")
        served = exchange(asked)
        await served.text()
        served.watch()
        await pause(WATCHED_AFTER * 2)
        await served.respond(200, (), b"{}")
        asked.leave()
        await pause(10)
        assert not served.left
        served.leave()

    run(main())


def test_nobody_is_watched_any_longer_than_wanted() -> None:
    async def main() -> None:
        asked = Conversation("POST", "/v1/x", b"{}")
        served = exchange(asked)
        served.watch()
        served.leave()
        asked.leave()
        await pause(10)
        assert not served.left

    run(main())
