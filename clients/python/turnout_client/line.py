"""One channel to one address."""

import asyncio
from dataclasses import dataclass

import grpc
import grpc.aio

from turnout.budget.v1.budget_pb2_grpc import BudgetServiceStub
from turnout.inference.v1.inference_pb2_grpc import InferenceServiceStub
from turnout.outcome.v1.outcome_pb2_grpc import OutcomeServiceStub
from turnout.routing.v1.routing_pb2_grpc import RoutingServiceStub
from turnout_wire.failure import Failure
from turnout_wire.hosting import CHANNEL_OPTIONS

_OPTIONS = (
    *CHANNEL_OPTIONS,
    # Both planes are neighbours, which a proxy for the web does not reach.
    ("grpc.enable_http_proxy", 0),
    # A client that is closed closes its connections, whoever else in the process speaks to the same address.
    ("grpc.use_local_subchannel_pool", 1),
)


class Refused(Exception):
    """It is certain that nothing ran at this address, so another may be asked. `overloaded` if it has too much to do."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure

    @property
    def overloaded(self) -> bool:
        """Whether asking again would make it worse."""
        return self.failure.reason == "OVERLOADED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A channel, its address, and the calls that are made on it."""

    address: str
    channel: grpc.aio.Channel
    routing: RoutingServiceStub
    inference: InferenceServiceStub
    outcomes: OutcomeServiceStub
    budgets: BudgetServiceStub

    async def connect(self, seconds: float) -> None:
        """Return when the connection is there.

        It is waited for before anything is sent, so that a failure here proves that nothing ran; the status of a call
        that was sent would not tell. Raises Refused with UNREACHABLE.
        """
        try:
            async with asyncio.timeout(seconds):
                while (state := self.channel.get_state(try_to_connect=True)) is not _READY:
                    if state in _LOST:
                        raise Refused(self._unreachable("the connection failed"))
                    await self.channel.wait_for_state_change(state)
        except TimeoutError:
            raise Refused(self._unreachable(f"no connection within {seconds:.3g} s")) from None

    def _unreachable(self, what: str) -> Failure:
        return Failure(
            "UNREACHABLE",
            f"nobody answers at {self.address}: {what}; check that the server runs and the address is right",
            metadata={"address": self.address},
        )


_READY = grpc.ChannelConnectivity.READY
_LOST = (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN)


def open_line(address: str) -> Line:
    """A line that connects when it is first used. Needs a running event loop."""
    channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
    return Line(
        address=address,
        channel=channel,
        routing=RoutingServiceStub(channel),
        inference=InferenceServiceStub(channel),
        outcomes=OutcomeServiceStub(channel),
        budgets=BudgetServiceStub(channel),
    )
