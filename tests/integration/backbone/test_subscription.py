"""Keeping a worker current over the wire: ACK and NACK, heartbeats, broken and silent streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import grpc.aio
import pytest

from controlplane.rpc.snapshots import SnapshotServicer
from controlplane.snapshot.publication import Publication, Published
from dataplane.report.uplink import Uplink
from dataplane.snapshot.holder import SnapshotHolder
from dataplane.snapshot.model import WorkerSnapshot
from dataplane.sync.subscriber import Identity, SnapshotSource, Subscriber
from tests.support.line import Line, told
from tests.support.meter import Meter
from tests.support.planes import validation
from tests.support.snapshots import sealed, snapshot
from tests.support.wiretap import wiretap
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.ed25519 import verify
from turnout_wire.hosting import CHANNEL_OPTIONS, Host
from turnout_wire.layers import Errors, RequestIds
from turnout_wire.server import Service

Request = snapshot_pb2.StreamSnapshotsRequest
Hello = snapshot_pb2.Hello
ACKS = "turnout.snapshot.acknowledgements"


@dataclass(slots=True, kw_only=True)
class Station:
    """A SnapshotService whose news a test writes."""

    publication: Publication
    meter: Meter
    line: Line
    address: str

    def publish(self, version: int, envelope: envelope_pb2.Envelope | None = None) -> None:
        """Send this to all workers; a good snapshot unless another is given."""
        made = envelope or sealed(snapshot(version))
        digest = sha256(b"%d" % version).digest()
        self.publication.publish(Published(version=version, digest=digest, payload=made.SerializeToString()))

    async def until(self, kind: str, count: int = 1) -> None:
        """Until so many messages of that kind came from workers."""
        await self.meter.until(ACKS, count, kind=kind)


@asynccontextmanager
async def station(heartbeat: float = 0.02) -> AsyncIterator[Station]:
    publication, meter = Publication(heartbeat), Meter()
    servicer = SnapshotServicer(publication, lambda: datetime.now(UTC), meter.telemetry())
    service = Service(descriptor=snapshot_pb2.DESCRIPTOR.services_by_name["SnapshotService"], servicer=servicer)
    host = Host([service], [RequestIds(), Errors(), validation()], max_concurrent=10)
    address = f"127.0.0.1:{await host.start('127.0.0.1:0')}"
    line = Line(address, "")
    try:
        yield Station(publication=publication, meter=meter, line=line, address=address)
    finally:
        await line.close()
        await host.stop(0)


class Worker:
    """The part of a worker that listens, and what it took."""

    def __init__(self, address: str) -> None:
        self.taken: list[int] = []
        self.holder = SnapshotHolder(asyncio.get_running_loop().time, timedelta(seconds=60))
        self.holder.on_change(self._took)
        identity = Identity(worker="w", pool="default", software="1", features=())
        source = SnapshotSource(self.holder, identity, verify, lambda: datetime.now(UTC))
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        subscriber = Subscriber(Uplink([self._channel], ()), (), source, self.holder, identity, lambda _: 0.0)
        self._task = asyncio.create_task(subscriber.run())

    def _took(self, snapshot: WorkerSnapshot) -> None:
        self.taken.append(snapshot.version)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._channel.close()


@asynccontextmanager
async def worker(address: str) -> AsyncIterator[Worker]:
    running = Worker(address)
    try:
        yield running
    finally:
        await running.stop()


async def test_a_worker_takes_the_newest_snapshot_and_each_one_after_it() -> None:
    async with station() as control:
        control.publish(4)
        async with worker(control.address) as listening:
            await control.until("ack", 1)
            control.publish(5)
            await control.until("ack", 2)
            control.publish(6)
            await control.until("ack", 3)
            assert listening.taken == [4, 5, 6]


async def test_a_bad_snapshot_is_refused_and_the_old_one_stays_until_a_good_one_comes() -> None:
    async with station() as control:
        control.publish(1)
        async with worker(control.address) as listening:
            await control.until("ack", 1)
            control.publish(2, sealed(snapshot(2, models=[])))
            await control.until("nack", 1)
            current = listening.holder.fresh()
            assert current.version == 1
            control.publish(3)
            await control.until("ack", 2)
            assert listening.taken == [1, 3]


async def test_a_refusal_is_logged_where_the_operator_looks(caplog: pytest.LogCaptureFixture) -> None:
    async with station() as control:
        control.publish(2, sealed(snapshot(2, models=[])))
        async with worker(control.address):
            await control.until("nack", 1)
    (record,) = [record for record in caplog.records if record.name == "controlplane.rpc.snapshots"]
    assert record.levelname == "ERROR"
    assert (record.__dict__["worker"], record.__dict__["version"]) == ("w", 2)
    assert "small is not in the snapshot" in record.__dict__["reason"]


async def test_after_a_broken_stream_the_worker_takes_what_it_missed() -> None:
    async with station() as control, wiretap(control.address) as tap:
        control.publish(1)
        async with worker(tap.address) as listening:
            await control.until("ack", 1)
            await tap.deafen()
            control.publish(2)
            control.publish(3)
            assert listening.holder.fresh().version == 1
            await tap.listen()
            await control.until("ack", 2)
            assert listening.taken == [1, 3]


async def test_a_worker_that_says_what_it_has_hears_only_that_nothing_changed() -> None:
    async with station() as control:
        control.publish(3)
        stream = control.line.both_ways(Request)
        await stream.write(Request(hello=Hello(worker="w", pool="p", digest=sha256(b"3").digest())))
        first, second = await stream.read(), await stream.read()
        assert [first.heartbeat.version, second.heartbeat.version] == [3, 3]
        assert first.heartbeat_interval.ToTimedelta() == timedelta(milliseconds=20)
        assert first.HasField("sent_at")
        control.publish(4)
        while not (message := await stream.read()).HasField("snapshot"):
            pass
        assert snapshot_pb2.Snapshot.FromString(message.snapshot.payload).version == 4
        stream.cancel()


async def to_the_end(stream: Any) -> None:
    while await stream.read():
        pass


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([Request(ack=snapshot_pb2.Ack(version=1))], "hello"),
        ([Request(hello=Hello(worker="", pool="p"))], "hello.worker"),
        ([Request()], "kind"),
        ([Request(hello=Hello(worker="w", pool="p")), Request()], "kind"),
    ],
    ids=["no hello", "no name", "nothing", "nothing after hello"],
)
async def test_a_message_that_breaks_the_protocol_ends_the_stream_with_its_reason(
    messages: list[Request], field: str
) -> None:
    async with station() as control:
        control.publish(1)
        stream = control.line.both_ways(Request)
        for message in messages:
            await stream.write(message)
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await to_the_end(stream)
        assert (told(ended.value).reason, told(ended.value).field) == ("INVALID_FIELD", field)


async def test_a_worker_that_only_listens_is_kept_current_all_the_same() -> None:
    async with station() as control:
        control.publish(1)
        stream = control.line.both_ways(Request)
        await stream.write(Request(hello=Hello(worker="w", pool="p")))
        await stream.done_writing()
        assert (await stream.read()).HasField("snapshot")
        assert (await stream.read()).HasField("heartbeat")
        stream.cancel()
