"""Workloads, policies and rule sets as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import NewType

from controlplane.catalog.model import Capability, Complexity, DeploymentName, Domain, ModelName, TaskType

PolicyName = NewType("PolicyName", str)
WorkloadName = NewType("WorkloadName", str)
RuleSetName = NewType("RuleSetName", str)
RouteSetName = NewType("RouteSetName", str)
RouteName = NewType("RouteName", str)


class StrategyKind(StrEnum):
    """How one of the eligible candidates is chosen."""

    FIXED = "fixed"
    WEIGHTED = "weighted"
    CHEAPEST = "cheapest"
    BALANCED = "balanced"
    SEMANTIC = "semantic"
    VALUE = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTarget:
    """What a semantic route takes: `models` in order of preference, or any of a `tier`."""

    models: tuple[ModelName, ...] = ()
    tier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityTarget:
    """That the mean quality of a workload's answers is at most `within_ppm` below that of the model `of`, in millionths, and with
    what confidence. In whole numbers, for a calibration must be for exactly this.
    """

    of: ModelName
    within_ppm: int
    confidence_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A kind and its parameters.

    `models` is the order of preference for `fixed`; `weights` (model → weight) are for `weighted`;
    the three shares are for `balanced`, where utility = quality·q − cost·c − latency·l, each term scaled to 0..1 over
    the candidates. `routes` (route → target) are for `semantic`; `otherwise` chooses where no route of them fits the request,
    and among what the route leaves equal. `worth_nanousd` is what a good answer is worth, for `value`; where a `target` is given
    instead, a calibration for it says the worth, and which `models` it is about.
    """

    kind: StrategyKind
    models: tuple[ModelName, ...] = ()
    weights: tuple[tuple[ModelName, int], ...] = ()
    quality_share: float = 0.5
    cost_share: float = 0.35
    latency_share: float = 0.15
    routes: tuple[tuple[RouteName, RouteTarget], ...] = ()
    otherwise: "Strategy | None" = None
    worth_nanousd: int = 0
    target: QualityTarget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which requests are meant. Every part that is set must hold; one with nothing set matches all.

    `features`, `endpoints`: any of them (`*` at the end matches a prefix); `labels`: all of them;
    `task_types`, `complexities`, `domains`, `routes`: any of them.
    """

    features: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    task_types: frozenset[TaskType] = frozenset()
    complexities: frozenset[Complexity] = frozenset()
    domains: frozenset[Domain] = frozenset()
    routes: frozenset[RouteName] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What holds for some requests whatever the strategy says: a model, a floor of quality, or both."""

    name: str
    when: Selector
    model: ModelName | None = None
    min_quality: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionLimits:
    """Bounds that every decision of the policy carries."""

    max_attempts: int = 3
    max_output_tokens: int = 4096
    max_cost_nanousd: int = 0
    deadline: timedelta = timedelta(seconds=60)
    fallbacks: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a policy may use. An empty allow list allows everything; a deny list wins."""

    allow_models: frozenset[str] = frozenset()
    deny_models: frozenset[str] = frozenset()
    allow_providers: frozenset[str] = frozenset()
    deny_providers: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()


class Balancing(StrEnum):
    """How the traffic of a model is shared among its deployments."""

    WEIGHTED = "weighted"
    LEAST_LATENCY = "least_latency"
    LEAST_BUSY = "least_busy"
    HEADROOM = "headroom"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedFallbacks:
    """Which other models may answer when a caller named one: any that the policy permits, only `models` in this order, or none."""

    anyone: bool = False
    models: tuple[ModelName, ...] = ()


class Durability(StrEnum):
    """When a decision is on disk."""

    BEFORE_REPLY = "before_reply"
    """Before the caller gets it."""
    ASYNC = "async"
    """Within moments; one that is lost with its process is taken from its receipt."""


class StoreFailure(StrEnum):
    """What happens while the store is not there."""

    REFUSE = "refuse"
    GO_ON = "go_on"
    """Decide without record and reservation, and say so."""


class NearEndAction(StrEnum):
    """What happens when a budget nears its end."""

    DEGRADE = "degrade"
    """Take what is cheaper, and at last less good."""
    REFUSE = "refuse"
    """Choose as ever, and refuse what does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearEnd:
    """Behaviour near the end of a budget. Below the share `below` of its limit, `degrade` lowers the floor by `quality_step`."""

    action: NearEndAction = NearEndAction.REFUSE
    below: float = 0.1
    quality_step: float = 0.1


