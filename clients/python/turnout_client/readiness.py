"""Waiting until somebody serves."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from turnout_client.deadline import Deadline
from turnout_client.error_codec import error
from turnout_client.line import Line
from turnout_client.pool import Pool
from turnout_wire.failure import Failure

_SERVING = health_pb2.HealthCheckResponse.SERVING


BETWEEN = 0.2
"""Seconds before a server that broke off is asked again."""

Sleep = Callable[[float], Awaitable[None]]


async def until_ready(pool: Pool, service: str, deadline: Deadline, sleep: Sleep) -> None:
    """Return as soon as one line of the pool serves `service`. Raises Unavailable when the time is over."""
    watching = [asyncio.ensure_future(_until_serving(line, service, sleep)) for line in pool.lines]
    try:
        done, _ = await asyncio.wait(watching, timeout=deadline.left(), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _cancelled(watching)
    if not done:
        asked = ", ".join(pool.addresses)
        message = f"{pool.name}: none of {asked} serves within {deadline.seconds:g} s; start it, or correct the address"
        raise error(Failure("UNREACHABLE", message, field=pool.name))


async def _until_serving(line: Line, service: str, sleep: Sleep) -> None:
    """The server tells its changes and the channel reconnects by itself, so that nothing is polled while it is there."""
    while True:
        stub: Any = health_pb2_grpc.HealthStub(line.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=service), wait_for_ready=True)
        with suppress(grpc.aio.AioRpcError):
            async for told in watch:
                if told.status == _SERVING:
                    watch.cancel()
                    return
        await sleep(BETWEEN)


async def _cancelled(tasks: Iterable["asyncio.Future[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
