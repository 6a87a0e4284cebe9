"""The catalog through the service: found, made, changed and removed, each refusal with its reason."""

from dataclasses import replace
from pathlib import Path

import pytest

from controlplane.catalog.commands import CatalogCommands, catalog_commands
from controlplane.catalog.document.problem import CatalogInvalid, ProblemKind
from controlplane.catalog.model import (
    Deployment,
    DeploymentName,
    ManagedBy,
    Model,
    ModelName,
    Price,
    TaskType,
    Timeouts,
)
from controlplane.catalog.overlay import Overlay
from controlplane.catalog.request_ids import RequestIds
from controlplane.catalog.store import CatalogStore
from tests.unit.catalog.documents import DEPLOYMENT, EXTENDED, MODEL, store_of, write
from turnout_wire.failure import Failure


@pytest.fixture
def store(tmp_path: Path) -> CatalogStore:
    text = EXTENDED + "policies: [{name: ours, strategy: cheapest, access: {deny_models: [gpt-4o]}}]\n"
    return store_of(write(tmp_path / "turnout.yaml", text))


@pytest.fixture
def commands(store: CatalogStore) -> CatalogCommands:
    return catalog_commands(store)


def refused(caught: pytest.ExceptionInfo[CatalogInvalid]) -> list[tuple[str, str]]:
    return [(problem.kind.value, problem.field) for problem in caught.value.problems]


async def test_a_created_model_holds_and_is_found(commands: CatalogCommands, store: CatalogStore) -> None:
    created = await commands.create_model(MODEL)
    assert created.entry == replace(MODEL, managed_by=ManagedBy.API)
    assert commands.get_model("small") == created
    assert store.current.models[MODEL.name] == created.entry


async def test_a_deployment_can_be_made_for_a_model_of_the_file(commands: CatalogCommands, store: CatalogStore) -> None:
    await commands.create_deployment(replace(DEPLOYMENT, model=ModelName("gpt-4o")))
    assert "local/small" in {str(deployment.name) for deployment in store.current.deployments}


async def test_a_deployment_for_no_model_is_refused_under_its_name_in_the_request(commands: CatalogCommands) -> None:
    with pytest.raises(CatalogInvalid) as caught:
        await commands.create_deployment(DEPLOYMENT)
    assert refused(caught) == [("unknown_model", "deployment.model")]
    assert caught.value.problems[0].source == "api"


@pytest.mark.parametrize(
    ("change", "kind", "field"),
    [
        ({"name": ModelName("Small")}, "bad_name", "model.name"),
        ({"quality": 1.5}, "out_of_range", "model.quality"),
        ({"quality": float("nan")}, "wrong_type", "model.quality"),
        ({"context_window": 1_024}, "context_too_small", "model.context_window"),
        (
            {"price": Price(input_nanousd_per_mtok=-1, output_nanousd_per_mtok=0)},
            "out_of_range",
            "model.input_usd_per_mtok",
        ),
        ({"free": True}, "price_contradicts", "model.free"),
        ({"tier": ""}, "wrong_type", "model.tier"),
        ({"quality_by_task": ((TaskType.CODE, 0.3), (TaskType.CODE, 0.4))}, "duplicate_key", "model.quality_by_task"),
    ],
)
async def test_a_model_is_checked_like_one_in_a_file(
    commands: CatalogCommands, change: dict[str, object], kind: str, field: str
) -> None:
    with pytest.raises(CatalogInvalid) as caught:
        await commands.create_model(replace(MODEL, **change))  # type: ignore[arg-type]
    assert (kind, field) in refused(caught)


@pytest.mark.parametrize(
    ("change", "kind", "field"),
    [
        ({"credential": "sk-not-a-real-one"}, "credential_written_out", "deployment.credential"),
        ({"base_url": "127.0.0.1"}, "bad_url", "deployment.base_url"),
        ({"region": "x" * 65}, "too_long", "deployment.region"),
        ({"weight": -1}, "out_of_range", "deployment.weight"),
    ],
)
async def test_a_deployment_is_checked_like_one_in_a_file(
    commands: CatalogCommands, change: dict[str, object], kind: str, field: str
) -> None:
    await commands.create_model(MODEL)
    with pytest.raises(CatalogInvalid) as caught:
        await commands.create_deployment(replace(DEPLOYMENT, **change))  # type: ignore[arg-type]
    assert refused(caught) == [(kind, field)]


@pytest.mark.parametrize("name", ["gpt-4o", "small"])
async def test_a_name_that_is_taken_is_refused(commands: CatalogCommands, name: str) -> None:
    await commands.create_model(MODEL)
    with pytest.raises(Failure) as caught:
        await commands.create_model(replace(MODEL, name=ModelName(name)))
    assert (caught.value.reason, caught.value.field) == ("ALREADY_EXISTS", "model.name")