class ClassifierKind(StrEnum):
    """A rung of the ladder of classifiers."""

    RULES = "rules"
    LEARNED = "learned"
    """Weights over the embedding of the text, the structure of the request and the votes of the rules."""


LLM = "llm"
"""The classifier that asks a language model."""

RESERVED_CLASSIFIERS = frozenset({*ClassifierKind, LLM, "hint", "none", "semantic"})
"""Names that no classifier of another package can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherClassifier:
    """A classifier that takes its time, asked where those before it are less sure than `below`, and given up after `timeout`.

    Without a `timeout` its own limit holds. `workload` is the one whose policy and budget the request of a language model is under.
    """

    name: str
    below: float = 0.7
    timeout: timedelta | None = None
    workload: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a workload's requests are routed. `digest` is SHA-256 of its canonical form."""

    name: PolicyName
    digest: bytes
    strategy: Strategy
    rule_set: RuleSetName
    quality_floors: Mapping[Complexity, float]
    task_capabilities: Mapping[TaskType, frozenset[Capability]]
    overrides: tuple[Override, ...] = ()
    access: Access = field(default_factory=Access)
    limits: ExecutionLimits = field(default_factory=ExecutionLimits)
    last_resort: DeploymentName | None = None
    low_confidence: float = 0.5
    """Below this confidence the complexity is taken one step higher, and the decision says so."""
    durability: Durability = Durability.BEFORE_REPLY
    when_store_fails: StoreFailure = StoreFailure.REFUSE
    budget: NearEnd = field(default_factory=NearEnd)
    pinned_fallbacks: PinnedFallbacks = field(default_factory=PinnedFallbacks)
    embeddings: ModelName | None = None
    """The model that makes vectors where the caller names none; the cheapest if None."""
    balancing: Balancing = Balancing.WEIGHTED
    affinity: bool = True
    """Whether a conversation stays where it is in the prompt cache while that costs less."""
    classifiers: tuple[ClassifierKind, ...] = tuple(ClassifierKind)
    """The classifiers that may be asked, in the order of the ladder; the rules are always among them."""
    further: tuple[FurtherClassifier, ...] = ()
    """Those that are asked afterwards, in this order, while the others are not sure."""
    routes: RouteSetName | None = None
    """The semantic routes that requests are compared with; none if None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A segment of traffic with one owner, one policy and a baseline model."""

    name: WorkloadName
    owner: str
    policy: PolicyName
    baseline: ModelName
    when: Selector = field(default_factory=Selector)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What a signal or a condition speaks for: a value of one of the three axes, and how much."""

    axis: str
    value: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRule:
    """A pattern (RE2) on the text of the request, and what its occurrence speaks for."""

    signal: str
    regex: str
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRule:
    """A condition on a number of Features (`at_least` ≤ value < `below`), and what it speaks for."""

    signal: str
    feature: str
    at_least: float | None
    below: float | None
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """Rules of classification as data. `digest` is SHA-256 of the canonical form."""

    name: RuleSetName
    digest: bytes
    patterns: tuple[PatternRule, ...]
    conditions: tuple[FeatureRule, ...]
    priors: tuple[Vote, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A kind of request, told by examples.

    `counter_examples` are near and yet do not belong. `threshold` is the least similarity, -1 to 1; fitted from the examples if None.
    """

    name: RouteName
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...] = ()
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSet:
    """Routes that a request is compared with together. `digest` is SHA-256 of the canonical form."""

    name: RouteSetName
    digest: bytes
    routes: tuple[Route, ...]
