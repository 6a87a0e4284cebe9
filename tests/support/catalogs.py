"""Catalogs and snapshots as values, for tests of whatever reads them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from controlplane.budget.model import Budget
from controlplane.catalog.model import (
    Capability,
    Complexity,
    Deployment,
    DeploymentName,
    Model,
    ModelName,
    Price,
    TaskType,
    WireProtocol,
)
from controlplane.policy.model import Policy, PolicyName, RuleSetName, Strategy, StrategyKind, Workload, WorkloadName
from controlplane.snapshot.model import Catalog, Live, Snapshot

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

FLOORS: Mapping[Complexity, float] = MappingProxyType(
    {Complexity.SIMPLE: 0.7, Complexity.MODERATE: 0.8, Complexity.COMPLEX: 0.9, Complexity.EXPERT: 0.95}
)

TASK_CAPABILITIES: Mapping[TaskType, frozenset[Capability]] = MappingProxyType(
    {
        TaskType.CODE: frozenset({Capability.CODE}),
        TaskType.REASONING: frozenset({Capability.REASONING}),
        TaskType.CREATIVE: frozenset({Capability.CREATIVE}),
    }
)

EVERYTHING = frozenset(Capability) - {Capability.EMBEDDINGS}
"""What a model that answers can do."""

_ABLE = "code reasoning creative tools json json_schema"

# Name, provider, tier, $ per million tokens in and out, context, seconds, quality, capabilities.
_SEED = (
    ("gpt-4o", "openai", "flagship", 2.50, 10.0, 128_000, 1.5, 0.95, f"{_ABLE} vision"),
    ("gpt-4o-mini", "openai", "small", 0.15, 0.60, 128_000, 0.8, 0.85, _ABLE),
    ("claude-3-5-sonnet", "anthropic", "middle", 3.0, 15.0, 200_000, 1.2, 0.94, f"{_ABLE} long_context"),
    ("claude-3-5-haiku", "anthropic", "small", 0.80, 4.0, 200_000, 0.6, 0.82, "code reasoning tools json"),
    (
        "gemini-1.5-pro",
        "google",
        "flagship",
        1.25,
        5.0,
        2_000_000,
        1.0,
        0.90,
        "code reasoning long_context vision json",
    ),
    ("gemini-1.5-flash", "google", "small", 0.075, 0.30, 1_000_000, 0.4, 0.78, "code reasoning json"),
)


def model(name: str = "gpt-4o", **changes: object) -> Model:
    """A model that can do everything but make vectors, with `changes` to its fields."""
    made = Model(
        name=ModelName(name),
        provider="openai",
        price=price(2.50, 10.0),
        context_window=128_000,
        max_output_tokens=16_384,
        latency=timedelta(seconds=1.5),
        quality=0.95,
        tier="flagship",
        as_of=date(2026, 11, 21),
        capabilities=EVERYTHING,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def price(usd_in: float, usd_out: float) -> Price:
    """A price in dollars per million tokens."""
    return Price(
        input_nanousd_per_mtok=round(usd_in * 1_000_000_000), output_nanousd_per_mtok=round(usd_out * 1_000_000_000)
    )


def seed_models() -> tuple[Model, ...]:
    """The six models that savings are measured with."""
    return tuple(
        model(
            name,
            provider=provider,
            tier=tier,
            price=price(usd_in, usd_out),
            context_window=context,
            latency=timedelta(seconds=taking),
            quality=quality,
            capabilities=frozenset(map(Capability, capabilities.split())),
        )
        for name, provider, tier, usd_in, usd_out, context, taking, quality, capabilities in _SEED
    )


def deployment(of: Model, **changes: object) -> Deployment:
    """A deployment of a model at its maker's, named `provider/model`, with `changes` to its fields."""
    made = Deployment(
        name=DeploymentName(f"{of.provider}/{of.name}"),
        model=of.name,
        provider=of.provider,
        protocol=WireProtocol.OPENAI,
        base_url="http://127.0.0.1:9/v1",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def policy(name: str = "default", **changes: object) -> Policy:
    """A policy that takes the cheapest over the usual floors, with `changes` to its fields."""
    made = Policy(
        name=PolicyName(name),
        digest=name.encode().ljust(32, b"."),
        strategy=Strategy(kind=StrategyKind.CHEAPEST),
        rule_set=RuleSetName("default"),
        quality_floors=FLOORS,
        task_capabilities=TASK_CAPABILITIES,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def workload(name: str = "default", **changes: object) -> Workload:
    """A workload under the policy `default`, with `changes` to its fields."""
    made = Workload(
        name=WorkloadName(name), owner="platform", policy=PolicyName("default"), baseline=ModelName("gpt-4o")
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def catalog(
    *,
    models: Iterable[Model] | None = None,
    deployments: Iterable[Deployment] | None = None,
    policies: Iterable[Policy] = (),
    workloads: Iterable[Workload] = (),
    budgets: Iterable[Budget] = (),
) -> Catalog:
    """A catalog: the six seed models with a deployment each, under one policy, unless told otherwise."""
    known = tuple(seed_models() if models is None else models)
    placed = tuple(map(deployment, known)) if deployments is None else tuple(deployments)
    return Catalog(
        digest=b"catalog".ljust(32, b"."),
        models=MappingProxyType({each.name: each for each in known}),
        deployments=placed,
        workloads=(*workloads,) or (workload(),),
        policies=MappingProxyType({each.name: each for each in (*policies,) or (policy(),)}),
        rule_sets=MappingProxyType({}),
        budgets=tuple(budgets),
    )


def snapshot(of: Catalog | None = None, live: Live | None = None) -> Snapshot:
    """A snapshot of a catalog, with everything healthy and nothing measured unless told otherwise."""
    return Snapshot(
        version=1,
        digest=b"snapshot".ljust(32, b"."),
        created_at=NOW,
        catalog=of or catalog(),
        live=live or Live(),
    )
