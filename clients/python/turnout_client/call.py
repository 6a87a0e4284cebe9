"""How one call on one line ends: with an answer, or with a failure of which it is known whether anything ran."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from turnout_client.deadline import Deadline
from turnout_wire.failure import Failure
from turnout_wire.status import DETAILS_KEY, from_call, from_status

Answered = TypeVar("Answered")

RAN = "x-turnout-decision-id"
"""Initial metadata by which a worker says that it runs a decision."""


class CallFailed(Exception):
    """A call that was sent failed. `nothing_ran` only if that is certain."""

    def __init__(self, failure: Failure, *, nothing_ran: bool = False) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.nothing_ran = nothing_ran


async def finished(call: Awaitable[Answered], address: str, deadline: Deadline) -> Answered:
    """What the call gives. Raises CallFailed; if the task that waits is cancelled, so is the call."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise CallFailed(_failure(error, address, deadline), nothing_ran=_nothing_ran(error)) from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise CallFailed(closed_meanwhile()) from None


def closed_meanwhile() -> Failure:
    """Why a call ends whose client is closed under it."""
    return Failure("CANCELLED", "the client was closed while the call was running")


def _failure(error: grpc.aio.AioRpcError, address: str, deadline: Deadline) -> Failure:
    """Why it failed. The transport's own words say nothing about the way out."""
    failure = from_call(error.code(), error.details() or "", error.trailing_metadata())
    if _has_details(error):
        return failure
    if failure.reason == "DEADLINE_EXCEEDED":
        return deadline.failure()
    if failure.reason == "UNREACHABLE":
        message = (
            f"the connection to {address} broke while the call was running ({failure.message}); it may have run or not"
        )
        return Failure("UNREACHABLE", message, metadata={"address": address})
    return failure


_NOT_RUN = frozenset({"DRAINING", "SNAPSHOT_STALE", "OVERLOADED", "REPLAY_GUARD_FULL"})


def _nothing_ran(error: grpc.aio.AioRpcError) -> bool:
    """Whether it is certain that a call did nothing: a refusal of the contract, or the server's limit on calls.

    A call whose decision began to run never counts, whatever it says. The transport gives RESOURCE_EXHAUSTED of its own
    both for the limit on calls and for an answer that is too large; only with the second the decision ran.
    """
    if RAN in (error.initial_metadata() or ()):
        return False
    if _has_details(error):
        return _told_reason(error) in _NOT_RUN
    return error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def _has_details(error: grpc.aio.AioRpcError) -> bool:
    return DETAILS_KEY in (error.trailing_metadata() or ())


def _told_reason(error: grpc.aio.AioRpcError) -> str:
    """The reason that the server gave, and not one that was guessed from the code; empty if it is none of ours."""
    details = (error.trailing_metadata() or {})[DETAILS_KEY]
    try:
        failure = from_status(Status.FromString(details)) if isinstance(details, bytes) else None
    except DecodeError:
        return ""
    return failure.reason if failure else ""
