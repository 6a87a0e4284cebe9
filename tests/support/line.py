"""Calls of a plane by raw gRPC, and what a refused caller is told."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import grpc
import grpc.aio
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from turnout_wire.failure import CODES, DOMAIN
from turnout_wire.hosting import CHANNEL_OPTIONS
from turnout_wire.status import DETAILS_KEY

Metadata = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a refused caller was told: the one reason, the field and everything else."""

    code: grpc.StatusCode
    reason: str
    message: str
    field: str
    metadata: dict[str, str]
    status: status_pb2.Status

    def detail(self, kind: type[Message]) -> Any:
        """The detail of that kind. Raises LookupError if there is none."""
        found = kind()
        for packed in self.status.details:
            if packed.Unpack(found):
                return found
        raise LookupError(kind.DESCRIPTOR.full_name)


def told(error: grpc.aio.AioRpcError) -> Told:
    """What `error` says; it must carry exactly one ErrorInfo, whose reason has the code that the call ended with."""
    status = status_pb2.Status()
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY:
            status.ParseFromString(value)
    found = told_by(status)
    assert found.code is error.code()
    return found


_STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


def told_by(status: status_pb2.Status) -> Told:
    """What a status says, held to the rules of the contract."""
    code = _STATUS_CODES[status.code]
    infos = [packed for packed in status.details if packed.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    assert len(infos) == 1, f"{len(infos)} ErrorInfo in {code}: {status}"
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    infos[0].Unpack(info)
    for packed in status.details:
        packed.Unpack(bad)
    assert info.domain == DOMAIN
    assert CODES[info.reason] == code.name
    assert status.message
    field = bad.field_violations[0].field if bad.field_violations else ""
    return Told(
        code=code,
        reason=info.reason,
        message=status.message,
        field=field,
        metadata=dict(info.metadata),
        status=status,
    )


async def refusal(call: Awaitable[object]) -> Told:
    """What the caller is told whose call must fail."""
    try:
        answered = await call
    except grpc.aio.AioRpcError as error:
        return told(error)
    raise AssertionError(f"answered: {answered}")


@cache
def method_of(request: Descriptor) -> tuple[str, type[Message]]:
    """The path of the one method that takes `request`, and what it answers."""
    ((path, output),) = [
        (f"/{service.full_name}/{method.name}", method.output_type)
        for service in request.file.services_by_name.values()
        for method in service.methods
        if method.input_type is request
    ]
    return path, message_factory.GetMessageClass(output)


class Line:
    """A connection of one caller to one plane."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self.metadata: Metadata = (("authorization", f"Bearer {token}"),)

    def __call__(self, request: Message, *, timeout: float | None = 20, metadata: Metadata | None = None) -> Any:
        """Call the method that takes `request` and answers once."""
        path, response = method_of(request.DESCRIPTOR)
        call: Any = self.channel.unary_unary(
            path, request_serializer=type(request).SerializeToString, response_deserializer=response.FromString
        )
        told = self.metadata if metadata is None else metadata
        return call(request, timeout=timeout, metadata=told, wait_for_ready=True)

    def stream(self, request: Message, *, timeout: float | None = 20, metadata: Metadata | None = None) -> Any:
        """Call the method that takes `request` and answers with a stream."""
        path, response = method_of(request.DESCRIPTOR)
        call: Any = self.channel.unary_stream(
            path, request_serializer=type(request).SerializeToString, response_deserializer=response.FromString
        )
        told = self.metadata if metadata is None else metadata
        return call(request, timeout=timeout, metadata=told, wait_for_ready=True)

    def both_ways(self, request: type[Message], *, metadata: Metadata | None = None) -> Any:
        """Open the method that takes a stream of `request` and answers with another."""
        path, response = method_of(request.DESCRIPTOR)
        call: Any = self.channel.stream_stream(
            path, request_serializer=request.SerializeToString, response_deserializer=response.FromString
        )
        return call(metadata=self.metadata if metadata is None else metadata)

    def raw(self, method: str, body: bytes, *, timeout: float | None = 20) -> Any:
        """Call `package.Service/Method` with these bytes; the answer is bytes too."""
        call: Any = self.channel.unary_unary(f"/{method}")
        return call(body, timeout=timeout, metadata=self.metadata)

    async def close(self) -> None:
        """Hang up."""
        await self.channel.close()
