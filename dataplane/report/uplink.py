"""The connection to the control plane, and the worker's credential for it."""

from dataclasses import dataclass
from pathlib import Path

import grpc.aio

from turnout.outcome.v1 import outcome_pb2
from turnout_wire.hosting import CHANNEL_OPTIONS

TIMEOUT = 5.0
"""Seconds for one report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink:
    """A channel and what every call on it carries; the credential shows in no representation."""

    channel: grpc.aio.Channel
    metadata: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return "Uplink(hidden)"

    async def report(self, request: outcome_pb2.ReportReceiptsRequest) -> outcome_pb2.ReportReceiptsResponse:
        """One report. Raises grpc.aio.AioRpcError."""
        call = self.channel.unary_unary(
            "/turnout.outcome.v1.OutcomeService/ReportReceipts",
            request_serializer=outcome_pb2.ReportReceiptsRequest.SerializeToString,
            response_deserializer=outcome_pb2.ReportReceiptsResponse.FromString,
        )
        response: outcome_pb2.ReportReceiptsResponse = await call(request, metadata=self.metadata, timeout=TIMEOUT)
        return response


def connect(control: str, token_file: Path) -> Uplink:
    """The connection to `host:port`; it is made when it is needed. Raises OSError if the token cannot be read."""
    token = token_file.read_text(encoding="utf-8").strip()
    channel = grpc.aio.insecure_channel(control, options=CHANNEL_OPTIONS)
    return Uplink(channel=channel, metadata=(("authorization", f"Bearer {token}"),))