async def test_checking_a_new_model_does_not_make_it(commands: CatalogCommands) -> None:
    checked = await commands.create_model(MODEL, validate_only=True)
    assert checked == await commands.create_model(MODEL)


async def test_a_repeated_request_is_answered_and_not_done_again(commands: CatalogCommands) -> None:
    first = await commands.create_model(MODEL, request_id="one")
    assert await commands.create_model(MODEL, request_id="one") == first
    with pytest.raises(Failure, match="ALREADY_EXISTS"):
        await commands.create_model(MODEL, request_id="two")


async def test_a_request_id_stands_for_one_request(commands: CatalogCommands) -> None:
    await commands.create_model(MODEL, request_id="one")
    with pytest.raises(Failure) as caught:
        await commands.create_model(replace(MODEL, quality=0.5), request_id="one")
    assert (caught.value.reason, caught.value.field) == ("REQUEST_ID_REUSED", "request_id")


async def test_a_refused_request_is_not_remembered(commands: CatalogCommands) -> None:
    with pytest.raises(CatalogInvalid):
        await commands.create_deployment(DEPLOYMENT, request_id="one")
    await commands.create_model(MODEL)
    await commands.create_deployment(DEPLOYMENT, request_id="one")


async def test_a_request_that_was_only_checked_is_not_remembered(
    commands: CatalogCommands, store: CatalogStore
) -> None:
    await commands.create_model(MODEL, validate_only=True, request_id="one")
    await commands.create_model(MODEL, request_id="one")
    assert MODEL.name in store.current.models


def test_request_ids_are_forgotten_oldest_first() -> None:
    ids: RequestIds[str] = RequestIds(capacity=2)
    for number in ("1", "2", "3"):
        ids.remember(number, b"content", "answer")
    assert [ids.answered(number, b"content") for number in ("1", "2", "3")] == [None, "answer", "answer"]


async def test_an_update_changes_what_its_mask_names(commands: CatalogCommands) -> None:
    await commands.create_model(MODEL)
    wanted = replace(MODEL, quality=0.9, tier="middle")
    updated = await commands.update_model(wanted, mask={"quality", "etag", "managed_by", "name"})
    assert (updated.entry.quality, updated.entry.tier) == (0.9, "small")


@pytest.mark.parametrize("mask", [(), ("*",)])
async def test_an_update_without_a_mask_changes_everything(commands: CatalogCommands, mask: tuple[str, ...]) -> None:
    await commands.create_model(MODEL)
    wanted = replace(MODEL, quality=0.9, tier="middle", quality_by_task=())
    assert (await commands.update_model(wanted, mask=mask)).entry == replace(wanted, managed_by=ManagedBy.API)


async def test_a_mask_may_name_a_field_of_a_field(commands: CatalogCommands) -> None:
    await commands.create_model(MODEL)
    price = Price(input_nanousd_per_mtok=1, output_nanousd_per_mtok=2)
    updated = await commands.update_model(replace(MODEL, price=price), mask={"price.input_nanousd_per_mtok"})
    assert updated.entry.price == replace(MODEL.price, input_nanousd_per_mtok=1)


async def test_the_timeouts_of_a_deployment_can_be_changed_one_by_one(commands: CatalogCommands) -> None:
    await commands.create_model(MODEL)
    await commands.create_deployment(replace(DEPLOYMENT, timeouts=Timeouts(connect=MODEL.latency)))
    wanted = replace(DEPLOYMENT, timeouts=Timeouts(total=MODEL.latency))
    updated = await commands.update_deployment(wanted, mask={"timeouts.total"})
    assert updated.entry.timeouts == Timeouts(connect=MODEL.latency, total=MODEL.latency)


@pytest.mark.parametrize(
    ("path", "meant"), [("qualty", "quality"), ("price.input", "input_nanousd_per_mtok"), ("quality.x", "price")]
)
async def test_a_mask_that_names_no_field_is_refused(commands: CatalogCommands, path: str, meant: str) -> None:
    await commands.create_model(MODEL)
    with pytest.raises(Failure, match=meant) as caught:
        await commands.update_model(MODEL, mask={path})
    assert (caught.value.reason, caught.value.field) == ("INVALID_FIELD", "update_mask")


async def test_the_etag_changes_with_the_entry_and_guards_it(commands: CatalogCommands) -> None:
    first = await commands.create_model(MODEL)
    second = await commands.update_model(replace(MODEL, quality=0.9), expected_etag=first.etag)
    assert second.etag != first.etag
    with pytest.raises(Failure) as caught:
        await commands.update_model(MODEL, expected_etag=first.etag)
    assert caught.value.reason == "ETAG_MISMATCH"
    assert caught.value.metadata == {"etag": second.etag}
    with pytest.raises(Failure, match="ETAG_MISMATCH"):
        await commands.delete_model("small", expected_etag=first.etag)


