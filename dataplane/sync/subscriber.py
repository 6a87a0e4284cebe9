"""Keeps the worker's snapshot current: subscribe, verify, take or refuse, resubscribe."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from dataplane.snapshot.holder import SnapshotHolder
from dataplane.snapshot.model import KeyState
from dataplane.sync.snapshot_codec import SnapshotUnusable, worker_snapshot
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.pae import pae
from turnout_wire.payload_type import PayloadType
from turnout_wire.signature import Verifier

_log = logging.getLogger(__name__)
_MISSED = 3
"""Heartbeats that may be missed before the worker takes the connection for dead."""

Request = snapshot_pb2.StreamSnapshotsRequest
Response = snapshot_pb2.StreamSnapshotsResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the worker is. `pinned` are the only keys whose snapshots it takes; empty trusts the control plane that it was
    pointed to for the first one, and from then on only keys that the snapshot before had.
    """

    worker: str
    pool: str
    software: str
    features: tuple[str, ...]
    pinned: frozenset[str] = frozenset()


class SnapshotSource:
    """Judges what comes: a snapshot is taken only if it is signed by a key that was trusted before it came."""

    def __init__(self, holder: SnapshotHolder, identity: Identity, verify: Verifier) -> None:
        self._holder = holder
        self._identity = identity
        self._verify = verify

    def judge(self, envelope: envelope_pb2.Envelope) -> Request:
        """Take the snapshot or keep the one before; the answer is what to tell the control plane."""
        version = 0
        try:
            message = self._parse(envelope)
            version = message.version
            self._check_signature(envelope, message)
            self._holder.take(worker_snapshot(message))
        except (SnapshotUnusable, KeyError, ValueError) as problem:
            _log.exception("snapshot refused; the one before stays", extra={"version": version})
            self._holder.hear()
            return Request(nack=snapshot_pb2.Nack(version=version, reason=str(problem)[:4096]))
        return Request(ack=snapshot_pb2.Ack(version=version))

    def _parse(self, envelope: envelope_pb2.Envelope) -> snapshot_pb2.Snapshot:
        if envelope.payload_type != PayloadType.SNAPSHOT or len(envelope.signatures) != 1:
            raise SnapshotUnusable("not an envelope with one signature over a snapshot")
        try:
            return snapshot_pb2.Snapshot.FromString(envelope.payload)
        except DecodeError as error:
            raise SnapshotUnusable(f"the payload is not a Snapshot: {error}") from error

    def _check_signature(self, envelope: envelope_pb2.Envelope, message: snapshot_pb2.Snapshot) -> None:
        signature = envelope.signatures[0]
        public_key = self._trusted(message).get(signature.key_id)
        if public_key is None:
            raise SnapshotUnusable(f"signed by key {signature.key_id}, which this worker does not trust")
        if not self._verify(public_key, pae(envelope.payload_type, envelope.payload), signature.value):
            raise SnapshotUnusable(f"the signature of key {signature.key_id} does not fit the bytes")

    def _trusted(self, message: snapshot_pb2.Snapshot) -> dict[str, bytes]:
        current = self._holder.current
        if self._identity.pinned or current is None:
            pinned = self._identity.pinned
            return {key.key_id: key.public_key for key in message.key_set.keys if not pinned or key.key_id in pinned}
        return {name: key.public_key for name, key in current.keys.items() if key.state is not KeyState.REVOKED}


class Subscriber:
    """Listens for ever; reconnects with growing waits."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        metadata: Sequence[tuple[str, str]],
        source: SnapshotSource,
        holder: SnapshotHolder,
        identity: Identity,
        wait: Callable[[int], float],
    ) -> None:
        self._call = channel.stream_stream(
            "/turnout.snapshot.v1.SnapshotService/StreamSnapshots",
            request_serializer=Request.SerializeToString,
            response_deserializer=Response.FromString,
        )
        self._metadata = tuple(metadata)
        self._source = source
        self._holder = holder
        self._identity = identity
        self._wait = wait

    async def run(self) -> None:
        """Until cancelled. `wait(n)` are the seconds before the n-th attempt since something was last heard."""
        failures = 0
        while True:
            try:
                async for _ in self._listen():
                    failures = 0
            except (grpc.aio.AioRpcError, TimeoutError) as error:
                told = error.code().name if isinstance(error, grpc.aio.AioRpcError) else "silent"
                _log.warning("control plane lost; going on with what we have", extra={"cause": told})
            failures += 1
            await asyncio.sleep(self._wait(failures))

    async def _listen(self) -> AsyncIterator[None]:
        stream = self._call(metadata=self._metadata, wait_for_ready=True)
        try:
            await stream.write(Request(hello=self._hello()))
            patience: float | None = None
            while True:
                async with asyncio.timeout(patience):
                    response = await stream.read()
                if not isinstance(response, Response):
                    return
                patience = _MISSED * response.heartbeat_interval.ToTimedelta().total_seconds() or None
                await self._take(response, stream)
                yield None
        finally:
            stream.cancel()

    async def _take(self, response: Response, stream: Any) -> None:
        if response.WhichOneof("kind") == "snapshot":
            await stream.write(self._source.judge(response.snapshot))
        else:
            self._holder.hear()

    def _hello(self) -> snapshot_pb2.Hello:
        current = self._holder.current
        return snapshot_pb2.Hello(
            worker=self._identity.worker,
            pool=self._identity.pool,
            features=self._identity.features,
            digest=current.digest if current else b"",
            software=self._identity.software,
        )
