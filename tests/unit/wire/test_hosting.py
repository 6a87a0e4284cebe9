"""The server itself: health, reflection, how many calls it takes, how it goes down."""

import asyncio
import logging
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.support.shapes import NAME, Caller, descriptor, hello, serving
from turnout.snapshot.v1 import snapshot_pb2
from turnout_wire.failure import Failure
from turnout_wire.hosting import Host
from turnout_wire.layers import Access, Errors, RequestIds
from turnout_wire.server import Call, Principal, Service, rpc_handlers
from turnout_wire.status import from_call

Ack = snapshot_pb2.Ack


class Servicer:
    """Waits with every answer until it may give it."""

    def __init__(self) -> None:
        self.came = asyncio.Semaphore(0)
        self.go = asyncio.Event()

    async def One(self, request: Any, call: Call) -> Ack:  # noqa: N802, ARG002 - as the contract names and calls it
        self.came.release()
        await self.go.wait()
        return Ack(version=1)

    Up = Down = Both = One


async def health(caller: Caller, service: str = "") -> int:
    check: Any = caller.channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    return int((await check(health_pb2.HealthCheckRequest(service=service), timeout=20)).status)


async def test_health_is_that_of_the_server_and_of_each_service() -> None:
    async with serving(Servicer(), []) as caller:
        for serving_now, state in ((True, 1), (False, 2), (True, 1)):
            await caller.host.set_serving(serving=serving_now)
            assert [await health(caller), await health(caller, NAME)] == [state, state]


async def test_a_service_that_is_not_there_has_no_health() -> None:
    async with serving(Servicer(), []) as caller:
        await caller.host.set_serving(serving=True)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await health(caller, "turnout.Nothing")
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("reflect", [True, False])
async def test_reflection_answers_only_where_it_was_asked_for(reflect: bool) -> None:
    async with serving(Servicer(), [], reflect=reflect) as caller:
        listing: Any = caller.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        call = listing(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=20)
        answers = [await call.read()] if reflect else []
        code = await call.code()
        names = [service.name for answer in answers for service in answer.list_services_response.service]
    assert code is (grpc.StatusCode.OK if reflect else grpc.StatusCode.UNIMPLEMENTED)
    assert (NAME in names) is reflect


async def test_more_calls_than_it_takes_are_refused_at_once_and_clearly() -> None:
    servicer = Servicer()
    async with serving(servicer, [RequestIds(), Errors()], max_concurrent=2) as caller:
        running = [asyncio.ensure_future(caller("One", hello())) for _ in range(2)]
        for _ in running:
            await servicer.came.acquire()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await caller("One", hello())
        servicer.go.set()
        assert await asyncio.gather(*running) == [[1], [1]]
        assert await caller("One", hello()) == [1]
    failure = from_call(error.value.code(), error.value.details() or "", error.value.trailing_metadata())
    assert failure.reason == "OVERLOADED"


async def test_calls_that_run_are_finished_and_new_ones_are_refused_while_it_goes_down() -> None:
    servicer = Servicer()
    async with serving(servicer, [RequestIds(), Errors()]) as caller:
        running = asyncio.ensure_future(caller("One", hello()))
        await servicer.came.acquire()
        stopping = asyncio.ensure_future(caller.host.stop(20))
        await asyncio.sleep(0)
        servicer.go.set()
        assert await running == [1]
        await stopping
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await caller("One", hello())
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_calls_that_take_longer_than_the_grace_are_cut() -> None:
    servicer = Servicer()
    async with serving(servicer, [RequestIds(), Errors()]) as caller:
        running = asyncio.ensure_future(caller("One", hello()))
        await servicer.came.acquire()
        await caller.host.stop(0)
        with pytest.raises(grpc.aio.AioRpcError):
            await running


async def test_an_address_that_is_taken_is_told() -> None:
    async with serving(Servicer(), []) as caller:
        host = Host([], [], max_concurrent=1)
        taken = f"127.0.0.1:{caller.port}"
        with pytest.raises(OSError, match=taken):
            await host.start(taken)


async def test_a_caller_that_is_gone_when_its_call_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    ended = asyncio.Event()

    class Failing(Servicer):
        async def One(self, request: Any, call: Call) -> Ack:  # noqa: N802
            try:
                return await super().One(request, call)
            except asyncio.CancelledError:
                raise Failure("CANCELLED", "gone") from None
            finally:
                ended.set()

    servicer = Failing()
    async with serving(servicer, [RequestIds(), Errors()]) as caller:
        running = asyncio.ensure_future(caller("One", hello()))
        await servicer.came.acquire()
        running.cancel()
        async with asyncio.timeout(60):
            await ended.wait()
        servicer.go.set()
        assert await asyncio.ensure_future(caller("Up", hello())) == [1]
    assert not [record for record in caplog.records if record.levelname == "ERROR" and not of_another_loop(record)]


def of_another_loop(record: logging.LogRecord) -> bool:
    """gRPC's poller is one for the whole process, and also wakes the loops of tests that have ended."""
    return record.name == "asyncio" and "PollerCompletionQueue" in record.getMessage()


def test_a_servicer_that_lacks_a_method_of_the_contract_cannot_be_served() -> None:
    with pytest.raises(AttributeError, match="Down"):
        rpc_handlers(Service(descriptor=descriptor(), servicer=type("Half", (), {"One": None})()), [])


def test_a_method_without_a_rule_cannot_be_served() -> None:
    nobody: dict[str, Principal] = {}
    with pytest.raises(KeyError):
        rpc_handlers(Service(descriptor=descriptor(), servicer=Servicer.__new__(Servicer)), [Access({}, nobody.get)])
