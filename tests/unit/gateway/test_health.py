"""Whether a worker lives, and whether it takes requests."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dataplane.gateway.exchange import Exchange
from dataplane.gateway.health import Health
from dataplane.snapshot.holder import SnapshotHolder
from tests.support.asgi import Conversation
from tests.support.runs import snapshot


class Worker:
    """What health looks at."""

    def __init__(self, *, dev: bool = False) -> None:
        self.now = 0.0
        self.draining = False
        self.snapshots = SnapshotHolder(lambda: self.now, timedelta(seconds=60))
        self._health = Health(self.snapshots, lambda: self.draining, dev=dev)

    async def asked(self, what: str) -> Conversation:
        """An answer of `health` or `ready`."""
        asked = Conversation("GET", f"/{what}")
        await getattr(self._health, what)(Exchange(asked.scope, asked.receive, asked.send))
        return asked


async def test_a_worker_lives_whatever_it_lacks() -> None:
    worker = Worker()
    worker.draining = True
    told = await worker.asked("health")
    assert (told.status, told.value) == (200, {"status": "ok"})


async def test_a_worker_is_ready_with_a_snapshot_and_says_which() -> None:
    worker = Worker()
    before = await worker.asked("ready")
    assert before.status == 503
    assert "no snapshot yet" in before.value["status"]
    worker.snapshots.take(replace(snapshot(), version=12))
    after = await worker.asked("ready")
    assert (after.status, after.value) == (200, {"status": "ready", "snapshot": 12})


@pytest.mark.parametrize(("silent", "status"), [(59.0, 200), (61.0, 503)])
async def test_a_worker_that_hears_nothing_is_not_ready(silent: float, status: int) -> None:
    worker = Worker()
    worker.snapshots.take(snapshot())
    worker.now = silent
    told = await worker.asked("ready")
    assert told.status == status
    assert told.value["snapshot"] == 7
    assert ("heard nothing from the control plane" in told.value["status"]) is (status == 503)


async def test_a_worker_that_goes_down_is_not_ready() -> None:
    worker = Worker()
    worker.snapshots.take(snapshot())
    worker.draining = True
    told = await worker.asked("ready")
    assert (told.status, told.value["status"]) == (503, "draining")


async def test_a_worker_that_is_open_says_so() -> None:
    worker = Worker(dev=True)
    worker.snapshots.take(snapshot())
    assert "development alone" in (await worker.asked("ready")).value["dev"]
