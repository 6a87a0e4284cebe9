"""CatalogService and the file behind it: what they refuse, with place, reason and way out, and nothing changed."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from tests.support.backbone import Backbone, document, model, planned, replaced
from tests.support.entries import new_deployment, new_model
from tests.support.line import refusal
from turnout.catalog.v1 import catalog_pb2

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHOLE = """version: 1
models:
  - name: small
    provider: first
    tier: small
    as_of: 2026-11-21
    free: true
    context_window: 1000
    max_output_tokens: 100
    latency: 1s
    quality: 0.9
deployments:
  - {name: first/small, model: small, provider: first, protocol: openai, base_url: "http://127.0.0.1:9"}
workloads:
  - name: default
    owner: team
    policy: cheap
    baseline: small
policies:
  - {name: cheap, strategy: cheapest}
"""


BAD_FILES = {
    "no YAML": ("tier: small", "tier: [", 7, ""),
    "an unknown model": ("model: small,", "model: huge,", 13, "huge"),
    "an unknown strategy": ("cheapest", "cheepest", 20, "cheepest"),
    "no price": ("free: true", "free: false", 3, "input_usd_per_mtok"),
}


@pytest.mark.parametrize("name", BAD_FILES)
async def test_a_bad_file_is_refused_with_file_line_and_reason_and_the_old_snapshot_stays(
    shared_planes: Backbone, name: str
) -> None:
    before = await shared_planes.snapshot()
    good, bad, line, word = BAD_FILES[name]
    replaced(shared_planes.catalog, WHOLE.replace(good, bad))
    (problem, *_) = shared_planes.control.state.catalog.reload().problems
    assert (problem.source, problem.line) == (str(shared_planes.catalog), line)
    assert word in problem.reason
    assert problem.way_out
    assert await shared_planes.snapshot() == before
    assert planned(await shared_planes.decide()) == ["first/small", "second/large"]


async def test_a_change_needs_the_etag_of_what_it_changes(shared_planes: Backbone) -> None:
    operator = shared_planes.control.line("operator")
    made = (await operator(catalog_pb2.CreateModelRequest(model=new_model()))).model
    changed = new_model(quality=0.5, etag=made.etag)
    updated = (await operator(catalog_pb2.UpdateModelRequest(model=changed))).model
    assert updated.quality == 0.5
    told = await refusal(operator(catalog_pb2.UpdateModelRequest(model=changed)))
    assert (told.code.name, told.reason) == ("ABORTED", "ETAG_MISMATCH")
    assert told.metadata["etag"] == updated.etag
    await operator(catalog_pb2.DeleteModelRequest(name="tiny", etag=updated.etag))
    told = await refusal(operator(catalog_pb2.GetModelRequest(name="tiny")))
    assert (told.code.name, told.reason) == ("NOT_FOUND", "NOT_FOUND")


async def test_only_validating_changes_nothing(shared_planes: Backbone) -> None:
    operator = shared_planes.control.line("operator")
    before = await shared_planes.snapshot()
    response = await operator(catalog_pb2.CreateModelRequest(model=new_model(), validate_only=True))
    assert response.model.name == "tiny"
    assert await shared_planes.snapshot() == before


async def test_a_change_that_the_catalog_cannot_bear_is_refused_with_every_place(shared_planes: Backbone) -> None:
    operator = shared_planes.control.line("operator")
    before = await shared_planes.snapshot()
    homeless = new_deployment(shared_planes.providers.address, "nowhere")
    told = await refusal(operator(catalog_pb2.CreateDeploymentRequest(deployment=homeless)))
    assert (told.code.name, told.reason) == ("FAILED_PRECONDITION", "CATALOG_INVALID")
    (problem,) = told.detail(catalog_pb2.CatalogProblems).problems
    assert "nowhere" in problem.reason
    assert problem.field
    assert await shared_planes.snapshot() == before


async def test_what_the_file_says_is_changed_in_the_file(shared_planes: Backbone) -> None:
    operator = shared_planes.control.line("operator")
    small = (await operator(catalog_pb2.GetModelRequest(name="small"))).model
    small.quality = 0.1
    told = await refusal(operator(catalog_pb2.UpdateModelRequest(model=small)))
    assert (told.code.name, told.reason) == ("FAILED_PRECONDITION", "MANAGED_BY_FILE")
    assert told.metadata["place"].startswith(f"{shared_planes.catalog}:")


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"name": ""}, "INVALID_FIELD", "model.name"),
        ({"quality": 1.5}, "INVALID_FIELD", "model.quality"),
        ({"price": None}, "INVALID_FIELD", "model.price"),
        ({"as_of": "yesterday"}, "INVALID_FIELD", "model.as_of"),
        ({"latency": Duration(seconds=10**15)}, "INVALID_FIELD", "model.latency"),
        ({"name": "small"}, "ALREADY_EXISTS", "model.name"),
    ],
)
async def test_a_bad_model_is_refused_with_its_field(
    shared_planes: Backbone, changes: dict[str, Any], reason: str, field: str
) -> None:
    operator = shared_planes.control.line("operator")
    told = await refusal(operator(catalog_pb2.CreateModelRequest(model=new_model(**changes))))
    assert (told.reason, told.field) == (reason, field)


async def test_lists_come_in_pages_that_together_are_everything(shared_planes: Backbone) -> None:
    many = [model(f"m-{number}", 1, 0.9) for number in range(5)]
    whole = document(shared_planes.providers.address)
    replaced(shared_planes.catalog, {**whole, "models": whole["models"] + many})
    assert not shared_planes.control.state.catalog.reload().problems
    line, pages = shared_planes.control.line("local"), [catalog_pb2.ListModelsResponse()]
    while len(pages) == 1 or pages[-1].next_page_token:
        request = catalog_pb2.ListModelsRequest(page_size=3, page_token=pages[-1].next_page_token)
        pages.append(await line(request))
    names = [[entry.name for entry in page.models] for page in pages[1:]]
    assert names == [["large", "m-0", "m-1"], ["m-2", "m-3", "m-4"], ["small"]]
    told = await refusal(line(catalog_pb2.ListModelsRequest(page_token="made-up")))
    assert (told.reason, told.field) == ("PAGE_TOKEN_INVALID", "page_token")


async def test_callers_may_read_the_catalog_and_not_change_it(shared_planes: Backbone) -> None:
    caller = shared_planes.control.line("local")
    assert [entry.name for entry in (await caller(catalog_pb2.ListDeploymentsRequest())).deployments]
    told = await refusal(caller(catalog_pb2.CreateModelRequest(model=new_model())))
    assert told.reason == "ACCESS_DENIED"
