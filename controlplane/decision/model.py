"""The request to a decision, and the decision, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from controlplane.budget.model import Hold, Purse, Shortage
from controlplane.catalog.model import Capability, DeploymentName, ModelName, Price, WireProtocol
from controlplane.classification.model import Classification
from controlplane.policy.model import PolicyName, WorkloadName
from turnout_features.model import Features
from turnout_wire.quick import quick


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What a caller insists on. Each narrows what the policy allows; none widens it. Empty means no constraint."""

    min_quality: float | None = None
    max_cost_nanousd: int | None = None
    max_latency: timedelta | None = None
    providers: frozenset[str] = frozenset()
    excluded_providers: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    capabilities: frozenset[Capability] = frozenset()
    models: frozenset[str] = frozenset()
    excluded_models: frozenset[str] = frozenset()
    tiers: frozenset[str] = frozenset()
    protocols: frozenset[WireProtocol] = frozenset()


UNCONSTRAINED = Constraints()
"""What most callers insist on."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request comes from: names that callers give, for matching workloads and overrides."""

    workload: str = ""
    feature: str = ""
    endpoint: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Operation(StrEnum):
    """What is to be done with a request."""

    CHAT = "chat"
    EMBED = "embed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Affinity:
    """Where a conversation was answered last, and how much of this request its provider probably still has in its cache."""

    deployment: str
    cached_tokens: int


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """All that a decision depends on beside snapshot, time and draw.

    `model` is what is asked for by name, as it was given: see `decision.naming`.
    `policy` replaces the workload's policy if it is not empty. `tenant` and `key`: for whom, and who asks; `max_runs`: how often
    the decision may be run. Budgets depend on all three.
    """

    features: Features
    classification: Classification
    origin: Origin = field(default_factory=Origin)
    constraints: Constraints = field(default_factory=Constraints)
    policy: str = ""
    tenant: str = ""
    key: str = ""
    max_runs: int = 1
    model: str = ""
    operation: Operation = Operation.CHAT
    affinity: Affinity | None = None


class Exclusion(StrEnum):
    """Why a deployment may not serve a request; the first that holds, in this order."""

    DISABLED = "disabled"
    NO_CREDENTIAL = "no_credential"
    POLICY_DENIES = "policy_denies"
    MODEL_NOT_ASKED = "model_not_asked"
    TIER = "tier"
    PROVIDER_NOT_ASKED = "provider_not_asked"
    REGION = "region"
    PROTOCOL = "protocol"
    CAPABILITY = "capability"
    CONTEXT_WINDOW = "context_window"
    OUTPUT_LIMIT = "output_limit"
    UNHEALTHY = "unhealthy"
    RATE_LIMIT = "rate_limit"
    COST = "cost"
    LATENCY = "latency"
    QUALITY = "quality"
    BUDGET = "budget"


class ReasonCode(StrEnum):
    """Why a target was chosen, in one word."""

    FIXED = "fixed"
    WEIGHTED = "weighted"
    CHEAPEST = "cheapest"
    BALANCED = "balanced"
    OVERRIDE = "override"
    BEST_AVAILABLE = "best_available"
    LAST_RESORT = "last_resort"
    PINNED = "pinned"
    AFFINITY = "affinity"
    SEMANTIC = "semantic"
    VALUE = "value"


class Notice(StrEnum):
    """Something that the reader of a decision must know."""

    QUALITY_FLOOR_UNMET = "quality_floor_unmet"
    NO_FALLBACK = "no_fallback"
    SINGLE_PROVIDER = "single_provider"
    LOW_CONFIDENCE = "low_confidence"
    LAST_RESORT = "last_resort"
    BUDGET_LOW = "budget_low"
    UNRECORDED = "unrecorded"
    TARGET_UNCALIBRATED = "target_uncalibrated"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is expected of a candidate. `quality` 0 to 1; `latency` to the whole answer.

    `quality` lies between `quality_low` and `quality_high` with nine chances in ten; both 0 where that is not known. So do cost and
    tokens of the answer, where lengths of such answers were learned. Expected cost and tokens are means, since costs add up: half
    of all answers are mostly shorter than that.
    """

    cost_nanousd: int
    latency: timedelta
    quality: float
    input_tokens: int
    output_tokens: int
    quality_low: float = 0.0
    quality_high: float = 0.0
    cost_low_nanousd: int = 0
    cost_high_nanousd: int = 0
    output_tokens_low: int = 0
    output_tokens_high: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTerm:
    """A part of a score: its name and its signed share."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A deployment that was considered; `rank` is its place in the plan from 1, 0 if it is not in it.

    What is in the plan has no exclusion; `detail` says what is excluded for what, and what is odd about one that may serve.
    """

    deployment: DeploymentName
    model: ModelName
    provider: str
    estimate: Estimate
    exclusion: Exclusion | None = None
    detail: str = ""
    score: float = 0.0
    score_terms: tuple[ScoreTerm, ...] = ()
    rank: int = 0


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something to call. `max_cost_nanousd` is the most that one call may cost."""

    deployment: DeploymentName
    model: ModelName
    provider: str
    estimate: Estimate
    max_cost_nanousd: int = 0


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the execution."""

    max_attempts: int
    max_output_tokens: int
    max_cost_nanousd: int
    deadline: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFloor:
    """The least quality that counts as good enough, and who asked: `complexity`, `override` or `request`."""

    quality: float
    source: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the workload's baseline model would have cost."""

    model: ModelName
    cost_nanousd: int
    price: Price


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShare:
    """How likely a model is to come first, 0 to 1."""

    model: ModelName
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """What something in a request, such as `task_type=code`, did to the share of the model that it changed most, -1 to 1."""

    signal: str
    model: ModelName
    change: float


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The plan, and everything that explains it.

    `targets` is empty only when nothing was eligible and the policy names no last resort; then `reason_code` is None.
    `propensity` is the chance that the first target had to be the first, 0 if there is none.

    Written out only if it was asked to explain, or nothing may serve: `candidates`, every deployment of the catalog by name,
    and `steps`, sentences: which workload and override matched, what set the floor, what had to give way. Only where that is asked
    for too: `distribution`, how likely each model comes first, and `influences`, what made it so.

    `purses` are the accounts of budgets that were looked at, `holds` what one run must hold in them, and `reserved_nanousd` the
    most that all calls of a run may cost together, None where no budget of money applies. `shortages` say which accounts had
    no room, if that is why there are no targets.
    """

    workload: WorkloadName
    policy: PolicyName
    policy_digest: bytes
    targets: tuple[Target, ...]
    limits: Limits
    reason_code: ReasonCode | None
    reason_text: str
    notices: tuple[Notice, ...]
    propensity: float
    floor: QualityFloor
    classification: Classification
    candidates: tuple[Candidate, ...]
    baseline: Baseline | None
    steps: tuple[str, ...] = ()
    purses: tuple[Purse, ...] = ()
    holds: tuple[Hold, ...] = ()
    reserved_nanousd: int | None = None
    shortages: tuple[Shortage, ...] = ()
    expected_latency: timedelta = timedelta(0)
    """Where a budget applies: of the first target, or of what would have been it if budgets had room."""
    distribution: tuple[ModelShare, ...] = ()
    influences: tuple[Influence, ...] = ()
