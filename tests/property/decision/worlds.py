"""Small random worlds to decide in: few names and round figures, so that ties, lists and faults meet often.

A world is read off a string of bytes, one choice a byte, and the first choice is the plain one. So hypothesis draws it in
one go, forty times quicker than field by field, and what it shrinks to is plain too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TypeVar

from hypothesis import strategies as st

from controlplane.budget.matching import EMPTY, Balances
from controlplane.catalog.model import (
    Capability,
    Complexity,
    Deployment,
    DeploymentName,
    Domain,
    Model,
    ModelName,
    Price,
    TaskType,
    WireProtocol,
)
from controlplane.classification.model import Classification, Nearness
from controlplane.decision.model import Affinity, Constraints, Operation, Origin, Request
from controlplane.policy.model import (
    Access,
    Balancing,
    ExecutionLimits,
    Override,
    PinnedFallbacks,
    Policy,
    PolicyName,
    QualityTarget,
    RouteName,
    RouteTarget,
    Selector,
    Strategy,
    StrategyKind,
    Workload,
)
from controlplane.snapshot.model import Catalog, Headroom, Health, HealthState, Live, Peak, Room, Snapshot, Statistics
from tests.support.catalogs import EVERYTHING, NOW, catalog, deployment, model, policy, snapshot, workload
from turnout_features.model import Features, OutputFormat

Item = TypeVar("Item")

MODELS = ("m0", "m1", "m2", "m3", "m4")
PROVIDERS = ("p0", "p1", "p2")
REGIONS = ("eu", "us")
PLACES = tuple(DeploymentName(f"d{number}") for number in range(8))
QUALITIES = (0.9, 1.0, 0.95, 0.85, 0.8, 0.9, 0.95, 0.7, 0.0)
PRICES = (1, 0, 150_000_000, 2_500_000_000, 10_000_000_000)
SPANS = tuple(timedelta(seconds=seconds) for seconds in (1, 0.1, 2, 30))
TASKS = tuple(TaskType)
TIERS = ("flagship", "small")
ROUTES = ("r0", "r1")
PROTOCOLS = (WireProtocol.OPENAI, WireProtocol.ANTHROPIC)
ENOUGH = 700
"""Bytes that the largest world takes; what is missing counts as zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A request, what it is decided on, and the draw."""

    request: Request
    snapshot: Snapshot
    draw: float
    balances: Balances = field(default_factory=lambda: EMPTY)


class Choices:
    """One choice after the other."""

    def __init__(self, source: bytes) -> None:
        self._bytes = iter(source)

    def number(self, below: int) -> int:
        """A number from 0."""
        return next(self._bytes, 0) % below

    def of(self, items: Sequence[Item]) -> Item:
        """One of `items`."""
        return items[self.number(len(items))]

    def rarely(self, *items: Item, one_in: int = 3) -> Item | None:
        """One of `items` in some cases, else None."""
        return self.of(items) if self.number(one_in) == one_in - 1 else None

    def some(self, items: Sequence[Item], one_in: int = 3) -> frozenset[Item]:
        """A few of `items` in some cases, else none of them."""
        if self.number(one_in) < one_in - 1:
            return frozenset()
        return frozenset(self.of(items) for _ in range(1 + self.number(2)))


def models(choose: Choices) -> list[Model]:
    """Two to five models."""
    return [
        model(
            name,
            provider=choose.of(("openai", "other")),
            price=Price(
                input_nanousd_per_mtok=choose.of(PRICES),
                output_nanousd_per_mtok=choose.of(PRICES),
                cached_input_nanousd_per_mtok=choose.rarely(0, 1, one_in=2),
            ),
            context_window=choose.of((200_000, 200_000, 200_000, 200_000, 10_000, 1_000)),
            max_output_tokens=choose.of((10_000, 10_000, 2_000, 200)),
            latency=choose.of(SPANS),
            quality=choose.of(QUALITIES),
            quality_by_task=tuple((choose.of(TASKS), choose.of(QUALITIES)) for _ in range(choose.number(2))),
            capabilities=(EVERYTHING - choose.some(tuple(Capability), one_in=2))
            | choose.some((Capability.EMBEDDINGS,), one_in=12),
            tier=choose.of(TIERS),
        )
        for name in MODELS[: 2 + choose.number(4)]
    ]


def deployments(choose: Choices, of: Sequence[Model]) -> list[Deployment]:
    """Two to eight deployments of these models."""
    return [
        deployment(
            choose.of(of),
            name=name,
            provider=choose.of(PROVIDERS),
            region=choose.of((*REGIONS, "")),
            weight=choose.of((1, 0, 2, 3)),
            disabled=choose.number(9) == 8,
            protocol=choose.of(PROTOCOLS),
        )
        for name in PLACES[: 2 + choose.number(7)]
    ]


def selector(choose: Choices) -> Selector:
    """Which requests are meant: all in many cases."""
    return Selector(
        features=choose.of(((), (), ("search",), ("sea*",))),
        endpoints=choose.of(((), (), (), ("/v1/ask",))),
        labels=choose.of(((), (), (("tier", "gold"),))),
        task_types=choose.some(TASKS),
        domains=choose.some(tuple(Domain), one_in=4),
    )


def strategy(choose: Choices) -> Strategy:
    """Any kind, with its parameters."""
    kind = choose.of((StrategyKind.CHEAPEST, *StrategyKind))
    if kind is StrategyKind.VALUE and choose.number(3) == 2:
        target = QualityTarget(of=ModelName(choose.of(MODELS)), within_ppm=20_000, confidence_ppm=950_000)
        return Strategy(kind=kind, target=target)
    return routed(choose) if kind is StrategyKind.SEMANTIC else plain(choose, kind)


def routed(choose: Choices) -> Strategy:
    """By semantic routes, some to models and some to tiers."""
    routes = tuple((RouteName(name), target(choose)) for name in ROUTES if choose.number(3))
    otherwise = choose.of(tuple(kind for kind in StrategyKind if kind is not StrategyKind.SEMANTIC))
    return Strategy(kind=StrategyKind.SEMANTIC, routes=routes, otherwise=plain(choose, otherwise))


def target(choose: Choices) -> RouteTarget:
    """Models or a tier."""
    tier = choose.rarely(*TIERS, one_in=2)
    named = dict.fromkeys(ModelName(choose.of(MODELS)) for _ in range(2))
    return RouteTarget(models=tuple(named)) if tier is None else RouteTarget(tier=tier)


def nearness(choose: Choices) -> Nearness | None:
    """Near enough to a route, or not."""
    name = choose.rarely(*ROUTES, one_in=2)
    return None if name is None else Nearness(route=name, similarity=choose.of((0.9, 0.3)), threshold=0.5)


def plain(choose: Choices, kind: StrategyKind) -> Strategy:
    """One of a kind that asks for no route."""
    named = dict.fromkeys(ModelName(choose.of(MODELS)) for _ in range(3 + choose.number(5)))
    match kind:
        case StrategyKind.FIXED:
            return Strategy(kind=kind, models=tuple(named))
        case StrategyKind.WEIGHTED:
            return Strategy(kind=kind, weights=tuple((name, 1 + choose.number(9)) for name in sorted(named)))
        case StrategyKind.BALANCED:
            quality, cost, latency = (choose.of((0.35, 0.0, 0.15, 1.0)) for _ in range(3))
            return Strategy(kind=kind, quality_share=quality, cost_share=cost, latency_share=latency)
        case StrategyKind.VALUE:
            return Strategy(kind=kind, worth_nanousd=choose.of((10_000_000, 1, 1_000_000, 10**15)))
        case _:
            return Strategy(kind=kind)


def override(choose: Choices, name: str) -> Override:
    """A model, a floor, or both."""
    named = choose.rarely(*MODELS, one_in=2)
    pinned = None if named is None else ModelName(named)
    return Override(name=name, when=selector(choose), model=pinned, min_quality=choose.rarely(*QUALITIES, one_in=2))


def policies(choose: Choices) -> list[Policy]:
    """The policies `one` and `two`."""
    return [
        policy(
            name,
            strategy=strategy(choose),
            overrides=tuple(override(choose, each) for each in ("a", "b")[: choose.number(3)]),
            access=Access(
                allow_models=choose.some(MODELS, one_in=24),
                deny_models=choose.some(MODELS, one_in=24),
                allow_providers=choose.some(PROVIDERS, one_in=24),
                deny_providers=choose.some(PROVIDERS, one_in=24),
                regions=choose.some(REGIONS, one_in=24),
            ),
            limits=ExecutionLimits(
                max_output_tokens=choose.of((4_096, 1_000, 100)),
                max_cost_nanousd=choose.of((0, 0, 0, 0, 0, 0, 0, 900_000, 5_000_000)),
                max_attempts=1 + choose.number(4),
                fallbacks=choose.number(5),
            ),
            last_resort=choose.rarely(*PLACES),
            low_confidence=choose.of((0.5, 0.0)),
            pinned_fallbacks=PinnedFallbacks(anyone=True)
            if choose.number(3) == 2
            else PinnedFallbacks(models=tuple(map(ModelName, sorted(choose.some(MODELS))))),
            embeddings=choose.rarely(ModelName("m0"), one_in=6),
            balancing=choose.of(tuple(Balancing)),
            affinity=choose.number(6) < 5,
        )
        for name in ("one", "two")
    ]


def catalog_of(choose: Choices) -> Catalog:
    """A catalog with one or two workloads."""
    known = models(choose)
    rest = workload("rest", policy=PolicyName("one"), baseline=ModelName(choose.of(MODELS)))
    first = workload("first", policy=PolicyName("two"), baseline=ModelName("m0"), when=selector(choose))
    workloads: list[Workload] = [first, rest][choose.number(2) :]
    placed = deployments(choose, known)
    return catalog(models=known, deployments=placed, policies=policies(choose), workloads=workloads)


def live(choose: Choices) -> Live:
    """Health of some deployments in half of the worlds, every breaker open in an eighth of them, and statistics of some."""
    states = (HealthState.HALF_OPEN, HealthState.OPEN, *HealthState)
    untils = (NOW + timedelta(seconds=9), NOW, NOW - timedelta(seconds=1), None)
    if choose.number(8) == 7:
        every = Health(state=HealthState.OPEN)
        return Live(revision=1, health=MappingProxyType(dict.fromkeys(PLACES, every)))
    sick = {choose.of(PLACES) for _ in range(choose.of((0, 0, 0, 1, 2, 8)))}
    timed = {choose.of(PLACES) for _ in range(choose.of((0, 0, 1, 3)))}
    told = {choose.of(PLACES) for _ in range(choose.of((0, 0, 0, 1, 3, 8)))}
    return Live(
        revision=1,
        health=MappingProxyType(
            {name: Health(state=choose.of(states), until=choose.of(untils)) for name in sorted(sick)}
        ),
        statistics=MappingProxyType(
            {
                name: Statistics(
                    samples=choose.number(64), latency=choose.of(SPANS), time_to_first_token=choose.of(SPANS)
                )
                for name in sorted(timed)
            }
        ),
        headroom=MappingProxyType({name: headroom(choose) for name in sorted(told)}),
        in_flight=MappingProxyType({name: 1 + choose.number(9) for name in sorted(told)}),
        peaks=MappingProxyType(
            {
                name: Peak(time_to_first_token=choose.of(SPANS), at=NOW - choose.of((*SPANS, timedelta(0))))
                for name in sorted(timed)
            }
        ),
    )


def headroom(choose: Choices) -> Headroom:
    """What a provider tells of its limits: requests, tokens, both or neither."""
    resets = (NOW + timedelta(seconds=9), NOW, None)
    return Headroom(
        as_of=choose.of((NOW, NOW - timedelta(minutes=2))),
        requests=choose.rarely(
            *(Room(limit=60, remaining=left, reset_at=choose.of(resets)) for left in (0, 1)), one_in=2
        ),
        tokens=choose.rarely(
            *(Room(limit=9_000, remaining=left, reset_at=choose.of(resets)) for left in (700, 0, 9_000)), one_in=2
        ),
    )


def constraints_of(choose: Choices) -> Constraints:
    """What a caller insists on: mostly little."""
    return Constraints(
        min_quality=choose.rarely(*QUALITIES, one_in=4),
        max_cost_nanousd=choose.rarely(9_000_000, 3_000_000, 90_000, 1, one_in=8),
        max_latency=choose.rarely(*SPANS, one_in=6),
        providers=choose.some(PROVIDERS, one_in=12),
        excluded_providers=choose.some(PROVIDERS, one_in=12),
        regions=choose.some(REGIONS, one_in=12),
        capabilities=choose.some(tuple(Capability), one_in=12),
        models=choose.some(MODELS, one_in=12),
        excluded_models=choose.some(MODELS, one_in=12),
        tiers=choose.some(TIERS, one_in=16),
        protocols=choose.some(PROTOCOLS, one_in=16),
    )


def request(choose: Choices) -> Request:
    """A request of any class, size and form."""
    return Request(
        features=Features(
            input_tokens=choose.of((600, 600, 600, 0, 1, 9_000, 150_000)),
            last_user_tokens=choose.of((0, 500)),
            images=choose.of((0, 0, 0, 0, 0, 1)),
            tools=choose.of((0, 0, 0, 0, 0, 2)),
            output_format=choose.of((*[OutputFormat.TEXT] * 5, *OutputFormat)),
            max_output_tokens=choose.of((0, 0, 0, 0, 150, 1_500, 9_999)),
        ),
        classification=Classification(
            task_type=choose.of(TASKS),
            complexity=choose.of(tuple(Complexity)),
            domain=choose.rarely(*Domain),
            confidence=choose.of((0.9, 0.3)),
            classifier="rules",
            nearest=nearness(choose),
        ),
        origin=Origin(
            feature=choose.of(("", "search")),
            endpoint=choose.of(("", "/v1/ask")),
            labels=choose.of(({}, {"tier": "gold"})),
        ),
        constraints=constraints_of(choose),
        policy=choose.of(("", "one", "two")),
        model=choose.of(("", "", "", "auto", "", "", "m0", "m1")),
        operation=choose.of((*[Operation.CHAT] * 11, Operation.EMBED)),
        affinity=choose.rarely(
            *(Affinity(deployment=name, cached_tokens=choose.of((500, 100_000, 0))) for name in PLACES), one_in=2
        ),
    )


def world(source: bytes, draw: float) -> World:
    """The world that `source` spells."""
    choose = Choices(source)
    # The request first, so that a shorter string spells a smaller catalog under the same request.
    asked = request(choose)
    return World(request=asked, snapshot=replace(snapshot(catalog_of(choose)), live=live(choose)), draw=draw)


draws = st.floats(0.0, 1.0, exclude_max=True)
worlds = st.builds(world, st.binary(min_size=ENOUGH, max_size=ENOUGH), draws)
constraints = st.binary(min_size=50, max_size=50).map(lambda source: constraints_of(Choices(source)))
