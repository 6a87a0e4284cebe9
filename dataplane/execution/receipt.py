"""What a worker states about a run, mirroring turnout.outcome.v1.Receipt."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dataplane.chat.model import FinishReason, Usage
from dataplane.execution.output import OutputCheck
from dataplane.provider.model import Verdict


class RunResult(StrEnum):
    """How a run ended: FAILED before any content was delivered, BROKEN after it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BROKEN = "broken"
    CANCELLED = "cancelled"


class SkipReason(StrEnum):
    """Why a target of the plan was not called."""

    TARGET_UNKNOWN = "target_unknown"
    NO_CREDENTIAL = "no_credential"
    MISCONFIGURED = "misconfigured"
    BREAKER_OPEN = "breaker_open"
    BULKHEAD_FULL = "bulkhead_full"
    RETRY_BUDGET = "retry_budget"
    SAME_MODEL = "same_model"
    RESERVATION = "reservation"
    INCOMPATIBLE = "incompatible"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedTarget:
    """A target of the plan that was not called at all; `detail` is more of why, where there is more to say."""

    deployment: str
    reason: SkipReason
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One call of one target, numbered from 1; `error` is one word of ours, empty on success.

    `hedged`: it was begun beside another call that was late, to take the answer that comes first.
    """

    number: int
    deployment: str
    model: str
    outcome: Verdict
    started_at: datetime
    duration: timedelta
    error: str = ""
    http_status: int = 0
    time_to_first_token: timedelta | None = None
    usage: Usage | None = None
    cost_nanousd: int = 0
    cost_estimated: bool = False
    provider_request_id: str = ""
    retry_after: timedelta | None = None
    hedged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """All attempts of one run of a decision.

    `error_reason` is a public reason, empty on success. `envelope` is the serialized signed decision, for the control
    plane alone, as is `output_check`, which is known after the answer went out. `time_to_first_token` counts from the run's
    begin. `from_cache`: the answer was one that the worker had kept, so nothing was called and nothing is owed.
    """

    receipt_id: str
    decision_id: str
    worker: str
    result: RunResult
    attempts: tuple[AttemptRecord, ...]
    cost_nanousd: int
    cost_estimated: bool
    started_at: datetime
    duration: timedelta
    snapshot_version: int
    request_digest: bytes
    error_reason: str = ""
    time_to_first_token: timedelta | None = None
    finish_reason: FinishReason = FinishReason.UNKNOWN
    skipped: tuple[SkippedTarget, ...] = ()
    envelope: bytes = b""
    output_check: OutputCheck = OutputCheck.UNSPECIFIED
    from_cache: bool = False
