"""A file over the packaged default catalog: entries replaced and added by name, workloads in order of matching."""

from pathlib import Path

import pytest

from controlplane.catalog.document.problem import CatalogInvalid, ProblemKind
from controlplane.catalog.load import load
from controlplane.policy.model import Selector
from controlplane.snapshot.model import Catalog
from tests.unit.catalog.documents import EXTENDED, SEARCH


def loaded(folder: Path, text: str) -> Catalog:
    path = folder / "turnout.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def names(catalog: Catalog) -> list[str]:
    return [str(workload.name) for workload in catalog.workloads]


def test_a_document_that_only_extends_the_default_is_the_default(tmp_path: Path) -> None:
    assert loaded(tmp_path, EXTENDED).digest == load(None).digest


def test_an_entry_of_the_same_name_replaces_the_packaged_one_as_a_whole(tmp_path: Path) -> None:
    text = """
deployments:
  - name: openai/gpt-4o
    model: gpt-4o
    provider: sandbox
    protocol: openai
    base_url: http://127.0.0.1:9000/v1
"""
    by_name = {str(deployment.name): deployment for deployment in loaded(tmp_path, EXTENDED + text).deployments}
    assert by_name["openai/gpt-4o"].base_url == "http://127.0.0.1:9000/v1"
    assert by_name["openai/gpt-4o"].credential == ""
    assert len(by_name) == len(load(None).deployments)


def test_workloads_of_the_file_come_before_the_one_for_everything(tmp_path: Path) -> None:
    assert names(loaded(tmp_path, EXTENDED + SEARCH)) == ["search", "default"]


def test_a_workload_for_everything_in_the_file_replaces_the_packaged_one_whatever_its_name(tmp_path: Path) -> None:
    everything = SEARCH + "  - {name: everything, owner: us, policy: quality, baseline: gpt-4o}\n"
    assert names(loaded(tmp_path, EXTENDED + everything)) == ["search", "everything"]


def test_a_packaged_workload_that_the_file_narrows_no_longer_takes_everything(tmp_path: Path) -> None:
    narrowed = "workloads: [{name: default, owner: us, policy: default, baseline: gpt-4o, when: {features: [a]}}]\n"
    with pytest.raises(CatalogInvalid) as caught:
        loaded(tmp_path, EXTENDED + narrowed)
    assert [problem.kind for problem in caught.value.problems] == [ProblemKind.NO_CATCH_ALL]


def test_a_document_may_stand_alone_and_still_has_the_packaged_rules(tmp_path: Path) -> None:
    text = """
version: 1
models:
  - {name: small, provider: local, tier: small, as_of: 2026-11-21, free: true, context_window: 8192,
     max_output_tokens: 2048, latency: 800ms, quality: 0.6}
deployments:
  - {name: local/small, model: small, provider: local, protocol: openai, base_url: 'http://127.0.0.1:8080/v1'}
policies: [{name: only, strategy: cheapest}]
workloads: [{name: all, owner: us, policy: only, baseline: small}]
"""
    catalog = loaded(tmp_path, text)
    assert [str(name) for name in catalog.models] == ["small"]
    assert [str(name) for name in catalog.rule_sets] == ["default"]


def test_a_rule_set_named_default_replaces_the_packaged_one(tmp_path: Path) -> None:
    text = "rule_sets: [{name: default, priors: {task_type: {qa: 1}}}]\n"
    catalog = loaded(tmp_path, EXTENDED + text)
    (rule_set,) = catalog.rule_sets.values()
    assert [(vote.axis, vote.value, vote.weight) for vote in rule_set.priors] == [("task_type", "qa", 1.0)]
    assert rule_set.patterns == ()


def test_selectors_and_overrides_are_read_as_they_are_meant(tmp_path: Path) -> None:
    text = """
policies:
  - name: support
    strategy: {kind: weighted, weights: {gpt-4o-mini: 9, gpt-4o: 1}}
    overrides:
      - name: refunds
        when: {features: [refund*], endpoints: [/v1/chat], labels: {tier: gold}, complexities: [expert]}
        model: gpt-4o
    access: {deny_providers: [google], regions: []}
    limits: {max_cost_usd: 0.05}
"""
    catalog = loaded(tmp_path, EXTENDED + text)
    policy = {str(name): policy for name, policy in catalog.policies.items()}["support"]
    (override,) = policy.overrides
    assert override.model == "gpt-4o"
    assert override.when == Selector(
        features=("refund*",),
        endpoints=("/v1/chat",),
        labels=(("tier", "gold"),),
        complexities=override.when.complexities,
    )
    assert {str(complexity) for complexity in override.when.complexities} == {"expert"}
    assert dict(policy.strategy.weights) == {"gpt-4o-mini": 9, "gpt-4o": 1}
    assert policy.access.deny_providers == {"google"}
    assert policy.limits.max_cost_nanousd == 50_000_000


def test_floors_that_a_policy_leaves_out_are_the_standard_ones(tmp_path: Path) -> None:
    text = "policies: [{name: strict, strategy: cheapest, quality_floors: {expert: 0.97}}]\n"
    catalog = loaded(tmp_path, EXTENDED + text)
    policy = {str(name): policy for name, policy in catalog.policies.items()}["strict"]
    assert {str(step): floor for step, floor in policy.quality_floors.items()} == {
        "simple": 0.7, "moderate": 0.8, "complex": 0.9, "expert": 0.97
    }  # fmt: skip
