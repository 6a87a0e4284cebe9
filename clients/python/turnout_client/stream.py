"""Streamed answers."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from types import TracebackType
from typing import Self

import grpc.aio

from turnout.inference.v1.inference_pb2 import StreamError
from turnout_client.answer import Answer, Event, Finish
from turnout_client.answer_codec import event as event_from
from turnout_client.answer_codec import receipt as receipt_from
from turnout_client.call import CallFailed, finished
from turnout_client.deadline import Deadline
from turnout_client.decision import Decision
from turnout_client.errors import TurnoutError
from turnout_client.transcript import Transcript
from turnout_client.workers import Opened
from turnout_wire.failure import Failure
from turnout_wire.status import from_status

Steps = AsyncGenerator[Decision | Event, None]
"""What happens in a stream: a decision (another one if the first was too old), then events."""


class AnswerStream:
    """The events of one answer, as they come.

        async with turnout.chat_stream("Why is the sky blue?") as stream:
            async for event in stream:
                if isinstance(event, Delta):
                    print(event.text, end="")
        print(stream.answer.cost_usd)

    Raises what the calls raise, and StreamBroken after content. Leaving the `async with` cancels what still runs.
    """

    def __init__(self, steps: Steps, transcript: Transcript) -> None:
        # The steps must not know this object: dropping it must drop them, and with them the call.
        self._steps = steps
        self._transcript = transcript

    @property
    def decision(self) -> Decision:
        """The decision; known inside `async with`, or from the first event on. Raises RuntimeError before."""
        if self._transcript.decision is None:
            raise RuntimeError("nothing is decided yet; enter the stream with `async with` or read an event first")
        return self._transcript.decision

    @property
    def text(self) -> str:
        """The text so far."""
        return self._transcript.text

    @property
    def answer(self) -> Answer:
        """The whole answer, once Finish has come. Raises RuntimeError before."""
        whole = self._transcript.answer()
        if whole is None:
            raise RuntimeError("the answer is not whole yet; read the stream to its end first")
        return whole

    async def __aenter__(self) -> Self:
        if self._transcript.decision is None:
            await anext(self._steps)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while isinstance(step := await anext(self._steps), Decision):
            continue
        return step

    async def aclose(self) -> None:
        """Cancel what still runs."""
        await self._steps.aclose()


async def read_events(opened: Opened, transcript: Transcript, deadline: Deadline) -> AsyncGenerator[Event, None]:
    """The events of a stream that a worker took; closing it cancels the call. Raises TurnoutError."""
    message = opened.first
    try:
        while message is not grpc.aio.EOF:
            found = event_from(message)
            if isinstance(found, StreamError):
                raise _reported(found, transcript)
            if found is not None:
                transcript.take(found)
                if isinstance(found, Finish):
                    await _drained(opened)
                yield found
            if isinstance(found, Finish):
                return
            message = await _next(opened, transcript, deadline)
        raise transcript.broken(_cut())
    finally:
        opened.call.cancel()


async def _next(opened: Opened, transcript: Transcript, deadline: Deadline) -> object:
    try:
        return await finished(opened.call.read(), opened.address, deadline)
    except CallFailed as failed:
        failure = failed.failure
    raise transcript.broken(failure)


async def _drained(opened: Opened) -> None:
    """Let the call end before its last event is handed on: whoever stops reading then must not cancel it."""
    with suppress(grpc.aio.AioRpcError):
        await opened.call.read()


def _reported(told: StreamError, transcript: Transcript) -> TurnoutError:
    failure = from_status(told.status) or Failure("STREAM_BROKEN", told.status.message or "the answer broke off")
    return transcript.broken(failure, receipt_from(told.receipt))


def _cut() -> Failure:
    return Failure(
        "STREAM_BROKEN",
        "the stream ended without a terminal event: it was cut on the way; `text` is what came, ask again for the rest",
    )
