"""Documents from anywhere: what is written is read back, and nothing that is read can do more than be refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from controlplane.catalog.document.node import At, node_of
from controlplane.catalog.document.parse import parse
from controlplane.catalog.document.problem import Problem, Refused
from controlplane.catalog.entry import read_deployment, read_model, write_deployment, write_model
from controlplane.catalog.layer import Origin, read_layer
from controlplane.catalog.load import DEFAULT, check, load
from controlplane.catalog.model import Deployment, Model
from controlplane.catalog.overlay import Overlay, document
from controlplane.catalog.page import page_of
from tests.property.catalog.values import deployments, models, names
from tests.unit.catalog.documents import DEPLOYMENT

DOCUMENT = DEFAULT.read_bytes()


def in_memory(plain: object) -> At:
    return At(source="api", path="", line=0, node=node_of(plain))  # type: ignore[arg-type]


@given(model=models)
def test_a_model_is_read_as_it_was_written(model: Model) -> None:
    assert read_model(in_memory(write_model(model))) == model


@given(deployment=deployments)
@example(deployment=replace(DEPLOYMENT, region="NULL", provider_model="~"))
def test_a_deployment_is_read_as_it_was_written(deployment: Deployment) -> None:
    assert read_deployment(in_memory(write_deployment(deployment))) == deployment


@given(found=st.lists(models, max_size=3), places=st.lists(deployments, max_size=3))
def test_an_overlay_means_the_same_in_memory_and_as_json(found: list[Model], places: list[Deployment]) -> None:
    overlay = Overlay(models={one.name: one for one in found}, deployments={one.name: one for one in places})
    text = json.dumps(document(overlay), ensure_ascii=False, indent=2).encode()
    root, problems = parse(text, "overlay.json")
    written = read_layer(root, Origin.API, problems)
    held = read_layer(in_memory(document(overlay)), Origin.API)
    assert written.problems == held.problems == ()
    assert [one.value for one in written.models] == [one.value for one in held.models]
    assert [one.value for one in written.deployments] == [one.value for one in held.deployments]


def problems_of(data: bytes) -> list[Problem]:
    """What is wrong with `data` as a file; anything else than a refusal would be raised."""
    try:
        root, problems = parse(data, "turnout.yaml")
    except Refused as refused:
        return list(refused.problems)
    return list(read_layer(root, Origin.FILE, problems).problems)


@given(data=st.binary(max_size=400))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    assert all(problem.reason and problem.way_out for problem in problems_of(data))


@given(text=st.text("ab:-[]{}&*!|>'\"# \n\t,?%@1", max_size=120))
def test_no_yaml_does_more_than_be_refused(text: str) -> None:
    assert all(problem.reason and problem.way_out for problem in problems_of(text.encode()))


@given(at=st.integers(0, len(DOCUMENT) - 1), cut=st.integers(0, 40), put=st.binary(max_size=8))
def test_no_damage_to_a_document_does_more_than_be_refused(at: int, cut: int, put: bytes) -> None:
    problems = problems_of(DOCUMENT[:at] + put + DOCUMENT[at + cut :])
    assert all(problem.reason and problem.way_out for problem in problems)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(DOCUMENT) - 1), cut=st.integers(1, 60))
def test_a_damaged_file_holds_as_a_whole_or_is_refused(tmp_path: Path, at: int, cut: int) -> None:
    path = tmp_path / "turnout.yaml"
    path.write_bytes(DOCUMENT[:at] + DOCUMENT[at + cut :])
    if not check(path):
        catalog = load(path)
        assert all(deployment.model in catalog.models for deployment in catalog.deployments)


@given(found=st.sets(names), size=st.integers(1, 5), gone=st.sets(st.integers(0, 20)))
def test_pages_have_every_name_that_stays_once(found: set[str], size: int, gone: set[int]) -> None:
    listed: list[str] = []
    token, left = "", sorted(found)
    dropped = {name for index, name in enumerate(left) if index in gone}
    while True:
        page = page_of(left, listing="models", size=size, token=token)
        listed += page.entries
        left = [name for name in left if name not in dropped]
        token = page.next_page_token
        if not token:
            break
    assert len(listed) == len(set(listed))
    assert set(listed) >= found - dropped


@pytest.mark.parametrize("size", [0, 5_000])
def test_a_page_is_bounded_whatever_is_asked(size: int) -> None:
    left = [f"m{number:05d}" for number in range(3_000)]
    assert len(page_of(left, listing="models", size=size, token="").entries) == (100 if size == 0 else 1_000)
