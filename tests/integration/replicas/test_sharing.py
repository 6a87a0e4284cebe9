"""What one control plane is told, the others on the same PostgreSQL know within a second."""

import asyncio

from controlplane.catalog.model import DeploymentName
from controlplane.outcome.live import HealthReport
from controlplane.snapshot.model import Health, HealthState
from tests.integration.replicas.conftest import Replicas, published
from tests.support.api_keys import created, line_of
from tests.support.artefacts import artefact
from tests.support.backbone import Control, asked, document, model, planned, replaced
from tests.support.entries import new_deployment, new_model
from tests.support.line import refusal
from turnout.access.v1 import access_pb2
from turnout.catalog.v1 import catalog_pb2
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import keys_pb2

WITHIN = 60.0
"""Seconds on a machine that does much else; what is promised is one second on one that does not."""


async def taken(control: Control, version: int) -> snapshot_pb2.Snapshot:
    """What `control` publishes, once it is that version: or a later one, where changes of several at a moment make more."""
    news = asyncio.Event()
    control.plane._snapshots.on_publish(lambda _: news.set())
    async with asyncio.timeout(WITHIN):
        while (snapshot := await published(control)).version < version:
            await news.wait()
            news.clear()
    return snapshot


async def test_the_same_configuration_has_the_same_version_everywhere(replicas: Replicas) -> None:
    first, second = await published(replicas.first.control), await published(replicas.second)
    assert (first.version, first.digest) == (second.version, second.digest)
    assert first.version == 1


async def test_a_model_that_one_is_told_of_is_in_the_snapshot_of_the_other(replicas: Replicas) -> None:
    operator = replicas.first.control.line("operator")
    made = await operator(catalog_pb2.CreateModelRequest(model=new_model()))
    assert made.snapshot_version == 2

    snapshot, mine = await taken(replicas.second, 2), await published(replicas.first.control)
    assert snapshot.digest == mine.digest
    assert await replicas.second.line("operator")(catalog_pb2.GetModelRequest(name="tiny"))


async def test_a_change_begins_with_what_another_one_changed(replicas: Replicas) -> None:
    one, two = replicas.first.control.line("operator"), replicas.second.line("operator")
    await one(catalog_pb2.CreateModelRequest(model=new_model()))
    told = await refusal(two(catalog_pb2.CreateModelRequest(model=new_model())))
    assert told.reason == "ALREADY_EXISTS"
    await two(catalog_pb2.CreateDeploymentRequest(deployment=new_deployment(replicas.first.providers.address)))
    told = await refusal(one(catalog_pb2.DeleteModelRequest(name="tiny")))
    assert told.reason == "CATALOG_INVALID"


async def test_versions_count_on_whoever_changes(replicas: Replicas) -> None:
    versions = []
    for turn, control in enumerate([replicas.first.control, replicas.second] * 2):
        changed = new_model(name=f"m{turn}")
        response = await control.line("operator")(catalog_pb2.CreateModelRequest(model=changed))
        versions.append(response.snapshot_version)
    assert versions == [2, 3, 4, 5]


async def test_a_file_that_all_read_gives_one_version(replicas: Replicas) -> None:
    replaced(
        replicas.first.catalog,
        document(
            replicas.first.providers.address,
            models=[model("small", 2, 0.9), model("large", 10, 0.99, provider="second")],
        ),
    )

    one, two = await taken(replicas.first.control, 2), await taken(replicas.second, 2)
    assert one.digest == two.digest


async def test_a_new_key_is_known_to_all_and_all_sign_with_the_same(replicas: Replicas) -> None:
    operator = replicas.first.control.line("operator")
    prepared = await operator(keys_pb2.PrepareKeyRequest())

    snapshot = await taken(replicas.second, 2)
    assert prepared.key.key_id in {key.key_id for key in snapshot.key_set.keys}
    signers = {
        (await control.line()(asked())).decision.signatures[0].key_id
        for control in (replicas.first.control, replicas.second)
    }
    assert len(signers) == 1


async def test_a_worker_s_view_reaches_those_whom_it_does_not_report_to(replicas: Replicas) -> None:
    down = [
        HealthReport(
            deployment=DeploymentName("first/small"),
            health=Health(state=HealthState.MISCONFIGURED, cause="401"),
        )
    ]
    one, two = replicas.first.control.plane, replicas.second.plane
    one._sight.health("worker-1", down)
    for plane in (one, two):
        assert plane._sharing is not None
        await plane._sharing.views.exchange()
    assert planned(await replicas.second.line()(asked())) == ["second/large"]


async def test_an_api_key_that_one_makes_opens_the_other_and_ends_there_too(replicas: Replicas) -> None:
    made = await created(replicas.first.control.line("operator"), "app", tenant="acme")
    await taken(replicas.second, 2)
    assert await line_of(replicas.second, made.secret)(asked())
    told = await refusal(created(replicas.second.line("operator"), "app"))
    assert told.reason == "ALREADY_EXISTS"

    await replicas.second.line("operator")(access_pb2.RevokeApiKeyRequest(key_id=made.api_key.key_id))
    await taken(replicas.first.control, 3)
    assert (await refusal(line_of(replicas.first.control, made.secret)(asked()))).reason == "UNAUTHENTICATED"


async def test_keys_that_two_make_at_the_same_moment_are_both_there(replicas: Replicas) -> None:
    lines = (replicas.first.control.line("operator"), replicas.second.line("operator"))
    made = await asyncio.gather(*(created(lines[turn % 2], f"app-{turn}") for turn in range(8)))
    both = (replicas.first.control, replicas.second)
    latest = max([(await published(control)).version for control in both])
    for control in both:
        await taken(control, latest)
    for line in lines:
        found = await line(access_pb2.ListApiKeysRequest())
        assert {key.key_id for key in found.api_keys} == {one.api_key.key_id for one in made}


async def test_a_configuration_that_is_changed_back_is_a_new_version_everywhere(replicas: Replicas) -> None:
    operator = replicas.first.control.line("operator")
    first = await published(replicas.first.control)
    assert (await operator(catalog_pb2.CreateModelRequest(model=new_model()))).snapshot_version == 2
    await operator(catalog_pb2.DeleteModelRequest(name="tiny"))
    again, theirs = await published(replicas.first.control), await taken(replicas.second, 3)
    assert again.digest == theirs.digest == first.digest
    assert again.version == 3


async def test_a_quality_model_that_one_is_told_to_use_is_used_by_the_other(replicas: Replicas) -> None:
    operator = replicas.first.control.line("operator")
    kept = await operator(catalog_pb2.ImportQualityModelRequest(content=artefact({"small": 0.2, "large": 0.95})))
    digest = kept.quality_model.digest
    before = planned(await replicas.second.line()(asked()))
    used = await operator(catalog_pb2.ActivateQualityModelRequest(digest=digest))

    await taken(replicas.second, used.snapshot_version)
    after = planned(await replicas.second.line()(asked()))
    assert (before[0], after[0]) == ("first/small", "second/large")
    back = await replicas.second.line("operator")(catalog_pb2.RollbackQualityModelRequest())
    await taken(replicas.first.control, back.snapshot_version)
    assert planned(await replicas.first.control.line()(asked())) == before
