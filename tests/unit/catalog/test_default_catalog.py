"""The packaged default catalog: the seed table exactly, and current models beside it."""

import cProfile
from datetime import date, timedelta
from pathlib import Path

import pytest

from controlplane.catalog.load import DEFAULT, RULES, check, load, packaged
from controlplane.catalog.model import Capability, Complexity, ManagedBy, TaskType, WireProtocol
from controlplane.policy.model import Selector, StrategyKind
from controlplane.snapshot.model import Catalog

NANOUSD_PER_USD = 10**9


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load(None)


# Dollars per thousand tokens in and out, context, milliseconds, quality, capabilities, as the seed table has them.
SEED = {
    "gpt-4o": ("openai", "0.0025", "0.01", 128_000, 1500, 0.95, "code reasoning creative vision"),
    "gpt-4o-mini": ("openai", "0.00015", "0.0006", 128_000, 800, 0.85, "code reasoning creative"),
    "claude-3-5-sonnet": ("anthropic", "0.003", "0.015", 200_000, 1200, 0.94, "code reasoning creative long_context"),
    "claude-3-5-haiku": ("anthropic", "0.0008", "0.004", 200_000, 600, 0.82, "code reasoning"),
    "gemini-1.5-pro": ("google", "0.00125", "0.005", 2_000_000, 1000, 0.90, "code reasoning long_context vision"),
    "gemini-1.5-flash": ("google", "0.000075", "0.0003", 1_000_000, 400, 0.78, "code reasoning"),
}

FORM = {Capability.TOOLS, Capability.JSON, Capability.JSON_SCHEMA}
"""Capabilities that the seed table does not speak of."""


def per_mtok(usd_per_ktok: str) -> int:
    """Nano-dollars per million tokens, without a float."""
    whole, _, fraction = usd_per_ktok.partition(".")
    return int(whole + fraction.ljust(12, "0"))


@pytest.mark.parametrize("name", SEED)
def test_the_seed_table_is_taken_exactly(catalog: Catalog, name: str) -> None:
    provider, price_in, price_out, context, milliseconds, quality, capabilities = SEED[name]
    model = {str(key): value for key, value in catalog.models.items()}[name]
    assert model.provider == provider
    assert model.price.input_nanousd_per_mtok == per_mtok(price_in)
    assert model.price.output_nanousd_per_mtok == per_mtok(price_out)
    assert model.context_window == context
    assert model.latency == timedelta(milliseconds=milliseconds)
    assert model.quality == quality
    assert model.capabilities - FORM == set(capabilities.split())


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_each_provider_has_a_current_flagship_middle_and_small_model(catalog: Catalog, provider: str) -> None:
    answering = [model for model in catalog.models.values() if Capability.EMBEDDINGS not in model.capabilities]
    current = [model for model in answering if model.provider == provider and model.name not in SEED]
    assert sorted(model.tier for model in current) == ["flagship", "middle", "small"]
    assert all(date(2026, 7, 1) <= model.as_of <= date(2026, 11, 30) for model in current)
    by_tier = {model.tier: model for model in current}
    assert by_tier["flagship"].quality > by_tier["middle"].quality > by_tier["small"].quality
    prices = [by_tier[tier].price.output_nanousd_per_mtok for tier in ("flagship", "middle", "small")]
    assert prices == sorted(prices, reverse=True)


PLACES = {
    "openai": (WireProtocol.OPENAI, "https://api.openai.com/v1", "env:OPENAI_API_KEY"),
    "anthropic": (WireProtocol.ANTHROPIC, "https://api.anthropic.com", "env:ANTHROPIC_API_KEY"),
    "google": (WireProtocol.GEMINI, "https://generativelanguage.googleapis.com", "env:GEMINI_API_KEY"),
}


def test_every_model_has_its_deployment_at_its_maker(catalog: Catalog) -> None:
    assert {deployment.model for deployment in catalog.deployments} == set(catalog.models)
    for deployment in catalog.deployments:
        assert deployment.name == f"{deployment.provider}/{deployment.model}"
        place = (deployment.protocol, deployment.base_url, deployment.credential)
        assert place == PLACES[deployment.provider]


def test_models_that_their_makers_retired_take_no_traffic(catalog: Catalog) -> None:
    disabled = {str(deployment.model) for deployment in catalog.deployments if deployment.disabled}
    assert disabled == {"claude-3-5-sonnet", "claude-3-5-haiku", "gemini-1.5-pro", "gemini-1.5-flash"}


def test_the_default_workload_takes_everything_against_gpt_4o(catalog: Catalog) -> None:
    (workload,) = catalog.workloads
    assert (workload.name, workload.policy, workload.baseline) == ("default", "default", "gpt-4o")
    assert workload.when == Selector()


def test_the_default_policy_takes_the_cheapest_that_is_good_enough(catalog: Catalog) -> None:
    policy = {str(name): policy for name, policy in catalog.policies.items()}["default"]
    assert policy.strategy.kind is StrategyKind.CHEAPEST
    assert dict(policy.quality_floors) == dict(zip(Complexity, (0.7, 0.8, 0.9, 0.95), strict=True))
    assert dict(policy.task_capabilities) == {
        TaskType.CODE: {Capability.CODE},
        TaskType.REASONING: {Capability.REASONING},
        TaskType.CREATIVE: {Capability.CREATIVE},
    }
    assert str(policy.rule_set) in {str(name) for name in catalog.rule_sets}


def test_some_model_that_takes_traffic_meets_every_floor_of_every_policy(catalog: Catalog) -> None:
    usable = {deployment.model for deployment in catalog.deployments if not deployment.disabled}
    best = max(catalog.models[name].quality for name in usable)
    assert all(floor <= best for policy in catalog.policies.values() for floor in policy.quality_floors.values())


def test_the_catalog_has_an_example_of_three_strategies(catalog: Catalog) -> None:
    kinds = {policy.strategy.kind for policy in catalog.policies.values()}
    assert kinds >= {StrategyKind.CHEAPEST, StrategyKind.BALANCED, StrategyKind.FIXED}


def test_what_comes_with_the_software_is_managed_by_file(catalog: Catalog) -> None:
    assert {model.managed_by for model in catalog.models.values()} == {ManagedBy.FILE}


def test_models_and_deployments_come_in_order_of_their_names(catalog: Catalog) -> None:
    assert list(catalog.models) == sorted(catalog.models)
    names = [deployment.name for deployment in catalog.deployments]
    assert names == sorted(names)


def test_the_packaged_document_passes_as_a_file_of_ones_own() -> None:
    assert check(DEFAULT) == []


def test_the_packaged_rules_pass_as_rules_of_ones_own(tmp_path: Path) -> None:
    """Their patterns fit into memory together too, which is not looked at again at every start."""
    path = tmp_path / "turnout.yaml"
    path.write_text("version: 1\nextends: default\n" + RULES.read_text(encoding="utf-8"), encoding="utf-8")
    assert check(path) == []
    assert load(path).digest == load(None).digest


def test_reading_what_is_packaged_is_little_enough_work_to_be_ready_in_a_second() -> None:
    """Calls are counted, which a busy machine does not change: 130,000 take a tenth of a second."""
    profile = cProfile.Profile()
    profile.runcall(packaged.__wrapped__)
    assert sum(entry.callcount for entry in profile.getstats()) < 200_000


def test_it_is_read_once() -> None:
    assert packaged() is packaged()


def test_the_folder_of_the_default_catalog_is_in_the_package() -> None:
    assert DEFAULT.parent == Path(__file__).resolve().parents[3] / "controlplane" / "catalog"
