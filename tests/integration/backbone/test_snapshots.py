"""Configuration on its way: from the file and the service into snapshots, and from there into workers."""

from pathlib import Path
from typing import Any

from tests.support.backbone import (
    Backbone,
    backbone,
    deployment,
    document,
    generate,
    opened,
    planned,
    replaced,
    start_worker,
    stream,
)
from tests.support.entries import new_deployment, new_model
from tests.support.line import refusal
from tests.support.provider import Held
from tests.support.wiretap import wiretap
from turnout.catalog.v1 import catalog_pb2

ACKS = "turnout.snapshot.acknowledgements"


def only_large(planes: Backbone) -> dict[str, Any]:
    address = planes.providers.address
    return document(address, deployments=[deployment("large", "second", address)])


async def version_at_worker(planes: Backbone) -> int:
    """The snapshot that the worker runs with, as its receipt says."""
    answer = await planes.runner(generate(await planes.decide()))
    return int(answer.receipt.snapshot_version)


async def until_taken(planes: Backbone, count: int) -> None:
    """Until the worker has acknowledged so many snapshots."""
    await planes.control.meter.until(ACKS, count, kind="ack")


async def test_a_changed_file_reaches_decisions_and_workers_without_a_restart(planes: Backbone) -> None:
    """Nobody tells the control plane: its own watch sees the file."""
    assert planned(await planes.decide()) == ["first/small", "second/large"]
    assert await version_at_worker(planes) == 1
    replaced(planes.catalog, only_large(planes))
    await until_taken(planes, 2)
    assert planned(await planes.decide()) == ["second/large"]
    assert await version_at_worker(planes) == 2


async def test_every_snapshot_has_a_version_and_a_digest_and_only_a_change_makes_a_new_one(planes: Backbone) -> None:
    first = await planes.snapshot()
    planes.control.state.catalog.reload()
    planes.control.plane.renew()
    assert await planes.snapshot() == first
    replaced(planes.catalog, only_large(planes))
    planes.control.state.catalog.reload()
    second = await planes.snapshot()
    assert (first.version, second.version) == (1, 2)
    assert len(first.digest) == len(second.digest) == 32
    assert first.digest != second.digest
    decision = opened((await planes.decide()).decision)
    assert (decision.snapshot_version, decision.snapshot_digest) == (2, second.digest)


async def test_versions_go_on_over_a_restart_and_stay_where_nothing_changed(planes: Backbone) -> None:
    first = await planes.snapshot()
    await planes.restart()
    same = await planes.snapshot()
    assert (same.version, same.digest) == (1, first.digest)
    replaced(planes.catalog, only_large(planes))
    await planes.restart()
    changed = await planes.snapshot()
    assert changed.version == 2
    assert changed.digest != first.digest


async def test_a_snapshot_tells_workers_no_more_than_they_need(planes: Backbone) -> None:
    snapshot = await planes.snapshot()
    assert [caller.name for caller in snapshot.callers] == ["operator", "local"]
    assert all(len(caller.token_sha256) == 32 for caller in snapshot.callers)
    sent = snapshot.SerializeToString()
    assert planes.control.token("local").encode() not in sent
    seeds = [path.read_bytes() for path in (planes.control.config.state / "keys").iterdir() if path.is_file()]
    assert not [seed for seed in seeds if seed in sent]


async def test_a_worker_without_news_for_longer_than_its_bound_takes_no_calls_until_there_are_some(
    planes: Backbone,
) -> None:
    before, after = await planes.decide(), await planes.decide()
    await planes.runner(generate(before))
    await planes.control.meter.until("turnout.receipts")
    await planes.control.go_down()
    planes.worker.clock.shift += 301
    told = await refusal(planes.runner(generate(after)))
    assert (told.code.name, told.reason) == ("UNAVAILABLE", "SNAPSHOT_STALE")
    replaced(planes.catalog, only_large(planes))
    await planes.restart()
    await until_taken(planes, 1)
    assert (await version_at_worker(planes)) == 2