async def test_checking_an_update_changes_nothing(commands: CatalogCommands) -> None:
    first = await commands.create_model(MODEL)
    checked = await commands.update_model(replace(MODEL, quality=0.9), validate_only=True)
    assert checked.entry.quality == 0.9
    assert commands.get_model("small") == first


async def test_what_the_file_keeps_is_changed_in_the_file(commands: CatalogCommands) -> None:
    model = commands.get_model("gpt-4o").entry
    deployment = commands.get_deployment("openai/gpt-4o").entry
    for change in (
        lambda: commands.update_model(model),
        lambda: commands.delete_model("gpt-4o"),
        lambda: commands.update_deployment(deployment),
        lambda: commands.delete_deployment("openai/gpt-4o"),
    ):
        with pytest.raises(Failure, match=r"default\.yaml:\d+") as caught:
            await change()
        assert caught.value.reason == "MANAGED_BY_FILE"


async def test_what_is_not_there_is_not_found(commands: CatalogCommands) -> None:
    for change in (
        lambda: commands.delete_model("small"),
        lambda: commands.update_model(MODEL),
        lambda: commands.delete_deployment("local/small"),
        lambda: commands.update_deployment(DEPLOYMENT),
    ):
        with pytest.raises(Failure) as caught:
            await change()
        assert caught.value.reason == "NOT_FOUND"
    for get, name in ((commands.get_model, "small"), (commands.get_deployment, "local/small")):
        with pytest.raises(Failure) as caught:
            get(name)
        assert caught.value.reason == "NOT_FOUND"


async def test_a_deleted_entry_is_gone(commands: CatalogCommands, store: CatalogStore) -> None:
    await commands.create_model(MODEL)
    before = store.current.digest
    await commands.delete_model("small", validate_only=True)
    assert store.current.digest == before
    await commands.delete_model("small")
    assert MODEL.name not in store.current.models


async def test_an_entry_that_something_refers_to_is_not_deleted(commands: CatalogCommands) -> None:
    await commands.create_model(MODEL)
    await commands.create_deployment(DEPLOYMENT)
    with pytest.raises(CatalogInvalid) as caught:
        await commands.delete_model("small")
    assert [problem.kind for problem in caught.value.problems] == [ProblemKind.UNKNOWN_MODEL]
    await commands.delete_deployment("local/small")
    await commands.delete_model("small")


def test_pages_follow_each_other_by_name(commands: CatalogCommands) -> None:
    seen: list[str] = []
    token = ""
    while True:
        page = commands.list_models(page_size=4, page_token=token)
        seen += [tagged.entry.name for tagged in page.entries]
        token = page.next_page_token
        if not token:
            break
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 17


async def test_a_page_begins_where_the_last_one_ended_though_that_entry_is_gone(commands: CatalogCommands) -> None:
    for number in range(4):
        await commands.create_model(replace(MODEL, name=ModelName(f"a{number}")))
    first = commands.list_models(page_size=2)
    await commands.delete_model("a1")
    await commands.create_model(replace(MODEL, name=ModelName("a0b")))
    second = commands.list_models(page_size=2, page_token=first.next_page_token)
    assert [str(tagged.entry.name) for tagged in first.entries] == ["a0", "a1"]
    assert [str(tagged.entry.name) for tagged in second.entries] == ["a2", "a3"]


@pytest.mark.parametrize("token", ["gpt-4o", "????", "W10=", "WyJtb2RlbHMiXQ==", "é"])
def test_a_token_that_was_not_given_out_is_refused(commands: CatalogCommands, token: str) -> None:
    with pytest.raises(Failure) as caught:
        commands.list_models(page_token=token)
    assert (caught.value.reason, caught.value.field) == ("PAGE_TOKEN_INVALID", "page_token")


def test_a_token_of_another_list_is_refused(commands: CatalogCommands) -> None:
    token = commands.list_models(page_size=1).next_page_token
    with pytest.raises(Failure, match="PAGE_TOKEN_INVALID"):
        commands.list_deployments(page_token=token)


async def test_a_page_has_a_hundred_entries_unless_asked_and_never_more_than_a_thousand(
    commands: CatalogCommands, store: CatalogStore
) -> None:
    many = [replace(DEPLOYMENT, name=DeploymentName(f"local/{n}"), model=ModelName("gpt-4o")) for n in range(1_000)]
    await store.change(Overlay(deployments={str(deployment.name): deployment for deployment in many}))
    assert len(commands.list_deployments().entries) == 100
    assert len(commands.list_deployments(page_size=1_000).entries) == 1_000
    assert len(commands.list_deployments(page_size=5_000).entries) == 1_000


async def test_types_tell_models_from_deployments(commands: CatalogCommands) -> None:
    model: Model = (await commands.create_model(MODEL)).entry
    deployment: Deployment = (await commands.create_deployment(DEPLOYMENT)).entry
    assert deployment.model == model.name
