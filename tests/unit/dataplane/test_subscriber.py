"""The subscription in virtual time: what it says first, how long it is patient, how it begins again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import grpc.aio

from dataplane.report.uplink import Uplink
from dataplane.snapshot.holder import SnapshotHolder
from dataplane.sync.subscriber import Identity, SnapshotSource, Subscriber
from tests.support.snapshots import sealed, snapshot
from tests.support.virtual_time import VirtualClock, pause, run
from turnout.snapshot.v1 import snapshot_pb2
from turnout_wire.ed25519 import verify

Response = snapshot_pb2.StreamSnapshotsResponse
Play = Callable[["Stream"], Awaitable[Response | None]]


class Stream:
    """One call of StreamSnapshots: `play` gives what each read gives."""

    def __init__(self, play: Play) -> None:
        self.sent: list[snapshot_pb2.StreamSnapshotsRequest] = []
        self.cancelled = False
        self.reads = 0
        self._play = play

    async def write(self, request: snapshot_pb2.StreamSnapshotsRequest) -> None:
        self.sent.append(request)

    async def read(self) -> Response | None:
        self.reads += 1
        return await self._play(self)

    def cancel(self) -> None:
        self.cancelled = True


class Channel:
    """A channel whose calls are streams that are played."""

    def __init__(self, play: Play) -> None:
        self.streams: list[Stream] = []
        self.opened_at: list[float] = []
        self._play = play

    def stream_stream(self, method: str, **_: Any) -> Callable[..., Stream]:
        assert method == "/turnout.snapshot.v1.SnapshotService/StreamSnapshots"
        return self._open

    def _open(self, **_: Any) -> Stream:
        self.opened_at.append(asyncio.get_running_loop().time())
        self.streams.append(Stream(self._play))
        return self.streams[-1]


def news(interval: float, version: int = 0) -> Response:
    """A snapshot, or a heartbeat without one."""
    response = Response()
    response.heartbeat_interval.FromTimedelta(timedelta(seconds=interval))
    if version:
        response.snapshot.CopyFrom(sealed(snapshot(version)))
    else:
        response.heartbeat.version = 1
    return response


async def silence(_: Stream) -> None:
    await asyncio.Event().wait()


def broken() -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing)


@asynccontextmanager
async def listening(play: Play, wait: Callable[[int], float]) -> AsyncIterator[Channel]:
    """A subscription on a channel that is played."""
    clock, channel = VirtualClock(), Channel(play)
    holder = SnapshotHolder(clock.monotonic, timedelta(seconds=300))
    identity = Identity(worker="w-1", pool="batch", software="2", features=("shadow",))
    source = SnapshotSource(holder, identity, verify, lambda: datetime.now(UTC))
    subscriber = Subscriber(Uplink([channel], ()), (), source, holder, identity, wait)  # type: ignore[list-item]  # what it uses of one
    task = asyncio.create_task(subscriber.run())
    try:
        yield channel
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_the_worker_says_first_who_it_is_and_later_what_it_has() -> None:
    async def play(stream: Stream) -> Response | None:
        return news(1, version=3) if stream.reads == 1 else None

    async def main() -> list[Stream]:
        async with listening(play, lambda _: 1.0) as channel:
            await pause(1.5)
            return channel.streams

    first, second = run(main())
    hello = first.sent[0].hello
    assert (hello.worker, hello.pool, hello.software, list(hello.features)) == ("w-1", "batch", "2", ["shadow"])
    assert hello.digest == b""
    assert first.sent[1].ack.version == 3
    assert second.sent[0].hello.digest == snapshot(3).digest


def test_a_control_plane_that_is_silent_for_three_heartbeats_is_left() -> None:
    async def play(stream: Stream) -> Response | None:
        if stream.reads > 1:
            await asyncio.Event().wait()
        return news(2, version=1)

    async def main() -> Channel:
        async with listening(play, lambda _: 1.0) as channel:
            await pause(7.5)
            return channel

    channel = run(main())
    assert channel.opened_at == [0.0, 7.0], "three heartbeats of 2 s, and a wait of 1 s"
    assert channel.streams[0].cancelled


def test_heartbeats_keep_the_stream() -> None:
    async def play(stream: Stream) -> Response | None:
        await pause(5.9)
        return news(2)

    async def main() -> Channel:
        async with listening(play, lambda _: 1.0) as channel:
            await pause(600)
            return channel

    assert len(run(main()).streams) == 1


def test_a_control_plane_that_never_says_anything_is_left_too() -> None:
    async def main() -> Channel:
        async with listening(silence, lambda _: 1.0) as channel:
            await pause(31.5)
            return channel

    assert run(main()).opened_at == [0.0, 31.0]


def test_waits_grow_with_failures_and_begin_anew_when_something_was_heard() -> None:
    waits: list[int] = []
    heard = [False, False, True, False]

    async def play(stream: Stream) -> Response | None:
        if stream.reads == 1 and heard[(len(waits)) % 4]:
            return news(1)
        raise broken()

    def wait(failures: int) -> float:
        waits.append(failures)
        return 1.0

    async def main() -> None:
        async with listening(play, wait):
            await pause(4.5)

    run(main())
    assert waits == [1, 2, 1, 2, 3]


def test_a_fault_of_ours_does_not_end_the_subscription() -> None:
    async def play(stream: Stream) -> Response | None:
        raise RuntimeError("a bug")

    async def main() -> Channel:
        async with listening(play, lambda _: 1.0) as channel:
            await pause(2.5)
            return channel

    assert run(main()).opened_at == [0.0, 1.0, 2.0]
