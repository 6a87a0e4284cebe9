"""Requests to the decision as values, and decisions on the catalogs of `tests.support.catalogs`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from controlplane.budget.matching import EMPTY, Balances
from controlplane.catalog.model import Complexity, DeploymentName, Domain, ModelName, TaskType
from controlplane.classification.model import Classification
from controlplane.decision.engine import decide, explain
from controlplane.decision.index import index
from controlplane.decision.model import Candidate, Constraints, Decision, Exclusion, Origin, Request
from controlplane.policy.model import Override, Policy, Selector, Strategy, StrategyKind
from controlplane.snapshot.model import Catalog, Headroom, Health, HealthState, Live, Snapshot
from tests.support.catalogs import NOW, policy, snapshot
from turnout_features.model import Features

USUAL = Features(input_tokens=100, last_user_tokens=80)


def asked(
    task_type: str = "chat",
    complexity: str = "moderate",
    *,
    domain: str = "",
    confidence: float = 0.9,
    features: Features = USUAL,
    constraints: Constraints | None = None,
    origin: Origin | None = None,
    **more: object,
) -> Request:
    """A request of 100 tokens of this class, with `more` fields of it set."""
    made = Request(
        features=features,
        classification=Classification(
            task_type=TaskType(task_type),
            complexity=Complexity(complexity),
            domain=Domain(domain) if domain else None,
            confidence=confidence,
            classifier="rules",
        ),
        constraints=constraints or Constraints(),
        origin=origin or Origin(),
    )
    return replace(made, **more)  # type: ignore[arg-type]  # a test names the fields it sets


def features(**changes: object) -> Features:
    """The usual features with `changes`."""
    return replace(USUAL, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def decided(
    request: Request | None = None,
    of: Catalog | None = None,
    live: Live | None = None,
    *,
    draw: float = 0.5,
    balances: Balances = EMPTY,
) -> Decision:
    """The decision on a catalog at NOW."""
    return decide(request or asked(), snapshot(of, live), now=NOW, draw=draw, balances=balances)


def explained(
    request: Request | None = None,
    of: Catalog | None = None,
    live: Live | None = None,
    *,
    draw: float = 0.5,
    now: datetime = NOW,
    balances: Balances = EMPTY,
) -> Decision:
    """The same with its table and its steps."""
    return explain(request or asked(), snapshot(of, live), now=now, draw=draw, balances=balances)


def explained_on(reading: Snapshot, request: Request, draw: float = 0.5) -> Decision:
    """The explained decision on a whole snapshot."""
    return explain(request, reading, now=NOW, draw=draw)


def insisting(**on: object) -> Constraints:
    """Constraints; sets of names may be given as one text."""
    fields = {name: frozenset(value.split()) if isinstance(value, str) else value for name, value in on.items()}
    return replace(Constraints(), **fields)  # type: ignore[arg-type]  # a test names the fields it sets


GRID = tuple((number + 0.5) / 1_000 for number in range(1_000))
"""A thousand draws, evenly spread."""


def over_grid(request: Request | None = None, of: Catalog | None = None, live: Live | None = None) -> list[Decision]:
    """The decision at each draw of GRID."""
    reading = snapshot(of, live)
    known = index(reading)
    return [decide(request or asked(), reading, now=NOW, draw=draw, indexed=known) for draw in GRID]


def deployments(decision: Decision) -> list[str]:
    """The names of the targets in order."""
    return [target.deployment for target in decision.targets]


def models(decision: Decision) -> list[str]:
    """The models of the targets in order."""
    return [target.model for target in decision.targets]


def candidate(decision: Decision, deployment: str) -> Candidate:
    """The candidate of this name."""
    return {str(each.deployment): each for each in decision.candidates}[deployment]


def exclusions(decision: Decision) -> dict[str, Exclusion]:
    """Who may not serve, and why."""
    return {each.deployment: each.exclusion for each in decision.candidates if each.exclusion is not None}


def health(states: Mapping[str, HealthState | Health]) -> Live:
    """Live state in which nothing is measured and these deployments are as said."""
    made = {
        DeploymentName(name): state if isinstance(state, Health) else Health(state=state)
        for name, state in states.items()
    }
    return Live(revision=1, health=MappingProxyType(made))


def with_headroom(rooms: Mapping[str, Headroom], live: Live | None = None) -> Live:
    """Live state in which providers tell this of their rate limits."""
    made = {DeploymentName(name): room for name, room in rooms.items()}
    return replace(live or Live(revision=1), headroom=MappingProxyType(made))


def valued(usd: float) -> Policy:
    """The policy `default` to which a good answer is worth so many dollars."""
    return policy("default", strategy=Strategy(kind=StrategyKind.VALUE, worth_nanousd=round(usd * 1_000_000_000)))


def fixed(*models: str, **changes: object) -> Policy:
    """The policy `default` that takes models in this order."""
    order = tuple(ModelName(name) for name in models)
    return policy("default", strategy=Strategy(kind=StrategyKind.FIXED, models=order), **changes)


def weighted(weights: Mapping[str, int], **changes: object) -> Policy:
    """The policy `default` that draws by weight."""
    lots = tuple((ModelName(name), weight) for name, weight in weights.items())
    return policy("default", strategy=Strategy(kind=StrategyKind.WEIGHTED, weights=lots), **changes)


def balanced(quality: float = 0.5, cost: float = 0.35, latency: float = 0.15, **changes: object) -> Policy:
    """The policy `default` that weighs quality, cost and latency."""
    strategy = Strategy(kind=StrategyKind.BALANCED, quality_share=quality, cost_share=cost, latency_share=latency)
    return policy("default", strategy=strategy, **changes)


def pin(model: str, when: Selector | None = None, name: str = "pinned") -> Override:
    """An override that names a model, for all requests unless told otherwise."""
    return Override(name=name, when=when or Selector(), model=ModelName(model))


def at_least(quality: float, when: Selector | None = None, name: str = "careful") -> Override:
    """An override that asks for quality, for all requests unless told otherwise."""
    return Override(name=name, when=when or Selector(), min_quality=quality)
