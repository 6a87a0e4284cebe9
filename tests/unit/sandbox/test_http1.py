"""Requests are read however their bytes come, and answers are written as HTTP/1.1 wants them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.provider.sandbox import http1
from dataplane.provider.sandbox.http1 import HttpError, Request, RequestReader

SIZED = b"POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-Api-Key:  k \r\n\r\nhello"
CHUNKED = b"POST /y HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"
BARE = b"GET /z HTTP/1.1\r\n\r\n"


def read_all(data: list[bytes], limit: int = 1_000) -> list[Request]:
    reader, requests = RequestReader(limit), []
    for part in data:
        reader.feed(part)
        while (request := reader.next()) is not None:
            requests.append(request)
    return requests


def test_a_request_is_read() -> None:
    (request,) = read_all([SIZED])
    assert (request.method, request.path, request.query, request.body) == ("POST", "/v1/x", "a=b", b"hello")
    assert request.headers == {"host": "h", "content-length": "5", "x-api-key": "k"}
    assert request.keep_alive


@given(st.lists(st.sampled_from([SIZED, CHUNKED, BARE]), min_size=1, max_size=4), st.data())
def test_requests_are_the_same_however_they_are_cut(requests: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(requests)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    parts = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    bodies = {SIZED: b"hello", CHUNKED: b"hello!", BARE: b""}
    assert [request.body for request in read_all(parts)] == [bodies[one] for one in requests]


def test_chunks_without_trailers_end_too() -> None:
    (request,) = read_all([CHUNKED.replace(b"Trailer: x\r\n", b"")])
    assert request.body == b"hello!"


@pytest.mark.parametrize(
    ("head", "keep"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", True),
    ],
)
def test_the_connection_is_kept_as_the_version_says(head: bytes, keep: bool) -> None:
    assert read_all([head])[0].keep_alive is keep


def test_a_client_that_waits_to_be_asked_for_its_body_is_seen() -> None:
    reader = RequestReader(1_000)
    reader.feed(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert reader.next() is None
    assert reader.wants_continue
    reader.feed(b"ok")
    request = reader.next()
    assert request is not None
    assert request.body == b"ok"
    assert not reader.wants_continue


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 200, 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
    ],
)
def test_what_cannot_be_answered_is_refused(data: bytes, status: int) -> None:
    with pytest.raises(HttpError) as caught:
        read_all([data])
    assert caught.value.status == status


def test_a_body_too_large_is_refused_before_it_comes_with_the_head_at_hand() -> None:
    with pytest.raises(HttpError) as caught:
        read_all([b"POST /v1/messages HTTP/1.1\r\nContent-Length: 6\r\n\r\n"], limit=5)
    assert caught.value.request is not None
    assert caught.value.request.path == "/v1/messages"


def test_answers_are_written() -> None:
    assert http1.whole(200, [("a", "b")], b"hi") == b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 2\r\n\r\nhi"
    assert http1.whole(529, [], b"", keep_alive=False) == (
        b"HTTP/1.1 529 Overloaded\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )
    assert http1.opening(200, []) == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    assert http1.chunk(b"x" * 16) == b"10\r\n" + b"x" * 16 + b"\r\n"
