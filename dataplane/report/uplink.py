"""The connections to the control planes, and the worker's credential for them."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import grpc
import grpc.aio

from turnout.outcome.v1 import outcome_pb2
from turnout_wire.hosting import CHANNEL_OPTIONS

_log = logging.getLogger(__name__)
TIMEOUT = 5.0
"""Seconds for one report."""
_LEFT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
"""What a control plane is left with for another one."""


class Uplink:
    """Channels to control planes that share a store, and what every call carries; the credential shows in no representation.

    One is used until it fails, then the next. Belongs to one event loop.
    """

    def __init__(self, channels: Sequence[grpc.aio.Channel], metadata: tuple[tuple[str, str], ...]) -> None:
        self.metadata = metadata
        self._channels = tuple(channels)
        self._turn = 0

    def __repr__(self) -> str:
        return "Uplink(hidden)"

    @property
    def channel(self) -> grpc.aio.Channel:
        """That of the control plane that is used now."""
        return self._channels[self._turn]

    @property
    def alone(self) -> bool:
        """Whether there is no other one to go to."""
        return len(self._channels) == 1

    def leave(self, channel: grpc.aio.Channel) -> None:
        """Use the next one, unless `channel` was left already."""
        if channel is self.channel and not self.alone:
            self._turn = (self._turn + 1) % len(self._channels)
            _log.warning("going to another control plane", extra={"number": self._turn})

    async def report(self, request: outcome_pb2.ReportReceiptsRequest) -> outcome_pb2.ReportReceiptsResponse:
        """One report. Raises grpc.aio.AioRpcError; then the next report may go to another control plane."""
        channel = self.channel
        call = channel.unary_unary(
            "/turnout.outcome.v1.OutcomeService/ReportReceipts",
            request_serializer=outcome_pb2.ReportReceiptsRequest.SerializeToString,
            response_deserializer=outcome_pb2.ReportReceiptsResponse.FromString,
        )
        try:
            response: outcome_pb2.ReportReceiptsResponse = await call(request, metadata=self.metadata, timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            if error.code() in _LEFT:
                self.leave(channel)
            raise
        return response

    async def close(self) -> None:
        """Close all channels."""
        await asyncio.gather(*(channel.close() for channel in self._channels))


def connect(control: str, token_file: Path) -> Uplink:
    """The connections to `host:port`, or several with commas between; each is made when it is needed.

    Raises OSError if the token cannot be read, ValueError if there is no address.
    """
    addresses = [address.strip() for address in control.split(",") if address.strip()]
    if not addresses:
        raise ValueError("--control: name at least one control plane as host:port")
    token = token_file.read_text(encoding="utf-8").strip()
    channels = [grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) for address in addresses]
    return Uplink(channels, (("authorization", f"Bearer {token}"),))