async def test_a_call_that_runs_is_finished_however_old_the_snapshot_becomes(planes: Backbone) -> None:
    held = Held("Bl")
    planes.providers.then("first", held)
    call = planes.runner.stream(stream(await planes.decide()))
    assert (await call.read()).delta.text == "Bl"
    await planes.control.go_down()
    planes.worker.clock.shift += 31
    held.go.set()
    assert [(await call.read()).WhichOneof("event") for _ in range(2)] == ["usage", "finish"]
    await planes.restart()


async def test_a_worker_without_a_snapshot_sends_callers_elsewhere(tmp_path: Path, planes: Backbone) -> None:
    """It cannot know anybody yet, and must not tell a good caller that its token is bad."""
    async with wiretap("127.0.0.1:9") as nowhere:
        tokens = planes.control.config.state / "tokens"
        lonely = await start_worker(nowhere.address, tokens / "worker", wait=False)
        line = lonely.line(planes.control.token("local"))
        told = await refusal(line(generate(await planes.decide())))
        await lonely.stop()
    assert (told.code.name, told.reason) == ("UNAVAILABLE", "SNAPSHOT_STALE")
    assert "another worker" in told.message


async def test_after_a_broken_connection_the_worker_takes_what_it_missed(tmp_path: Path) -> None:
    async with backbone(tmp_path) as planes, wiretap(planes.control.address) as tap:
        other = await start_worker(tap.address, planes.control.config.state / "tokens" / "worker", worker="worker-2")
        line = other.line(planes.control.token("local"))
        await until_taken(planes, 2)
        await tap.deafen()
        replaced(planes.catalog, only_large(planes))
        planes.control.state.catalog.reload()
        await until_taken(planes, 3)
        told = await line(generate(await planes.decide()))
        assert told.receipt.snapshot_version == 1, "it works on with what it has"
        await tap.listen()
        await until_taken(planes, 4)
        told = await line(generate(await planes.decide()))
        assert told.receipt.snapshot_version == 2
        await other.stop()


async def test_a_model_and_its_deployment_made_through_the_service_are_decided_on_and_run(planes: Backbone) -> None:
    operator = planes.control.line("operator")
    made = await operator(catalog_pb2.CreateModelRequest(model=new_model()))
    assert made.model.etag
    assert made.model.managed_by == catalog_pb2.MANAGED_BY_API
    placed = await operator(catalog_pb2.CreateDeploymentRequest(deployment=new_deployment(planes.providers.address)))
    assert (made.snapshot_version, placed.snapshot_version) == (2, 3)
    await planes.control.meter.until("turnout.snapshot.acknowledgements", 2, kind="ack")
    await until_version(planes, 3)
    decided = await planes.decide()
    assert planned(decided)[0] == "first/tiny"
    assert (await planes.runner(generate(decided))).receipt.attempts[0].deployment == "first/tiny"


async def until_version(planes: Backbone, version: int) -> None:
    """Until the worker runs with that snapshot; it may have passed over those before."""
    acknowledged = 1
    while await version_at_worker(planes) < version:
        acknowledged += 1
        await until_taken(planes, acknowledged)


async def test_what_the_service_made_outlives_a_restart(planes: Backbone) -> None:
    made = (await planes.control.line("operator")(catalog_pb2.CreateModelRequest(model=new_model()))).model
    await planes.restart()
    found = (await planes.control.line("operator")(catalog_pb2.GetModelRequest(name="tiny"))).model
    assert found == made


async def test_after_a_bad_file_a_good_one_is_taken(planes: Backbone) -> None:
    replaced(planes.catalog, "version: 2\n")
    assert planes.control.state.catalog.reload().problems
    assert (await planes.snapshot()).version == 1
    replaced(planes.catalog, only_large(planes))
    assert not planes.control.state.catalog.reload().problems
    assert (await planes.snapshot()).version == 2
