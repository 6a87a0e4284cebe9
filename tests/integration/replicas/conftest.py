"""Two control planes on one PostgreSQL, with one folder of state, and a worker of the first."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from tests.support.backbone import Backbone, Control, backbone, start_control
from turnout.snapshot.v1 import snapshot_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicas:
    """`first` has the worker."""

    first: Backbone
    second: Control


async def published(control: Control) -> snapshot_pb2.Snapshot:
    """What workers of `control` are given now."""
    response = await control.line("worker")(snapshot_pb2.GetSnapshotRequest())
    return snapshot_pb2.Snapshot.FromString(response.snapshot.payload)


@pytest_asyncio.fixture
async def replicas(tmp_path: Path, empty_postgres: str) -> AsyncIterator[Replicas]:
    """Both, running."""
    async with backbone(tmp_path, store=empty_postgres) as first:
        second = await start_control(tmp_path / "state", first.catalog, store=empty_postgres)
        yield Replicas(first=first, second=second)
        await second.stop()
