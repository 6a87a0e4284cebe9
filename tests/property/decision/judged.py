"""Who may serve a request, judged anew from the rules of the contract: one deployment after the other, and no shortcut.

The engine leaves out at once what a policy excludes for every request, and looks at columns of figures; this looks at each
deployment with every rule, so that the two can only agree if those shortcuts change nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from controlplane.catalog.model import Capability, Complexity, Deployment, Model
from controlplane.decision.estimates import expected_output
from controlplane.decision.matching import selects
from controlplane.decision.model import Exclusion, Operation, Request
from controlplane.policy.model import Policy, StrategyKind, Workload
from controlplane.snapshot.model import Catalog, Health, HealthState, Snapshot
from tests.support.catalogs import NOW
from turnout_features.model import OutputFormat

_BY_FORMAT = {OutputFormat.JSON: Capability.JSON, OutputFormat.JSON_SCHEMA: Capability.JSON_SCHEMA}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a deployment is judged by, and whether open breakers, or rate limits without room, are passed over."""

    request: Request
    snapshot: Snapshot
    forced: bool = False
    throttled: bool = False

    @property
    def catalog(self) -> Catalog:
        """The configuration."""
        return self.snapshot.catalog

    @property
    def workload(self) -> Workload:
        """The workload that the request belongs to."""
        return next(each for each in self.catalog.workloads if selects(each.when, self.request))

    @property
    def policy(self) -> Policy:
        """The policy that holds."""
        name = self.request.policy or self.workload.policy
        return next(policy for known, policy in self.catalog.policies.items() if known == name)

    @property
    def embeds(self) -> bool:
        """Whether vectors are wanted."""
        return self.request.operation is Operation.EMBED

    @property
    def named(self) -> str | None:
        """The model that the caller names."""
        return self.request.model if self.request.model in set(map(str, self.catalog.models)) else None

    @property
    def stand_ins(self) -> set[str]:
        """The models that the policy lists for the case that a named one fails."""
        return set() if self.embeds or self.named is None else set(self.policy.pinned_fallbacks.models)

    @property
    def pinned(self) -> str | None:
        """The model that an override names."""
        if self.embeds:
            return None
        matching = (each for each in self.policy.overrides if selects(each.when, self.request))
        return next((each.model for each in matching if each.model is not None), None)

    def model(self, deployment: Deployment) -> Model:
        """The model of a deployment."""
        return self.catalog.models[deployment.model]

    def health(self, deployment: Deployment) -> Health:
        """Its health."""
        return self.snapshot.live.health.get(deployment.name, Health(state=HealthState.READY))

    def expected(self, model: Model) -> int:
        """Tokens that an answer of a model is expected to have."""
        found = self.request.classification
        usual = 0 if self.embeds else expected_output(found.task_type, found.complexity, self.request.features)
        return min(usual, self.answer_limit, model.max_output_tokens)

    @property
    def answer_limit(self) -> int:
        """The longest answer that policy and caller allow."""
        if self.embeds:
            return 0
        wanted, allowed = self.request.features.max_output_tokens, self.policy.limits.max_output_tokens
        return min(wanted or allowed, allowed)


def barred(bench: Bench, deployment: Deployment) -> Exclusion | None:
    """The first reason why `deployment` may not serve, cost, latency and quality left out."""
    return next((reason for reason, holds in _faults(bench, deployment) if holds), None)


def _faults(bench: Bench, deployment: Deployment) -> Iterable[tuple[Exclusion, bool]]:
    asked, model = bench.request.constraints, bench.model(deployment)
    regions = [allowed for allowed in (asked.regions, bench.policy.access.regions) if allowed]
    yield Exclusion.DISABLED, deployment.disabled
    yield Exclusion.NO_CREDENTIAL, bench.health(deployment).state is HealthState.NO_CREDENTIAL
    yield Exclusion.POLICY_DENIES, not permitted(bench, deployment)
    unasked = not _among(deployment.model, asked.models, asked.excluded_models)
    yield Exclusion.MODEL_NOT_ASKED, unasked or not asked_by_name(bench, deployment)
    yield Exclusion.TIER, bool(asked.tiers) and model.tier not in asked.tiers
    yield Exclusion.PROVIDER_NOT_ASKED, not _among(deployment.provider, asked.providers, asked.excluded_providers)
    yield Exclusion.REGION, any(deployment.region not in allowed for allowed in regions)
    yield Exclusion.PROTOCOL, bool(asked.protocols) and deployment.protocol not in asked.protocols
    yield Exclusion.CAPABILITY, bench.embeds != (Capability.EMBEDDINGS in model.capabilities)
    yield Exclusion.CAPABILITY, not (needed(bench) | fitting(bench, deployment)) <= model.capabilities
    yield Exclusion.CONTEXT_WINDOW, room(bench, model) > model.context_window
    wanted = bench.request.features.max_output_tokens
    yield Exclusion.OUTPUT_LIMIT, bool(wanted) and bench.answer_limit > model.max_output_tokens
    yield Exclusion.UNHEALTHY, broken(bench, deployment)
    yield Exclusion.RATE_LIMIT, not (bench.forced or bench.throttled) and full(bench, deployment)


