"""gRPC servicers from plain async functions: one chain of layers around all four RPC shapes, composed once per method."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
import grpc.aio
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry.trace import INVALID_SPAN, Span

from turnout_wire.failure import Failure

REQUEST_ID = "x-turnout-request-id"
"""The metadata that carries a caller's own id of a call."""

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method of the contract. `name` is `package.Service/Method`, as tables key it."""

    name: str
    request_streaming: bool
    response_streaming: bool
    request_type: type[Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls: a name, a tenant, and the roles that the access table asks for."""

    name: str
    tenant: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """What came instead of a message: bytes that are none. It goes through the layers, so that its sender gets a reason."""

    message_type: str


ANONYMOUS = Principal(name="", tenant="", roles=frozenset())


class Call:
    """What is known of one call while it runs. Passed on as an argument, because streams may be closed in another context."""

    __slots__ = ("context", "decision_id", "failure", "metadata", "method", "principal", "request_id", "span")

    def __init__(self, method: Method, context: Context) -> None:
        self.method = method
        self.context = context
        self.metadata: Mapping[str, str | bytes] = dict(context.invocation_metadata() or ())
        self.principal = ANONYMOUS
        self.request_id = ""
        self.decision_id = ""
        self.failure: Failure | None = None
        self.span: Span = INVALID_SPAN

    def text(self, key: str) -> str:
        """A metadata value as text; empty if it is absent."""
        value = self.metadata.get(key, "")
        return value if isinstance(value, str) else ""

    def time_left(self) -> float | None:
        """Seconds until the caller's deadline; None if it set none."""
        return self.context.time_remaining()

    async def send(self, message: Message) -> None:
        """Send one message of a streamed response."""
        await self.context.write(message)


Handler = Callable[[Any, Call], Awaitable[Message | None]]
"""Takes the request (or an async iterator of requests); gives the response, or None after it sent a stream by `call.send`."""


class Layer(Protocol):
    """Wraps handlers; called once for each method when the server is built."""

    def wrap(self, method: Method, inner: Handler) -> Handler:
        """`inner` with something around it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service of the contract and the object whose methods, named as the RPCs, serve it."""

    descriptor: ServiceDescriptor
    servicer: object


def method_of(descriptor: MethodDescriptor) -> Method:
    """A method as tables know it."""
    return Method(
        name=f"{descriptor.containing_service.full_name}/{descriptor.name}",
        request_streaming=descriptor.client_streaming,
        response_streaming=descriptor.server_streaming,
        request_type=message_factory.GetMessageClass(descriptor.input_type),
    )


def compose(method: Method, handler: Handler, layers: Sequence[Layer]) -> Handler:
    """`handler` inside the layers, the first of them outermost."""
    for layer in reversed(layers):
        handler = layer.wrap(method, handler)
    return handler


def rpc_handlers(service: Service, layers: Sequence[Layer]) -> grpc.GenericRpcHandler:
    """All methods of a service. Raises AttributeError if the servicer lacks one: a method in the contract must be there."""
    handlers = {
        descriptor.name: _rpc_handler(descriptor, service.servicer, layers) for descriptor in service.descriptor.methods
    }
    return grpc.method_handlers_generic_handler(service.descriptor.full_name, handlers)


def _rpc_handler(
    descriptor: MethodDescriptor, servicer: object, layers: Sequence[Layer]
) -> "grpc.RpcMethodHandler[Any, Any]":
    method = method_of(descriptor)
    handler = compose(method, getattr(servicer, descriptor.name), layers)

    async def behavior(
        request: Message | Unreadable | AsyncIterator[Message | Unreadable], context: Context
    ) -> Message | None:
        return await handler(request, Call(method, context))

    make = _SHAPES[method.request_streaming, method.response_streaming]
    decode = _reader(method.request_type)
    encode = message_factory.GetMessageClass(descriptor.output_type).SerializeToString
    made: grpc.RpcMethodHandler[Any, Any] = make(behavior, decode, encode)
    return made


def _reader(message_type: type[Message]) -> Callable[[bytes], Message | Unreadable]:
    def read(data: bytes) -> Message | Unreadable:
        try:
            return message_type.FromString(data)
        except DecodeError:
            return Unreadable(message_type=message_type.DESCRIPTOR.full_name)

    return read


_SHAPES: Mapping[tuple[bool, bool], Callable[..., Any]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
