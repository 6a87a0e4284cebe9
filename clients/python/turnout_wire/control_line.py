"""One caller's connection to a control plane, for calls that are not on the hot path."""

from types import TracebackType
from typing import Any, Self, TypeVar

import grpc.aio
from google.protobuf.message import Message

from turnout_wire.hosting import CHANNEL_OPTIONS
from turnout_wire.status import from_call

M = TypeVar("M", bound=Message)


class ControlLine:
    """Calls methods of the contract with one token; to be closed, as by `async with`."""

    def __init__(self, control: str, token: str, timeout: float = 30.0) -> None:
        """`control` is `host:port`; `timeout` the seconds that each call may take."""
        self._channel = grpc.aio.insecure_channel(control, options=CHANNEL_OPTIONS)
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def call(self, method: str, request: Message, response: type[M]) -> M:
        """The answer of `package.Service/Method`. Raises Failure."""
        call: Any = self._channel.unary_unary(
            f"/{method}", request_serializer=type(request).SerializeToString, response_deserializer=response.FromString
        )
        try:
            answer: M = await call(request, timeout=self._timeout, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise from_call(error.code(), error.details() or "", error.trailing_metadata()) from error
        return answer