def asked_by_name(bench: Bench, deployment: Deployment) -> bool:
    """Whether a name that the caller gave, or the policy for vectors, leaves a deployment."""
    policy = bench.policy
    if bench.embeds:
        wanted = bench.named or policy.embeddings
        return wanted is None or deployment.model == wanted
    if bench.named is None or policy.pinned_fallbacks.anyone:
        return True
    return deployment.model in {bench.named, *bench.stand_ins}


def full(bench: Bench, deployment: Deployment) -> bool:
    """Whether its provider's rate limits have no room."""
    headroom = bench.snapshot.live.headroom.get(deployment.name)
    if headroom is None:
        return False
    tokens = bench.request.features.input_tokens + bench.expected(bench.model(deployment))
    for room, need in ((headroom.requests, 1), (headroom.tokens, tokens)):
        if room is None:
            continue
        until = room.reset_at if room.reset_at is not None else headroom.as_of + timedelta(minutes=1)
        if room.remaining < need and until > NOW:
            return True
    return False


def permitted(bench: Bench, deployment: Deployment) -> bool:
    """Whether the policy's lists and its strategy allow a deployment."""
    access, routes = bench.policy.access, bench.policy.strategy.routes
    strategy = bench.policy.strategy.otherwise or bench.policy.strategy
    named = {
        StrategyKind.FIXED: set(strategy.models),
        StrategyKind.WEIGHTED: {model for model, _ in strategy.weights},
    }.get(strategy.kind)
    on_route = {model for _, target in routes for model in target.models}
    tiers = {target.tier for _, target in routes if target.tier}
    return (
        _among(deployment.model, access.allow_models, access.deny_models)
        and _among(deployment.provider, access.allow_providers, access.deny_providers)
        and (
            bench.embeds
            or named is None
            or deployment.model in named | on_route
            or bench.catalog.models[deployment.model].tier in tiers
            or deployment.model in {bench.named or bench.pinned, *bench.stand_ins}
        )
    )


def needed(bench: Bench) -> set[Capability]:
    """Without these the request cannot be run."""
    features = bench.request.features
    found = set(bench.request.constraints.capabilities)
    if bench.embeds:
        return found | {Capability.EMBEDDINGS}
    found |= {Capability.VISION} if features.images else set()
    found |= {Capability.TOOLS} if features.tools else set()
    return found | ({_BY_FORMAT[features.output_format]} if features.output_format in _BY_FORMAT else set())


def fitting(bench: Bench, deployment: Deployment) -> set[Capability]:
    """The kind of work wants these of a model that the caller does not name."""
    if bench.embeds or deployment.model == bench.named:
        return set()
    return set(bench.policy.task_capabilities.get(bench.request.classification.task_type, ()))


def room(bench: Bench, model: Model) -> int:
    """Tokens of context that the request takes."""
    counted = bench.request.features.input_tokens
    padded = counted if model.provider == "openai" else -(-counted * 102 // 100)
    return padded + min(bench.answer_limit, model.max_output_tokens)


def broken(bench: Bench, deployment: Deployment) -> bool:
    """Whether it is out of order."""
    health = bench.health(deployment)
    waiting = health.until is None or health.until > NOW
    return health.state is HealthState.MISCONFIGURED or (
        health.state is HealthState.OPEN and waiting and not bench.forced
    )


def cost_cap(bench: Bench) -> int | None:
    """The most that the request may cost."""
    caps = [bench.request.constraints.max_cost_nanousd, bench.policy.limits.max_cost_nanousd or None]
    return min((cap for cap in caps if cap is not None), default=None)


def floors(bench: Bench) -> tuple[float, float]:
    """The floor for every model, and the one for a model that an override or the caller names."""
    if bench.embeds:
        return (bench.request.constraints.min_quality or 0.0,) * 2
    found, policy = bench.request.classification, bench.policy
    ladder = list(Complexity)
    step = ladder.index(found.complexity) + (found.confidence < policy.low_confidence)
    matching = [override for override in policy.overrides if selects(override.when, bench.request)]
    asked = [bench.request.constraints.min_quality, *(override.min_quality for override in matching)]
    insisted = max((quality for quality in asked if quality is not None), default=0.0)
    return max(insisted, policy.quality_floors[ladder[min(step, 3)]]), insisted


def _among(name: str, only: frozenset[str], never: frozenset[str]) -> bool:
    return name not in never and (not only or name in only)
