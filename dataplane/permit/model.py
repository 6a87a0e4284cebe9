"""The decision as a worker sees it, as plain values."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something to call, and its estimates for when the provider gives no usage.

    `max_cost_nanousd` is the most that one call of it may cost; `quality_ppm` the chance of an answer that is good enough.
    """

    deployment: str
    model: str
    provider: str
    cost_nanousd: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    max_cost_nanousd: int = 0
    quality_ppm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the execution; `max_cost_nanousd` 0 is none.

    `reserved_nanousd` is what budgets hold for one run, None where they hold nothing.
    """

    max_attempts: int
    max_output_tokens: int
    deadline: timedelta
    max_cost_nanousd: int = 0
    max_runs: int = 1
    reserved_nanousd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedDecision:
    """A RouteDecision, parsed from bytes that were verified."""

    decision_id: str
    issuer: str
    audiences: frozenset[str]
    tenant: str
    presenter: str
    issued_at: datetime
    expires_at: datetime
    request_digest: bytes
    targets: tuple[Target, ...]
    limits: Limits
    required_features: frozenset[str]
    traceparent: str = ""
    snapshot_version: int = 0
    reason: str = ""
    workload: str = ""
    request_id: str = ""
