"""Calls of workers: repeated at the next one only if it is certain that nothing ran."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

from turnout.inference.v1 import inference_pb2
from turnout.inference.v1.payload_pb2 import Payload
from turnout_client.call import CallFailed, finished
from turnout_client.control import Metadata
from turnout_client.deadline import Deadline
from turnout_client.decision import Decision
from turnout_client.error_codec import error
from turnout_client.line import Line, Refused
from turnout_client.pool import Pool

Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A stream that a worker took: `first` is its first message, or EOF."""

    call: Any
    first: Any
    address: str


class Workers:
    """InferenceService at one of its addresses."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def generate(
        self, decision: Decision, payload: Payload, deadline: Deadline, metadata: Metadata
    ) -> inference_pb2.GenerateResponse:
        """The whole answer. Raises TurnoutError."""
        request = inference_pb2.GenerateRequest(decision=decision.envelope, payload=payload)

        async def once(line: Line) -> inference_pb2.GenerateResponse:
            call: Any = line.inference.Generate(request, timeout=deadline.left(), metadata=metadata)
            return await _taken(call, line, deadline, decision)

        return await self._pool.run(once, deadline, decision_id=decision.decision_id)

    async def stream(self, decision: Decision, payload: Payload, deadline: Deadline, metadata: Metadata) -> Opened:
        """An answer that has begun. Raises TurnoutError."""
        request = inference_pb2.StreamGenerateRequest(decision=decision.envelope, payload=payload)

        async def once(line: Line) -> Opened:
            call: Any = line.inference.StreamGenerate(request, timeout=deadline.left(), metadata=metadata)
            first = await _taken(call.read(), line, deadline, decision)
            return Opened(call=call, first=first, address=line.address)

        return await self._pool.run(once, deadline, decision_id=decision.decision_id)


async def _taken(call: Awaitable[Answered], line: Line, deadline: Deadline, decision: Decision) -> Answered:
    try:
        return await finished(call, line.address, deadline)
    except CallFailed as failed:
        if failed.nothing_ran:
            raise Refused(failed.failure) from failed
        raise error(failed.failure, decision_id=decision.decision_id) from failed
