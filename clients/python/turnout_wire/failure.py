"""Failures with a public reason; one table gives each its status code."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

DOMAIN = "turnout"


class Code(StrEnum):
    """The canonical status codes that failures use, named as in grpc.StatusCode."""

    CANCELLED = "CANCELLED"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    ABORTED = "ABORTED"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    INTERNAL = "INTERNAL"
    UNAVAILABLE = "UNAVAILABLE"
    UNAUTHENTICATED = "UNAUTHENTICATED"


_BY_CODE: Mapping[Code, str] = MappingProxyType(
    {
        Code.INVALID_ARGUMENT: (
            "INVALID_FIELD PAYLOAD_EMPTY PAYLOAD_TOO_LARGE CONTENT_TYPE_UNKNOWN PAYLOAD_MALFORMED DEADLINE_REQUIRED "
            "CONSTRAINTS_CONTRADICT REQUEST_ID_REUSED PAGE_TOKEN_INVALID ENVELOPE_MALFORMED PROVIDER_REJECTED"
        ),
        Code.NOT_FOUND: "POLICY_UNKNOWN WORKLOAD_UNKNOWN MODEL_UNKNOWN NOT_FOUND",
        Code.ALREADY_EXISTS: "ALREADY_EXISTS",
        Code.ABORTED: "ETAG_MISMATCH",
        Code.FAILED_PRECONDITION: (
            "CATALOG_INVALID MANAGED_BY_FILE RULE_SET_OUTDATED KEY_STATE NO_ELIGIBLE_TARGET FEATURE_UNSUPPORTED "
            "PROVIDER_MISCONFIGURED TARGET_UNKNOWN RECORD_ERASED FEEDBACK_LATE"
        ),
        Code.UNAUTHENTICATED: "UNAUTHENTICATED",
        Code.PERMISSION_DENIED: (
            "ACCESS_DENIED PAYLOAD_TYPE_UNKNOWN KEY_UNKNOWN KEY_REVOKED KEY_NOT_YET_VALID KEY_EXPIRED SIGNATURE_INVALID "
            "DECISION_MALFORMED ISSUER_MISMATCH AUDIENCE_MISMATCH DECISION_EXPIRED DECISION_NOT_YET_VALID TENANT_MISMATCH "
            "PRESENTER_MISMATCH DIGEST_MISMATCH DECISION_REPLAYED"
        ),
        Code.UNAVAILABLE: (
            "REPLAY_GUARD_FULL TARGETS_EXHAUSTED STREAM_BROKEN SNAPSHOT_STALE DRAINING STORE_UNAVAILABLE UNREACHABLE"
        ),
        Code.RESOURCE_EXHAUSTED: "BUDGET_EXHAUSTED BUDGET_IN_FLIGHT RATE_LIMITED PROVIDER_THROTTLED COST_LIMIT OVERLOADED",
        Code.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
        Code.CANCELLED: "CANCELLED",
        Code.INTERNAL: "INTERNAL",
        Code.UNIMPLEMENTED: "UNIMPLEMENTED",
    }
)

CODES: Mapping[str, Code] = MappingProxyType(
    {reason: code for code, reasons in _BY_CODE.items() for reason in reasons.split()}
)
"""Status code by reason, for every reason of turnout.errors.v1.Reason (a test compares the two)."""


class Failure(Exception):
    """Something that a caller is told: a public reason, one sentence that names the way out, and details.

    `metadata` goes into ErrorInfo; `field` into BadRequest; `retry_after` into RetryInfo; `details` are protobuf
    messages that the wire layer packs as they are (None of the pure packages sets them).
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after: timedelta | None = None,
        details: tuple[object, ...] = (),
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.code = CODES[reason]
        self.message = message
        self.field = field
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after
        self.details = details
