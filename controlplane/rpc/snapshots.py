"""SnapshotService."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from typing import Any

from controlplane.snapshot.publication import Publication, Published
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.failure import Failure
from turnout_wire.server import Call
from turnout_wire.telemetry import Telemetry

_log = logging.getLogger(__name__)


class SnapshotServicer:
    """Keeps workers current; the protocol is in the contract's comment."""

    def __init__(self, publication: Publication, clock: Callable[[], datetime], telemetry: Telemetry) -> None:
        self._publication = publication
        self._clock = clock
        self._metrics = telemetry.metrics

    async def GetSnapshot(
        self, request: snapshot_pb2.GetSnapshotRequest, call: Call
    ) -> snapshot_pb2.GetSnapshotResponse:
        """The newest snapshot."""
        newest = self._publication.newest
        if newest is None:
            raise Failure("SNAPSHOT_STALE", "no snapshot was published yet; try again in a moment")
        return snapshot_pb2.GetSnapshotResponse(snapshot=_envelope(newest))

    async def StreamSnapshots(self, requests: AsyncIterator[snapshot_pb2.StreamSnapshotsRequest], call: Call) -> None:
        """Send the newest snapshot, each newer one, and heartbeats, while acknowledgements come in."""
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("kind") != "hello":
            raise Failure("INVALID_FIELD", "hello: the first message says who is there", field="hello")
        await all_or_none(self._acknowledgements(requests, first.hello.worker), self._send_all(first.hello, call))

    async def _send_all(self, hello: snapshot_pb2.Hello, call: Call) -> None:
        _log.info("worker connected", extra={"worker": hello.worker, "pool": hello.pool, "software": hello.software})
        async with contextlib.aclosing(self._publication.listen(hello.digest)) as news:
            async for newer in news:
                await whole(call.send(self._message(newer)))
        raise Failure("DRAINING", "this control plane is going down; go on with what you have, and connect again")

    def _message(self, newer: Published | None) -> snapshot_pb2.StreamSnapshotsResponse:
        message = snapshot_pb2.StreamSnapshotsResponse()
        message.sent_at.FromDatetime(self._clock())
        message.heartbeat_interval.FromMilliseconds(int(self._publication.heartbeat * 1000))
        if newer is not None:
            message.snapshot.CopyFrom(_envelope(newer))
        else:
            newest = self._publication.newest
            message.heartbeat.version = newest.version if newest else 0
        return message

    async def _acknowledgements(
        self, requests: AsyncIterator[snapshot_pb2.StreamSnapshotsRequest], worker: str
    ) -> None:
        async for message in requests:
            kind = message.WhichOneof("kind") or ""
            self._metrics.count("turnout.snapshot.acknowledgements", {"turnout.kind": kind})
            if kind == "nack":
                told = {"worker": worker, "version": message.nack.version, "reason": message.nack.reason}
                _log.error("worker refuses the snapshot and keeps the one before", extra=told)


async def whole(sending: Coroutine[Any, Any, None]) -> None:
    """Let a message that is being sent go out even if this is cancelled: gRPC cannot end a call in the midst of one."""
    task = asyncio.create_task(sending)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


async def all_or_none(*both: Coroutine[Any, Any, None]) -> None:
    """Run until all are done, or the first fails; whatever ends this ends all of them."""
    tasks = [asyncio.create_task(one) for one in both]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _envelope(published: Published) -> envelope_pb2.Envelope:
    return envelope_pb2.Envelope.FromString(published.payload)
