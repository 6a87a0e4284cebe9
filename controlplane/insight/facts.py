"""What one entry of the log says that figures are made of, free of its encoding."""

from dataclasses import dataclass
from enum import StrEnum


class RunResult(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    BROKEN = "broken"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Finish(StrEnum):
    """Why an answer ended, where that says something about the answer."""

    LENGTH = "length"
    WITHHELD = "withheld"
    """The provider kept content back."""
    REFUSAL = "refusal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a request belongs. Empty where it is not known."""

    tenant: str = ""
    workload: str = ""
    owner: str = ""
    feature: str = ""
    task_type: str = ""
    complexity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A model at a deployment."""

    model: str
    deployment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Nano-dollars per million tokens."""

    input: int
    output: int
    cached: int
    written: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a call used: cached and written tokens are part of the input."""

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFact:
    """A decision. `at_us` is in microseconds since 1970; `route` the first of its plan.

    `unit` is a number for who asked what: the same for the same request of the same user, so that asking again is seen.
    `baseline` is the price of the workload's baseline model, None if it has none. `reason` is why the first target.
    """

    decision_id: str
    at_us: int
    place: Place
    route: Route
    policy: str
    reason: str
    confidence_ppm: int
    low_confidence: bool
    baseline: Price | None
    unit: int
    adopted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalFact:
    """A request that was refused."""

    at_us: int
    place: Place
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFact:
    """One call of a model. `failed` is not set where the fault was the caller's."""

    route: Route
    answered: bool
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFact:
    """A run, as its receipt tells it. `answer` is what the call that gave content used, by `answered_by`; None if none did.

    `cost` and `tokens` are those of all calls. Times are in microseconds. `schema_invalid`: the answer had to be JSON, and was
    none or not of its schema.
    """

    run_id: str
    decision_id: str
    at_us: int
    result: RunResult
    error: str
    cost_nanousd: int
    estimated_nanousd: int
    tokens: Tokens
    answer: Tokens | None
    answered_by: Route | None
    calls: tuple[CallFact, ...]
    finish: Finish | None
    latency_us: int
    first_token_us: int | None
    schema_invalid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackFact:
    """What somebody says of a decision. `order` is the place in the log: of the same giver the latest counts."""

    decision_id: str
    giver: str
    order: int
    quality_ppm: int | None
    success: bool | None
    label: str


Fact = DecisionFact | RefusalFact | RunFact | FeedbackFact


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an entry says: perhaps a fact, and the documents that it refers to."""

    at_us: int
    fact: Fact | None
    documents: tuple[bytes, ...] = ()
