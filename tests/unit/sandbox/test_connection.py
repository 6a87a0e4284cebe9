"""A connection plays answers at the speed that its client can take, and reads no more than it has to."""

import asyncio
import json
from typing import Any

from dataplane.provider.sandbox import Fault, FaultKind, ManualClock, ModelProfile
from dataplane.provider.sandbox.book import CallBook
from dataplane.provider.sandbox.call import ProtocolName
from dataplane.provider.sandbox.connection import Connection
from dataplane.provider.sandbox.service import Sandbox
from tests.unit.sandbox.calls import WHOLE, body_of, config, with_profile


class Wire(asyncio.Transport):
    """The client's end: keeps what was written, and what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self._reading, self._closed = True, False

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True

    def close(self) -> None:
        self._closed = True

    def is_closing(self) -> bool:
        return self._closed

    def is_reading(self) -> bool:
        return self._reading


def connected(profile: ModelProfile = WHOLE, **settings: Any) -> tuple[Connection, Wire, ManualClock, CallBook]:
    clock, wire = ManualClock(), Wire()
    served = Sandbox(config(profile, **settings), clock)
    connection = Connection(served, lambda _one: None, lambda _one: None)
    connection.connection_made(wire)
    return connection, wire, clock, served.book


def http(prompt: str, **more: Any) -> bytes:
    data = json.dumps(body_of(ProtocolName.OPENAI, prompt, **more)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer k\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


def test_a_client_that_reads_too_slowly_is_waited_for() -> None:
    connection, wire, clock, book = connected()
    connection.pause_writing()
    connection.data_received(http("Explain signals", stream=True))
    assert not wire.written
    connection.resume_writing()
    while clock.pending:
        clock.advance(0.0)
    assert wire.written.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert book.in_flight == 0


def test_a_long_stream_gives_others_their_turn() -> None:
    connection, wire, clock, book = connected(with_profile(verbosity=5.0))
    connection.data_received(http("Explain signals, step by step, to a new driver", stream=True))
    assert book.in_flight == 1
    assert 30 < wire.written.count(b"data: ") < 100
    clock.advance(0.0)
    assert book.in_flight == 0


def test_a_client_that_leaves_while_it_is_waited_for_is_counted() -> None:
    connection, _, _, book = connected()
    connection.data_received(http("Hi " * 50, stream=True)[:-10])
    connection.pause_writing()
    connection.data_received(http("Hi " * 50, stream=True)[-10:])
    connection.connection_lost(None)
    assert (book.calls, book.in_flight) == (0, 0)


def test_a_call_hangs_on_when_the_client_has_caught_up() -> None:
    connection, wire, _, book = connected(faults=(Fault(id="f", kind=FaultKind.HANG),))
    connection.data_received(http("Hi"))
    connection.pause_writing()
    connection.resume_writing()
    assert book.in_flight == 1
    assert not wire.written
    connection.connection_lost(None)
    assert book.cancelled == 1


def test_further_requests_are_left_unread_while_one_is_answered() -> None:
    connection, wire, clock, _ = connected(latency_scale=1.0)
    connection.data_received(http("Hi"))
    connection.data_received(http("x" * 300_000))
    assert not wire.is_reading()
    clock.advance(3_600.0)
    assert wire.is_reading()
    assert wire.written.count(b"HTTP/1.1 200 OK") == 2


def test_a_client_whose_body_is_too_large_has_time_to_read_why() -> None:
    connection, wire, clock, book = connected(max_body_bytes=10)
    connection.data_received(http("much too long"))
    assert wire.written.startswith(b"HTTP/1.1 413 ")
    assert not wire.is_closing()
    connection.data_received(http("Hi"))
    assert wire.written.count(b"HTTP/1.1") == 1
    clock.advance(2.0)
    assert wire.is_closing()
    assert book.calls == 0
