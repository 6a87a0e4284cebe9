"""The gateway as an application: who may ask, how many at once, and that every answer has an end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from dataplane.gateway.app import Gateway, House, Served
from dataplane.gateway.exchange import WATCHED_AFTER, Exchange
from dataplane.gateway.model import BadRequest, Problem, Received, Refused
from dataplane.gateway.routes import Route
from dataplane.gateway.watching import Watch, Watching
from dataplane.rpc.content import Content
from tests.support.asgi import Conversation
from tests.support.virtual_time import pause, run
from turnout_wire.dev import DEV
from turnout_wire.failure import Failure
from turnout_wire.server import Principal
from turnout_wire.telemetry import Telemetry

APP = Principal(name="app", tenant="acme", roles=frozenset({"caller"}))
READER = Principal(name="reader", tenant="acme", roles=frozenset({"auditor"}))
KNOWN = {"key": APP, "reader-key": READER}
KEY = {"authorization": "Bearer key"}
PATH = "/v1/chat/completions"
SECRET = "the words of a prompt"
Work = Callable[[Exchange, Received], Awaitable[None]]


class Face:
    """Tells reasons as they are, and field and message."""

    def __init__(self, name: str = "face") -> None:
        self._name = name

    def refuse(self, problem: Problem) -> Refused:
        """See Errors."""
        status = {"UNAUTHENTICATED": 401, "ACCESS_DENIED": 403, "NOT_FOUND": 404, "OVERLOADED": 429, "INTERNAL": 500}
        told = f"{self._name} {problem.reason} {problem.field} {problem.message}"
        return Refused(status=status.get(problem.reason, 400), body=told.encode())


async def greet(exchange: Exchange, received: Received) -> None:
    """Answer at once."""
    await exchange.respond(200, (), received.text.encode())


@dataclass(slots=True, kw_only=True)
class Gate:
    """A gateway that serves two paths by `work`, and what came to it."""

    work: Work = greet
    room: int = 10
    health: Callable[[Exchange], Awaitable[None]] | None = None
    known: Mapping[str, Principal] = field(default_factory=lambda: KNOWN)
    got: list[tuple[Received, Principal]] = field(default_factory=list)
    telemetry: Telemetry = field(default_factory=lambda: Telemetry(enabled=False))
    gateway: Gateway = field(init=False)

    def __post_init__(self) -> None:
        self.gateway = Gateway(
            House(
                served={
                    Route.CHAT_COMPLETIONS: Served(serve=self._serve, face=Face()),
                    Route.MODELS: Served(serve=self._serve, face=Face("list"), reads=False),
                },
                plain={"/health": self.health or self._health},
                authenticate=self.known.get,
                watching=Watching(self.telemetry, Content(wanted=False), lambda: 1.0),
                strangers=Face("stranger"),
                monotonic=lambda: 1.0,
            ),
            self.room,
        )

    async def _serve(self, exchange: Exchange, received: Received, caller: Principal, watch: Watch) -> None:  # noqa: ARG002
        self.got.append((received, caller))
        await self.work(exchange, received)

    async def _health(self, exchange: Exchange) -> None:
        await exchange.respond(200, (), b"well")

    def asked(self, body: bytes = b"{}", headers: Mapping[str, str] | None = None, **more: Any) -> Conversation:
        """A request for a completion."""
        return Conversation("POST", PATH, body, headers=KEY if headers is None else headers, **more)

    async def ask(self, body: bytes = b"{}", headers: Mapping[str, str] | None = None, **more: Any) -> Conversation:
        """Such a request, answered."""
        return await self.asked(body, headers, **more).through(self.gateway)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"authorization": "Bearer key"}, ""),
        ({"authorization": "bearer  key "}, ""),
        ({"x-api-key": "key"}, ""),
        ({"x-goog-api-key": "key"}, ""),
        ({}, "key=key"),
        ({"authorization": "Basic abc", "x-api-key": "key"}, ""),
        ({"authorization": "Bearer ", "x-goog-api-key": "key"}, ""),
    ],
)
async def test_a_key_is_taken_wherever_an_sdk_puts_it(headers: dict[str, str], query: str) -> None:
    gate = Gate()
    assert (await gate.ask(headers=headers, query=query)).status == 200
    assert [caller for _, caller in gate.got] == [APP]


@pytest.mark.parametrize(
    ("headers", "query", "why"),
    [
        ({}, "", "no API key; send one"),
        ({"authorization": "Basic key"}, "", "no API key"),
        ({"authorization": "Bearer other"}, "", "not known, or its time is over"),
        ({"authorization": "Bearer other", "x-api-key": "key"}, "", "not known"),
        ({"x-api-key": "other", "x-goog-api-key": "key"}, "", "not known"),
        ({"x-api-key": "other"}, "key=key", "not known"),
        ({"x-key": "key", "cookie": "key=key"}, "", "no API key"),
    ],
)
async def test_without_a_known_key_nothing_is_served(headers: dict[str, str], query: str, why: str) -> None:
    gate = Gate()
    told = await gate.ask(headers=headers, query=query)
    assert (told.status, told.headers["x-turnout-error"]) == (401, "UNAUTHENTICATED")
    assert why in told.body.decode()
    assert not gate.got


async def test_a_key_without_the_role_may_not_ask() -> None:
    gate = Gate()
    told = await gate.ask(headers={"x-api-key": "reader-key"})
    assert (told.status, told.headers["x-turnout-error"]) == (403, "ACCESS_DENIED")
    assert "reader has not the role caller" in told.body.decode()
    assert not gate.got


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:7521", 200), ("localhost", 200), ("[::1]:7521", 200), ("evil.example:7521", 403), ("", 403)],
)
async def test_without_keys_only_this_machines_own_names_are_served(host: str, status: int) -> None:
    gate = Gate(known={"": DEV})
    assert (await gate.ask(headers={"host": host})).status == status


async def test_a_known_key_is_served_under_any_name() -> None:
    assert (await Gate().ask(headers={**KEY, "host": "gateway.example"})).status == 200


async def test_a_body_is_read_and_the_paths_parameters_win_over_the_querys() -> None:
    gate = Gate()
    assert (await gate.ask(b'{"model": "m"}', query="alt=sse")).body == b'{"model": "m"}'
    [(received, _)] = gate.got
    assert (received.value, received.parameters) == ({"model": "m"}, {"alt": "sse"})
    assert received.text[slice(*received.spans["model"])] == '"m"'


async def test_what_has_no_body_is_not_waited_for() -> None:
    gate = Gate()
    asked = Conversation("GET", "/v1/models", headers=KEY, cut=True)
    assert (await asked.through(gate.gateway)).status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"a":1,"a":2}'])
async def test_what_cannot_be_read_is_refused_by_the_face(body: bytes) -> None:
    gate = Gate()
    told = await gate.ask(body)
    assert told.body.startswith(b"face INVALID_FIELD ")
    assert not gate.got


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (BadRequest("messages[0].role", "must be a word"), b"face INVALID_FIELD messages[0].role "),
        (Failure("MODEL_UNKNOWN", "there is none", field="model"), b"face MODEL_UNKNOWN model there is none"),
    ],
)
async def test_what_is_raised_before_an_answer_is_told(raised: Exception, told: bytes) -> None:
    async def fail(exchange: Exchange, received: Received) -> None:
        raise raised

    answer = await Gate(work=fail).ask()
    assert answer.body.startswith(told)
    assert answer.whole


async def test_a_path_that_there_is_not_is_told_with_what_may_be_missing() -> None:
    told = await Conversation("POST", "/chat/completions", headers=KEY).through(Gate().gateway)
    assert told.status == 404
    assert (
        told.body == b"stranger NOT_FOUND  there is nothing at POST /chat/completions; is /v1 missing in the base_url?"
    )


async def test_health_asks_for_no_key() -> None:
    told = await Conversation("GET", "/health").through(Gate(known={}).gateway)
    assert (told.status, told.body) == (200, b"well")


async def test_a_crash_where_no_key_is_asked_for_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    async def crash(exchange: Exchange) -> None:
        raise ValueError(SECRET)

    async def late(exchange: Exchange) -> None:
        await exchange.begin(200, (), b"text/plain")
        raise ValueError(SECRET)

    told = await Conversation("GET", "/health").through(Gate(health=crash).gateway)
    assert (told.status, told.body[:17]) == (500, b"stranger INTERNAL")
    begun = await Conversation("GET", "/health").through(Gate(health=late).gateway)
    assert [message["type"] for message in begun.sent] == ["http.response.start"], "a second head would be no answer"
    assert caplog.text.count("a request crashed: ValueError") == 2
    assert SECRET not in caplog.text


async def test_what_is_no_http_is_left_alone() -> None:
    asked = Conversation()
    asked.scope["type"] = "lifespan"
    assert (await asked.through(Gate().gateway)).sent == []


def test_more_at_once_than_there_is_room_for_are_sent_away() -> None:
    async def main(room: int) -> list[int]:
        async def linger(exchange: Exchange, received: Received) -> None:
            await pause(10)
            await greet(exchange, received)

        gate = Gate(work=linger, room=room)
        asked = [asyncio.ensure_future(gate.ask()) for _ in range(3)]
        await pause(1)
        running, health = gate.gateway.running, await Conversation("GET", "/health").through(gate.gateway)
        assert running == room
        assert health.status == 200, "health has always room"
        told = [answer.status for answer in await asyncio.gather(*asked)]
        assert gate.gateway.running == 0
        assert (await gate.ask()).status == 200, "there is room again"
        return told

    assert run(main(2)) == [200, 200, 429]
    assert run(main(3)) == [200, 200, 200]


async def test_a_crash_is_an_internal_error_and_no_text_gets_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def crash(exchange: Exchange, received: Received) -> None:
        raise RuntimeError(SECRET)

    with caplog.at_level(logging.ERROR):
        told = await Gate(work=crash).ask()
    assert (told.status, told.headers["x-turnout-error"]) == (500, "INTERNAL")
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text + told.body.decode()


async def test_a_crash_in_the_middle_leaves_an_answer_without_an_end(caplog: pytest.LogCaptureFixture) -> None:
    async def crash(exchange: Exchange, received: Received) -> None:
        await exchange.begin(200, (), b"text/event-stream")
        await exchange.write(b"data: half\n\n")
        raise RuntimeError(SECRET)

    gate = Gate(work=crash)
    with caplog.at_level(logging.ERROR):
        told = await gate.ask()
    assert (told.status, told.body, told.whole) == (200, b"data: half\n\n", False)
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text
    assert gate.gateway.running == 0


async def test_a_failure_in_the_middle_is_no_second_answer() -> None:
    async def crash(exchange: Exchange, received: Received) -> None:
        await greet(exchange, received)
        raise KeyError

    told = await Gate(work=crash).ask()
    assert [message["type"] for message in told.sent] == ["http.response.start", "http.response.body"]


async def test_who_goes_before_the_request_is_whole_gets_nothing() -> None:
    gate = Gate()
    told = await gate.ask(cut=True)
    assert told.sent == []
    assert not gate.got


def test_who_goes_while_it_is_served_ends_the_work_without_an_answer() -> None:
    async def main() -> None:
        ended = asyncio.Event()

        async def linger(exchange: Exchange, received: Received) -> None:
            try:
                await pause(3600)
            finally:
                ended.set()

        gate = Gate(work=linger)
        asked = gate.asked()
        served = asyncio.ensure_future(asked.through(gate.gateway))
        await pause(WATCHED_AFTER * 2)
        asked.leave()
        await served
        assert ended.is_set()
        assert asked.sent == []
        assert gate.gateway.running == 0
        assert asyncio.get_running_loop().time() < 1

    run(main())


def test_a_server_that_ends_a_request_itself_is_obeyed() -> None:
    async def main() -> None:
        async def linger(exchange: Exchange, received: Received) -> None:
            await pause(3600)

        gate = Gate(work=linger)
        served = asyncio.ensure_future(gate.ask())
        await pause(1)
        served.cancel()
        with pytest.raises(asyncio.CancelledError):
            await served
        assert gate.gateway.running == 0

    run(main())
