"""Does jobs for the control plane: runs that it decided for itself."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import grpc
import grpc.aio

from dataplane.execution.run import Run
from dataplane.execution.runner import Runner
from dataplane.permit.context import Context
from dataplane.permit.refusal import Refusal
from dataplane.permit.verify import verify
from dataplane.report.uplink import Uplink
from dataplane.rpc.chat_codec import chat_request, response_message
from dataplane.rpc.decision_codec import presented
from dataplane.snapshot.holder import SnapshotHolder
from turnout.inference.v1 import chat_pb2
from turnout.job.v1 import job_pb2
from turnout_wire.chat_payload import parse_chat
from turnout_wire.failure import Failure
from turnout_wire.internal import PRESENTER, TENANT
from turnout_wire.layers import Validation
from turnout_wire.status import to_status

_log = logging.getLogger(__name__)

Request = job_pb2.StreamJobsRequest
Response = job_pb2.StreamJobsResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """Who the worker is, and how many jobs it takes at a time."""

    worker: str
    pool: str
    at_once: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """Runs one job as what a caller presents is run: verified, permitted, reported."""

    snapshots: SnapshotHolder
    permit: Context
    rules: Validation
    runner: Runner
    clock: Callable[[], datetime]

    async def __call__(self, job: job_pb2.Job) -> chat_pb2.ChatResponse:
        """The answer. Raises Failure."""
        snapshot = self.snapshots.fresh()
        shown = presented(job.decision, job.payload, tenant=TENANT, presenter=PRESENTER)
        decision = verify(shown, snapshot.keys, self.permit, self.clock())
        if isinstance(decision, Refusal):
            raise decision.failure()
        try:
            chat = parse_chat(job.payload)
            self.rules.check(chat)
            asked = chat_request(chat)
        except BaseException:
            self.permit.guard.release(decision)
            raise
        run = Run(
            decision=decision,
            request=asked,
            snapshot=snapshot,
            time_left=job.time_left.ToTimedelta(),
            envelope=job.decision.SerializeToString(),
        )
        outcome = await self.runner.generate(run)
        if outcome.response is None:
            raise outcome.failure or Failure("INTERNAL", "a run ended with neither an answer nor a failure")
        return response_message(outcome.response)


class Jobs:
    """Listens for jobs for ever; what is under way when the stream ends is finished for its receipt alone."""

    def __init__(self, uplink: Uplink, settings: JobSettings, run: JobRun, wait: Callable[[int], float]) -> None:
        self._uplink = uplink
        self._settings = settings
        self._run = run
        self._wait = wait
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled. `wait(n)` are the seconds before the n-th attempt since a job last came."""
        failures = 0
        while True:
            try:
                failures = 0 if await self._listen() else failures + 1
            except grpc.aio.AioRpcError as error:
                failures += 1
                _log.info("no jobs for now", extra={"cause": error.code().name})
            except Exception:  # noqa: BLE001 - a fault of ours must not end this for ever
                failures += 1
                _log.exception("taking jobs failed; it begins again")
            await asyncio.sleep(self._wait(failures))

    async def _listen(self) -> bool:
        """Until the stream ends; whether any job came."""
        call = self._uplink.channel.stream_stream(
            "/turnout.job.v1.JobService/StreamJobs",
            request_serializer=Request.SerializeToString,
            response_deserializer=Response.FromString,
        )
        stream: Any = call(metadata=self._uplink.metadata, wait_for_ready=self._uplink.alone)
        writing = asyncio.Lock()
        came = False
        try:
            settings = self._settings
            hello = job_pb2.JobHello(worker=settings.worker, pool=settings.pool, at_once=settings.at_once)
            await stream.write(Request(hello=hello))
            while isinstance(response := await stream.read(), Response):
                came = True
                task = asyncio.create_task(self._do(response.job, stream, writing))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        finally:
            stream.cancel()
        return came

    async def _do(self, job: job_pb2.Job, stream: Any, writing: asyncio.Lock) -> None:
        result = job_pb2.JobResult(job=job.number)
        try:
            result.response.CopyFrom(await self._run(job))
        except Failure as failure:
            result.error.CopyFrom(to_status(failure))
        except Exception:  # noqa: BLE001 - who waits is told, whatever it was
            _log.exception("a job failed")
            result.error.CopyFrom(to_status(Failure("INTERNAL", "the worker failed")))
        try:
            async with writing:
                await stream.write(Request(result=result))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError):
            _log.info("nobody waits for a job's result", extra={"job": job.number})
