"""Keeps the worker's snapshot current: subscribe, verify, take or refuse, resubscribe."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from dataplane.permit.presented import Sealed
from dataplane.permit.refusal import Refusal
from dataplane.permit.verify import authenticate
from dataplane.snapshot.holder import SnapshotHolder
from dataplane.snapshot.model import Key, WorkerSnapshot
from dataplane.sync.snapshot_codec import SnapshotUnusable, worker_snapshot
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.envelope import signatures_of
from turnout_wire.payload_type import PayloadType
from turnout_wire.signature import Verifier

_log = logging.getLogger(__name__)
_MISSED = 3
"""Heartbeats that may be missed before the worker takes the connection for dead."""
_FIRST, _FIRST_OF_SEVERAL = 30.0, 5.0
"""Seconds to the first message, before it is known how often one comes; connecting included."""

Request = snapshot_pb2.StreamSnapshotsRequest
Response = snapshot_pb2.StreamSnapshotsResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the worker is. `pinned` are the only keys whose first snapshot it takes; from then on it takes keys that the snapshot
    before had. Empty trusts the control plane that it was pointed to, whatever key that signs with.
    """

    worker: str
    pool: str
    software: str
    features: tuple[str, ...]
    pinned: frozenset[str] = frozenset()


class SnapshotSource:
    """Judges what comes: a pinned worker takes a snapshot only under a key that it trusted before it came."""

    def __init__(
        self, holder: SnapshotHolder, identity: Identity, verify: Verifier, clock: Callable[[], datetime]
    ) -> None:
        self._holder = holder
        self._identity = identity
        self._verify = verify
        self._clock = clock

    def judge(self, envelope: envelope_pb2.Envelope) -> Request:
        """Take the snapshot or keep the one before; the answer is what to tell the control plane."""
        try:
            snapshot = self._open(envelope)
        except SnapshotUnusable as problem:
            told = {"version": problem.version, "reason": str(problem)}
            _log.error("snapshot refused; the one before stays", extra=told)
            self._holder.hear()
            return Request(nack=snapshot_pb2.Nack(version=problem.version, reason=str(problem)[:4096]))
        self._holder.take(snapshot)
        return Request(ack=snapshot_pb2.Ack(version=snapshot.version))

    def _open(self, envelope: envelope_pb2.Envelope) -> WorkerSnapshot:
        """The snapshot, once it is known whose it is; where keys are known already, before anything of it is parsed."""
        current = self._holder.current
        if self._identity.pinned and current is not None:
            self._authenticate(envelope, current.keys)
            return _parse(envelope)
        snapshot = _parse(envelope)
        pinned = self._identity.pinned
        self._authenticate(envelope, {name: key for name, key in snapshot.keys.items() if not pinned or name in pinned})
        return snapshot

    def _authenticate(self, envelope: envelope_pb2.Envelope, keys: Mapping[str, Key]) -> None:
        sealed = Sealed(
            payload_type=envelope.payload_type, payload=envelope.payload, signatures=signatures_of(envelope)
        )
        judged = authenticate(sealed, keys, expected=PayloadType.SNAPSHOT, verifier=self._verify, now=self._clock())
        if isinstance(judged, Refusal):
            raise SnapshotUnusable(f"{judged.reason}: {judged.message}")


def _parse(envelope: envelope_pb2.Envelope) -> WorkerSnapshot:
    try:
        return worker_snapshot(snapshot_pb2.Snapshot.FromString(envelope.payload))
    except DecodeError as error:
        raise SnapshotUnusable(f"the payload is not a Snapshot: {error}") from error


class Uplink(Protocol):
    """The control planes, of which one is used."""

    @property
    def channel(self) -> grpc.aio.Channel:
        """That of the one that is used now."""
        ...

    @property
    def alone(self) -> bool:
        """Whether there is no other one."""
        ...

    def leave(self, channel: grpc.aio.Channel) -> None:
        """Use the next one, unless `channel` was left already."""
        ...


class Subscriber:
    """Listens for ever; reconnects with growing waits, to another control plane each time where there are several."""

    def __init__(
        self,
        uplink: Uplink,
        metadata: Sequence[tuple[str, str]],
        source: SnapshotSource,
        holder: SnapshotHolder,
        identity: Identity,
        wait: Callable[[int], float],
    ) -> None:
        self._uplink = uplink
        self._metadata = tuple(metadata)
        self._source = source
        self._holder = holder
        self._identity = identity
        self._wait = wait

    async def run(self) -> None:
        """Until cancelled. `wait(n)` are the seconds before the n-th attempt since something was last heard."""
        failures = 0
        while True:
            channel = self._uplink.channel
            try:
                async for _ in self._listen(channel):
                    failures = 0
            except (grpc.aio.AioRpcError, TimeoutError) as error:
                told = error.code().name if isinstance(error, grpc.aio.AioRpcError) else "silent"
                _log.warning("control plane lost; going on with what we have", extra={"cause": told})
            except Exception:  # noqa: BLE001 - a fault of ours must not leave the worker without news for ever
                _log.exception("the subscription failed; it begins again")
            self._uplink.leave(channel)
            failures += 1
            await asyncio.sleep(self._wait(failures))

    async def _listen(self, channel: grpc.aio.Channel) -> AsyncIterator[None]:
        call = channel.stream_stream(
            "/turnout.snapshot.v1.SnapshotService/StreamSnapshots",
            request_serializer=Request.SerializeToString,
            response_deserializer=Response.FromString,
        )
        # The only one is waited for; of several another one may be there.
        alone = self._uplink.alone
        stream: Any = call(metadata=self._metadata, wait_for_ready=alone)
        try:
            await stream.write(Request(hello=self._hello()))
            patience: float | None = _FIRST if alone else _FIRST_OF_SEVERAL
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
