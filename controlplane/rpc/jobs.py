"""JobService."""

import asyncio
from collections.abc import AsyncIterator

from controlplane.routing.jobs import POOL, Job, JobBoard, Seat
from controlplane.rpc.record_codec import put_envelope
from controlplane.rpc.snapshots import all_or_none, whole
from turnout.job.v1 import job_pb2
from turnout_wire.failure import Failure
from turnout_wire.server import Call
from turnout_wire.status import from_status
from turnout_wire.telemetry import Telemetry


class JobServicer:
    """Gives jobs to workers; the protocol is in the contract's comment."""

    def __init__(self, board: JobBoard, telemetry: Telemetry) -> None:
        self._board = board
        self._metrics = telemetry.metrics
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Hang up on all workers: this control plane goes down."""
        self._ended.set()

    async def StreamJobs(self, requests: AsyncIterator[job_pb2.StreamJobsRequest], call: Call) -> None:
        """Jobs out, results in, until either side goes."""
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("kind") != "hello":
            raise Failure("INVALID_FIELD", "hello: the first message says who is there", field="hello")
        if first.hello.pool != POOL:
            raise Failure("INVALID_FIELD", f"hello.pool: jobs are for workers of the pool {POOL!r}", field="hello.pool")
        seat = self._board.take_seat(first.hello.worker, first.hello.at_once)
        self._metrics.count("turnout.job.workers", {})
        try:
            await all_or_none(self._results(requests, seat), self._give(seat, call), self._until_the_end())
        finally:
            self._board.leave(seat)

    async def _until_the_end(self) -> None:
        await self._ended.wait()
        raise Failure("DRAINING", "this control plane is going down; connect again")

    async def _give(self, seat: Seat, call: Call) -> None:
        while True:
            await whole(call.send(_message(await seat.news.get())))

    async def _results(self, requests: AsyncIterator[job_pb2.StreamJobsRequest], seat: Seat) -> None:
        async for message in requests:
            result = message.result
            if result.HasField("response"):
                text = "".join([part.text for part in result.response.parts])
                self._board.done(seat, result.job, text, "")
            else:
                failure = from_status(result.error)
                self._board.done(seat, result.job, None, failure.reason if failure else "an error")
        raise Failure("DRAINING", "the worker has gone")


def _message(job: Job) -> job_pb2.StreamJobsResponse:
    message = job_pb2.StreamJobsResponse()
    message.job.number = job.number
    put_envelope(message.job.decision, job.decision)
    message.job.payload.content_type, message.job.payload.body = job.content_type, job.body
    message.job.time_left.FromTimedelta(job.time_left)
    return message
