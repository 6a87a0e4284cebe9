"""A service with one method of each RPC shape, made at run time, and calls of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from turnout.snapshot.v1 import snapshot_pb2
from turnout_wire.hosting import CHANNEL_OPTIONS, Host
from turnout_wire.server import Layer, Service

NAME = "turnout.tests.v1.Shapes"
SHAPES = {"One": (False, False), "Down": (False, True), "Up": (True, False), "Both": (True, True)}
"""Method, whether requests are a stream, whether responses are. Hello comes in, Ack goes out."""


@cache
def descriptor() -> ServiceDescriptor:
    """The service."""
    file = descriptor_pb2.FileDescriptorProto(
        name="turnout/tests/v1/shapes.proto",
        package="turnout.tests.v1",
        syntax="proto3",
        dependency=["turnout/snapshot/v1/snapshot.proto"],
    )
    service = file.service.add(name="Shapes")
    for name, (up, down) in SHAPES.items():
        service.method.add(
            name=name,
            input_type=".turnout.snapshot.v1.Hello",
            output_type=".turnout.snapshot.v1.Ack",
            client_streaming=up,
            server_streaming=down,
        )
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    found: ServiceDescriptor = pool.FindServiceByName(NAME)
    return found


def hello(worker: str = "w") -> snapshot_pb2.Hello:
    """A request that keeps its rules."""
    return snapshot_pb2.Hello(worker=worker, pool="default")


@asynccontextmanager
async def serving(servicer: object, layers: Sequence[Layer], **settings: Any) -> AsyncIterator["Caller"]:
    """A server of `servicer` and a connection to it."""
    host = Host([Service(descriptor=descriptor(), servicer=servicer)], layers, **{"max_concurrent": 100, **settings})
    port = await host.start("127.0.0.1:0")
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS) as channel:
            yield Caller(channel, host, port)
    finally:
        await host.stop(0)


class Caller:
    """Calls any of the four shapes in one way: messages or bytes in, a list of acks out."""

    def __init__(self, channel: grpc.aio.Channel, host: Host, port: int) -> None:
        self.channel = channel
        self.host = host
        self.port = port

    async def __call__(
        self, name: str, *requests: Message | bytes, seconds: float | None = 20, **how: Any
    ) -> list[int]:
        """The versions of the acks. Raises AioRpcError."""
        up, down = SHAPES[name]
        kind = f"{'stream' if up else 'unary'}_{'stream' if down else 'unary'}"
        method: Any = getattr(self.channel, kind)(
            f"/{NAME}/{name}", request_serializer=_bytes, response_deserializer=snapshot_pb2.Ack.FromString
        )
        call = method(iter(requests) if up else requests[0], timeout=seconds, **how)
        acks = [ack async for ack in call] if down else [await call]
        return [ack.version for ack in acks]


def _bytes(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()
