"""Why a request would be routed as it would, as callers see it."""

from dataclasses import dataclass
from datetime import timedelta

from turnout_client.decision import Plan
from turnout_client.words import Complexity, Domain, Exclusion, TaskType
from turnout_features.model import Features


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Something found in a request, what it spoke for (such as `task_type=code`), and how much."""

    name: str
    votes_for: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What one classifier said, and how long it took. Where it said nothing, `silence` is why, and its answers are None.

    `route` is the semantic route that the request is nearest to, from the one that looks for routes; `similarity` is -1 to 1.
    """

    classifier: str
    task_type: TaskType | None
    complexity: Complexity | None
    domain: Domain | None
    confidence: float
    took: timedelta
    silence: str
    route: str = ""
    similarity: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What a request is taken for, and why. `confidence` 0 to 1; `classifier` is the one that answered, of `rungs`.

    `route` is the semantic route that it belongs to, empty if it belongs to none.
    """

    task_type: TaskType
    complexity: Complexity
    domain: Domain | None
    confidence: float
    classifier: str
    signals: tuple[Signal, ...]
    rungs: tuple[Rung, ...]
    features: Features
    snapshot_version: int
    route: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A deployment that was considered: why it may not serve the request (None: it may), or what it scored.

    `rank` is its place in the plan from 1, 0 if it is not in it. `score_terms` are what the score is made of. Cost, tokens of the
    answer and quality are between `low` and `high` with nine chances in ten; both 0 where that is not known.
    """

    deployment: str
    model: str
    provider: str
    exclusion: Exclusion | None
    detail: str
    cost_nanousd: int
    latency: timedelta
    quality: float
    score: float
    rank: int
    score_terms: tuple[tuple[str, float], ...]
    cost_low_nanousd: int = 0
    cost_high_nanousd: int = 0
    output_tokens: int = 0
    output_tokens_low: int = 0
    output_tokens_high: int = 0
    quality_low: float = 0.0
    quality_high: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShare:
    """How likely a model is to come first, 0 to 1."""

    model: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """What something in a request, such as `task_type=code`, did to the share of the model that it changed most, -1 to 1."""

    signal: str
    model: str
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What would be decided, and why. `plan` is None if nothing is eligible.

    `quality_floor` is the least quality asked for, 0 to 1, and `floor_source` who asked: complexity, override, request.
    `quality_model` is the digest of what quality was expected by, in hexadecimal; empty where the catalog's scores are.
    `distribution` is how likely each model comes first if qualities are as uncertain as they are, the likeliest first;
    `influences` are what made it so, the strongest first.
    """

    plan: Plan | None
    classification: Classification
    candidates: tuple[Candidate, ...]
    quality_floor: float
    floor_source: str
    steps: tuple[str, ...]
    why_not: tuple[str, ...]
    snapshot_version: int
    quality_model: str = ""
    distribution: tuple[ModelShare, ...] = ()
    influences: tuple[Influence, ...] = ()
