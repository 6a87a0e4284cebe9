"""The layers around every RPC, in their order, over real calls of all four shapes."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.support.line import Told, told
from tests.support.meter import Meter
from tests.support.planes import validation
from tests.support.shapes import NAME, SHAPES, Caller, hello, serving
from turnout.snapshot.v1 import snapshot_pb2
from turnout_wire.failure import Failure
from turnout_wire.layers import PUBLIC, Access, Deadlines, Errors, RequestIds, Rule
from turnout_wire.server import REQUEST_ID, Call, Handler, Layer, Method, Principal
from turnout_wire.telemetry import RpcTelemetry, Telemetry

Ack = snapshot_pb2.Ack
ALL = pytest.mark.parametrize("shape", SHAPES)
KNOWN = Principal(name="app", tenant="acme", roles=frozenset({"caller"}))
OTHER = Principal(name="clerk", tenant="acme", roles=frozenset({"operator"}))
TOKENS = {"known": KNOWN, "other": OTHER}
BEARER = (("authorization", "Bearer known"),)


class Servicer:
    """Answers each request with its number; raises `failing` instead if there is one, after `sent` answers of a stream."""

    def __init__(self, failing: BaseException | None = None, sent: int = 0) -> None:
        self.calls: list[Call] = []
        self._failing = failing
        self._sent = sent

    def _begin(self, call: Call) -> None:
        self.calls.append(call)

    async def One(self, request: Any, call: Call) -> Ack:  # noqa: N802, ARG002 - as the contract names and calls it
        self._begin(call)
        self._fail()
        return Ack(version=1)

    async def Up(self, requests: AsyncIterator[Any], call: Call) -> Ack:  # noqa: N802
        self._begin(call)
        count = len([request async for request in requests])
        self._fail()
        return Ack(version=count)

    async def Down(self, request: Any, call: Call) -> None:  # noqa: N802, ARG002
        self._begin(call)
        for number in range(self._sent):
            await call.send(Ack(version=number))
        self._fail()
        await call.send(Ack(version=99))

    async def Both(self, requests: AsyncIterator[Any], call: Call) -> None:  # noqa: N802
        self._begin(call)
        count = 0
        async for _ in requests:
            count += 1
            await call.send(Ack(version=count))
        self._fail()

    def _fail(self) -> None:
        if self._failing is not None:
            raise self._failing


class Trail:
    """A layer that notes when a call comes in and how it goes out."""

    def __init__(self, name: str, seen: list[str]) -> None:
        self._name = name
        self._seen = seen

    def wrap(self, method: Method, inner: Handler) -> Handler:  # noqa: ARG002 - see Layer
        async def handler(request: Any, call: Call) -> Any:
            self._seen.append(f"{self._name} in")
            try:
                answer = await inner(request, call)
            except BaseException as error:
                self._seen.append(f"{self._name} out by {type(error).__name__}")
                raise
            self._seen.append(f"{self._name} out")
            return answer

        return handler


def layers(meter: Meter | None = None, access: Access | None = None) -> list[Layer]:
    """The layers of the product, in its order."""
    telemetry = meter.telemetry() if meter is not None else Telemetry()

    def required(_: Method) -> bool:
        return True

    return [
        RequestIds(),
        RpcTelemetry(telemetry),
        Errors(),
        Deadlines(required),
        access or Access(table(Rule(roles=frozenset({"caller"}))), TOKENS.get),
        validation(),
    ]


def table(rule: Rule) -> dict[str, Rule]:
    return {f"{NAME}/{shape}": rule for shape in SHAPES}


@asynccontextmanager
async def served(servicer: Servicer | None = None, **how: Any) -> AsyncIterator[Caller]:
    async with serving(servicer or Servicer(), layers(**how)) as caller:
        yield caller


async def refused(caller: Caller, shape: str, *requests: Any, **how: Any) -> Told:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await caller(shape, *(requests or (hello(),)), **{"metadata": BEARER, **how})
    return told(error.value)


# --- in order ----------------------------------------------------------------------------------------------


@ALL
async def test_a_good_call_passes_through_all_layers(shape: str) -> None:
    async with served() as caller:
        answers = await caller(shape, hello(), *([hello()] if SHAPES[shape][0] else []), metadata=BEARER)
    assert answers == {"One": [1], "Up": [2], "Down": [99], "Both": [1, 2]}[shape]


@ALL
async def test_each_layer_speaks_before_the_ones_inside_it(shape: str) -> None:
    """One call with every fault at once: mending one after the other shows who stands outermost."""
    stranger: dict[str, Any] = {"seconds": None, "metadata": ()}
    async with served() as caller:
        first = await refused(caller, shape, hello(""), **stranger)
        second = await refused(caller, shape, hello(""), metadata=())
        third = await refused(caller, shape, hello(""), metadata=(("authorization", "Bearer other"),))
        fourth = await refused(caller, shape, hello(""))
    reasons = [found.reason for found in (first, second, third, fourth)]
    assert reasons == ["DEADLINE_REQUIRED", "UNAUTHENTICATED", "ACCESS_DENIED", "INVALID_FIELD"]


@ALL
async def test_layers_are_composed_first_outermost(shape: str) -> None:
    seen: list[str] = []
    async with serving(Servicer(), [Trail("a", seen), Trail("b", seen)]) as caller:
        await caller(shape, hello())
    assert seen == ["a in", "b in", "b out", "a out"]


@ALL
async def test_telemetry_sees_the_code_that_the_caller_sees(shape: str) -> None:
    meter = Meter()
    async with served(Servicer(failing=ValueError("secret")), meter=meter) as caller:
        assert (await refused(caller, shape)).code is grpc.StatusCode.INTERNAL
    ((name, attributes, seconds),) = meter.counted
    assert (name, attributes["rpc.response.status_code"]) == ("rpc.server.call.duration", "INTERNAL")
    assert attributes["rpc.method"] == f"{NAME}/{shape}"
    assert seconds >= 0


async def test_telemetry_inside_of_errors_would_have_seen_no_code() -> None:
    """The control of the order: it would book every refused call as OK."""
    meter = Meter()
    telemetry = RpcTelemetry(meter.telemetry())
    async with serving(Servicer(failing=ValueError()), [RequestIds(), Errors(), telemetry]) as caller:
        await refused(caller, "One")
    assert meter.counted[0][1]["rpc.response.status_code"] == "OK"


# --- request ids -------------------------------------------------------------------------------------------


@ALL
async def test_the_callers_request_id_is_kept_and_named_in_failures(shape: str) -> None:
    servicer = Servicer(failing=Failure("NOT_FOUND", "nothing of that name; look again"))
    async with served(servicer) as caller:
        found = await refused(caller, shape, metadata=(*BEARER, (REQUEST_ID, "mine")))
    assert servicer.calls[0].request_id == found.metadata["request_id"] == "mine"


async def test_a_call_without_a_request_id_gets_one_of_its_own() -> None:
    servicer = Servicer()
    async with served(servicer) as caller:
        await caller("One", hello(), metadata=BEARER)
        await caller("One", hello(), metadata=BEARER)
    ids = [call.request_id for call in servicer.calls]
    assert all(len(one) == 16 for one in ids)
    assert len(set(ids)) == 2


async def test_an_endless_request_id_is_cut() -> None:
    servicer = Servicer()
    async with served(servicer) as caller:
        await caller("One", hello(), metadata=(*BEARER, (REQUEST_ID, "x" * 500)))
    assert servicer.calls[0].request_id == "x" * 64


# --- errors ------------------------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("crash", [ValueError("secret"), KeyError("secret"), RuntimeError("secret"), OSError("secret")])
async def test_an_unexpected_exception_is_internal_and_tells_nothing(
    shape: str, crash: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(Servicer(failing=crash)) as caller:
        found = await refused(caller, shape, metadata=(*BEARER, (REQUEST_ID, "r-7")))
    assert (found.code, found.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "secret" not in str(found.status)
    assert type(crash).__name__ not in str(found.status)
    assert "r-7" in found.message
    (record,) = [record for record in caplog.records if record.name == "turnout_wire.layers"]
    assert (record.levelno, record.__dict__["request_id"]) == (logging.ERROR, "r-7")
    assert record.exc_info is not None
    assert record.exc_info[1] is crash


async def test_without_the_layer_the_exceptions_words_would_reach_the_caller() -> None:
    async with serving(Servicer(failing=ValueError("secret")), []) as caller:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await caller("One", hello())
    assert error.value.code() is grpc.StatusCode.UNKNOWN
    assert "secret" in (error.value.details() or "")


@ALL
async def test_a_failure_reaches_the_caller_with_reason_field_and_details(shape: str) -> None:
    failure = Failure("ETAG_MISMATCH", "read it again", field="etag", metadata={"etag": "x"}, details=(hello(),))
    async with served(Servicer(failing=failure)) as caller:
        found = await refused(caller, shape)
    assert (found.code, found.reason, found.field) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH", "etag")
    assert found.metadata["etag"] == "x"
    assert found.detail(snapshot_pb2.Hello) == hello()


@pytest.mark.parametrize("shape", ["Down", "Both"])
async def test_a_failure_after_some_answers_ends_the_stream_with_its_status(shape: str) -> None:
    servicer = Servicer(failing=Failure("DRAINING", "try another one"), sent=2)
    async with served(servicer) as caller:
        method: Any = caller.channel.unary_stream if shape == "Down" else caller.channel.stream_stream
        call = method(
            f"/{NAME}/{shape}",
            request_serializer=snapshot_pb2.Hello.SerializeToString,
            response_deserializer=Ack.FromString,
        )(hello() if shape == "Down" else iter([hello(), hello()]), metadata=BEARER, timeout=20)
        got = [await call.read(), await call.read()]
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call.read()
    assert len(got) == 2
    assert told(error.value).reason == "DRAINING"


# --- deadline ----------------------------------------------------------------------------------------------


@ALL
async def test_a_method_that_needs_no_deadline_is_called_without_one(shape: str) -> None:
    def required(method: Method) -> bool:
        return method.name != f"{NAME}/{shape}"

    async with serving(Servicer(), [RequestIds(), Errors(), Deadlines(required)]) as caller:
        assert await caller(shape, hello(), seconds=None)
        other = next(name for name in SHAPES if name != shape)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await caller(other, hello(), seconds=None)
    assert told(error.value).reason == "DEADLINE_REQUIRED"


# --- access ------------------------------------------------------------------------------------------------


@ALL
async def test_the_servicer_knows_who_calls(shape: str) -> None:
    servicer = Servicer()
    async with served(servicer) as caller:
        await caller(shape, hello(), metadata=BEARER)
    assert servicer.calls[0].principal == KNOWN


async def test_a_public_method_asks_for_no_token() -> None:
    access = Access(table(PUBLIC), TOKENS.get)
    async with served(access=access) as caller:
        assert await caller("One", hello()) == [1]


@ALL
async def test_a_refused_caller_does_not_reach_the_servicer(shape: str) -> None:
    servicer = Servicer()
    async with served(servicer) as caller:
        await refused(caller, shape, metadata=())
        await refused(caller, shape, metadata=(("authorization", "Bearer other"),))
    assert servicer.calls == []


# --- validation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["Up", "Both"])
async def test_every_message_of_a_stream_is_checked(shape: str) -> None:
    async with served() as caller:
        found = await refused(caller, shape, hello(), hello(), hello(""))
    assert (found.reason, found.field) == ("INVALID_FIELD", "worker")


HOSTILE = [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x01\xff", b"\x08", b"\xff" * 1000, b"\x0b" * 500]


@ALL
@pytest.mark.parametrize("data", HOSTILE)
async def test_bytes_that_are_no_message_get_a_reason_in_every_shape(shape: str, data: bytes) -> None:
    servicer = Servicer()
    async with served(servicer) as caller:
        found = await refused(caller, shape, data)
        assert await caller(shape, hello(), metadata=BEARER), "the server serves on"
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert "turnout.snapshot.v1.Hello" in found.message


@pytest.mark.parametrize("shape", ["Up", "Both"])
async def test_broken_bytes_in_the_midst_of_a_stream_end_it_with_a_reason(shape: str) -> None:
    async with served() as caller:
        found = await refused(caller, shape, hello(), b"\xff")
    assert found.reason == "INVALID_FIELD"


async def test_a_stranger_with_broken_bytes_is_told_no_more_than_other_strangers() -> None:
    async with served() as caller:
        assert (await refused(caller, "One", b"\xff", metadata=())).reason == "UNAUTHENTICATED"


async def test_a_message_too_large_for_the_transport_is_refused_and_the_server_serves_on() -> None:
    async with served() as caller:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await caller("One", bytes(13 * 1024 * 1024), metadata=BEARER)
        assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await caller("One", hello(), metadata=BEARER) == [1]
