"""How fresh a worker's snapshot is, and who hears of a new one."""

from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from dataplane.snapshot.holder import SnapshotHolder
from dataplane.snapshot.model import WorkerSnapshot
from turnout_wire.failure import Failure


class Time:
    """A monotonic clock."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def version(number: int) -> WorkerSnapshot:
    return WorkerSnapshot(
        version=number,
        digest=bytes(32),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        issuer="turnout",
        deployments=MappingProxyType({}),
        keys=MappingProxyType({}),
        callers=MappingProxyType({}),
    )


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def holder(time: Time) -> SnapshotHolder:
    return SnapshotHolder(time, timedelta(seconds=300))


def test_a_worker_without_a_snapshot_takes_no_calls(holder: SnapshotHolder) -> None:
    with pytest.raises(Failure, match="no snapshot yet") as refused:
        holder.fresh()
    assert (refused.value.reason, refused.value.code) == ("SNAPSHOT_STALE", "UNAVAILABLE")


def test_a_snapshot_holds_for_the_bound_and_no_longer(holder: SnapshotHolder, time: Time) -> None:
    holder.take(version(1))
    time.now += 300
    assert holder.fresh().version == 1
    time.now += 0.1
    with pytest.raises(Failure, match="heard nothing") as refused:
        holder.fresh()
    assert refused.value.reason == "SNAPSHOT_STALE"
    assert "try another worker" in refused.value.message


def test_any_word_of_the_control_plane_makes_the_snapshot_fresh_again(holder: SnapshotHolder, time: Time) -> None:
    holder.take(version(1))
    time.now += 1000
    holder.hear()
    assert holder.fresh().version == 1


def test_a_word_without_a_snapshot_is_not_enough(holder: SnapshotHolder) -> None:
    holder.hear()
    with pytest.raises(Failure):
        holder.fresh()


def test_a_stale_snapshot_can_still_be_looked_at(holder: SnapshotHolder, time: Time) -> None:
    """For calls that run already, and for health."""
    holder.take(version(1))
    time.now += 1000
    assert holder.current == version(1)


def test_listeners_hear_of_every_snapshot_after_it_holds(holder: SnapshotHolder) -> None:
    heard: list[tuple[int, bool]] = []
    holder.on_change(lambda snapshot: heard.append((snapshot.version, holder.current is snapshot)))
    holder.take(version(1))
    holder.take(version(2))
    assert heard == [(1, True), (2, True)]
