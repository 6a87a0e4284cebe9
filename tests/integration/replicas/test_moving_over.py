"""A control plane goes away, and workers and clients go on with another one."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from dataplane.report.uplink import connect
from tests.integration.replicas.conftest import Replicas
from tests.support.backbone import Running, asked, generate, model, replaced, start_worker
from tests.support.backbone import document as catalog_document
from tests.support.line import refusal
from turnout_client import Client

WITHIN = 60.0


async def until_told(worker: Running, holds: Callable[[], bool]) -> None:
    """Wait for a snapshot of `worker` after which `holds`."""
    news = asyncio.Event()
    worker.plane._snapshots.on_change(lambda _: news.set())
    async with asyncio.timeout(WITHIN):
        while not holds():
            await news.wait()
            news.clear()


async def both(replicas: Replicas) -> Running:
    """A worker that knows both control planes, the first one first."""
    control, second = replicas.first.control, replicas.second
    return await start_worker(f"{control.address},{second.address}", control.config.state / "tokens" / "worker")


async def test_a_request_that_is_repeated_to_the_other_one_gets_the_same_decision(replicas: Replicas) -> None:
    question = asked(request_id="5b9e4b8e-5f0c-4c9e-9a53-0f3f6f6e5a11")
    first = await replicas.first.router(question)
    second = await replicas.second.line()(question)
    assert first.decision.payload == second.decision.payload
    without = [await control.line()(asked()) for control in (replicas.first.control, replicas.second)]
    assert without[0].decision.payload != without[1].decision.payload


async def test_a_request_id_with_another_request_is_refused_by_the_other_one_too(replicas: Replicas) -> None:
    request_id = "5b9e4b8e-5f0c-4c9e-9a53-0f3f6f6e5a12"
    await replicas.first.router(asked(request_id=request_id))
    told = await refusal(replicas.second.line()(asked("Something else", request_id=request_id)))
    assert told.reason == "REQUEST_ID_REUSED"


async def test_a_worker_runs_what_any_of_them_decided(replicas: Replicas) -> None:
    decided = await replicas.second.line()(asked())
    assert (await replicas.first.runner(generate(decided))).response


async def test_a_worker_goes_on_with_the_other_one_when_its_own_ends(replicas: Replicas) -> None:
    worker = await both(replicas)
    await replicas.first.control.go_down()
    changed = [model("small", 2, 0.9), model("large", 10, 0.99, provider="second")]
    replaced(replicas.first.catalog, catalog_document(replicas.first.providers.address, models=changed))
    await until_told(worker, lambda: worker.plane._snapshots.fresh().version == 2)
    decided = await replicas.second.line()(asked())
    assert (await worker.line(replicas.second.token("local"))(generate(decided))).response
    await worker.stop()
    ((receipts,),) = await replicas.second.store.database.fetch("SELECT COUNT(*) FROM entry WHERE kind = 'receipt'")
    assert receipts == 1


async def test_a_client_goes_on_with_the_other_one(replicas: Replicas) -> None:
    addresses = [replicas.first.control.address, replicas.second.address]
    async with Client(control=addresses, token=replicas.second.token("local")) as client:
        await client.decide("Why is the sky blue?")
        await replicas.first.control.go_down()
        for _ in range(4):
            decision = await client.decide("Why is the sky blue?")
            assert decision.decision_id


def test_a_worker_without_a_control_plane_is_told_how_to_name_one(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    with pytest.raises(ValueError, match="host:port"):
        connect(" , ", token)
