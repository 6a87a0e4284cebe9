"""Errors as Google's APIs tell them."""

from collections.abc import Mapping
from types import MappingProxyType

from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.model import Problem, Refused
from dataplane.provider.failure import Fault

Json = dict[str, object]

STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "INVALID_ARGUMENT": 400,
        "FAILED_PRECONDITION": 400,
        "UNAUTHENTICATED": 401,
        "PERMISSION_DENIED": 403,
        "NOT_FOUND": 404,
        "ALREADY_EXISTS": 409,
        "ABORTED": 409,
        "RESOURCE_EXHAUSTED": 429,
        "CANCELLED": 499,
        "INTERNAL": 500,
        "UNIMPLEMENTED": 501,
        "UNAVAILABLE": 503,
        "DEADLINE_EXCEEDED": 504,
    }
)
"""HTTP status by canonical code, as in google/rpc/code.proto."""

_BY_STATUS: Mapping[str, str] = MappingProxyType(
    {
        "INVALID_ARGUMENT": (
            "INVALID_FIELD PAYLOAD_EMPTY PAYLOAD_TOO_LARGE CONTENT_TYPE_UNKNOWN PAYLOAD_MALFORMED DEADLINE_REQUIRED "
            "CONSTRAINTS_CONTRADICT REQUEST_ID_REUSED PAGE_TOKEN_INVALID ENVELOPE_MALFORMED PROVIDER_REJECTED COST_LIMIT"
        ),
        "FAILED_PRECONDITION": (
            "NO_ELIGIBLE_TARGET CATALOG_INVALID MANAGED_BY_FILE RULE_SET_OUTDATED KEY_STATE RECORD_ERASED FEEDBACK_LATE"
        ),
        "UNAUTHENTICATED": "UNAUTHENTICATED",
        "PERMISSION_DENIED": "ACCESS_DENIED",
        "NOT_FOUND": "POLICY_UNKNOWN WORKLOAD_UNKNOWN MODEL_UNKNOWN NOT_FOUND",
        "ALREADY_EXISTS": "ALREADY_EXISTS",
        "ABORTED": "ETAG_MISMATCH",
        "RESOURCE_EXHAUSTED": "BUDGET_EXHAUSTED BUDGET_IN_FLIGHT RATE_LIMITED PROVIDER_THROTTLED",
        "CANCELLED": "CANCELLED",
        # The gateway itself asked for the decision and presents it: what is wrong with it is no fault of the caller's.
        "INTERNAL": (
            "INTERNAL PROVIDER_MISCONFIGURED TARGET_UNKNOWN FEATURE_UNSUPPORTED STREAM_BROKEN PAYLOAD_TYPE_UNKNOWN "
            "KEY_UNKNOWN KEY_REVOKED KEY_NOT_YET_VALID KEY_EXPIRED SIGNATURE_INVALID DECISION_MALFORMED ISSUER_MISMATCH "
            "AUDIENCE_MISMATCH DECISION_EXPIRED DECISION_NOT_YET_VALID TENANT_MISMATCH PRESENTER_MISMATCH DIGEST_MISMATCH "
            "DECISION_REPLAYED"
        ),
        "UNIMPLEMENTED": "UNIMPLEMENTED",
        "UNAVAILABLE": (
            "OVERLOADED TARGETS_EXHAUSTED REPLAY_GUARD_FULL SNAPSHOT_STALE DRAINING STORE_UNAVAILABLE UNREACHABLE"
        ),
        "DEADLINE_EXCEEDED": "DEADLINE_EXCEEDED",
    }
)

STATUS_OF: Mapping[str, str] = MappingProxyType(
    {reason: status for status, reasons in _BY_STATUS.items() for reason in reasons.split()}
)
"""By the contract's reason, for all of them (a test compares)."""

_CALLED = ("TARGETS_EXHAUSTED", "PROVIDER_THROTTLED", "PROVIDER_REJECTED", "STREAM_BROKEN", "NO_ELIGIBLE_TARGET")
"""Reasons that leave open what the last call ended with, or what kept all targets away."""

_BY_FAULT: Mapping[str, str] = MappingProxyType(
    {
        Fault.TIMEOUT_CONNECT: "DEADLINE_EXCEEDED",
        Fault.TIMEOUT_FIRST_TOKEN: "DEADLINE_EXCEEDED",
        Fault.TIMEOUT_BETWEEN_CHUNKS: "DEADLINE_EXCEEDED",
        Fault.TIMEOUT_TOTAL: "DEADLINE_EXCEEDED",
        Fault.RATE_LIMITED: "RESOURCE_EXHAUSTED",
        Fault.OVERLOADED: "UNAVAILABLE",
        Fault.CONTEXT_TOO_LONG: "INVALID_ARGUMENT",
    }
)
_TYPES = "type.googleapis.com/google.rpc."


def refuse(problem: Problem) -> Refused:
    """The error with its status."""
    return Refused(status=STATUSES[status_of(problem)], body=error_body(problem))


def status_of(problem: Problem) -> str:
    """The canonical code of a problem."""
    status = STATUS_OF[problem.reason]
    return _BY_FAULT.get(problem.error, status) if problem.reason in _CALLED else status


def error_body(problem: Problem) -> bytes:
    """The error as JSON, in one line: a stream's reader knows it by its first member."""
    status, message = status_of(problem), problem.message
    if problem.field and not message.startswith(f"{problem.field}: "):
        message = f"{problem.field}: {message}"
    error = {"code": STATUSES[status], "message": message, "status": status, "details": _details(problem)}
    return json_bytes({"error": error})


def _details(problem: Problem) -> list[Json]:
    details: list[Json] = [{"@type": f"{_TYPES}ErrorInfo", "reason": problem.reason, "domain": "turnout"}]
    if problem.retry_after is not None:
        delay = max(problem.retry_after.total_seconds(), 0)
        details.append({"@type": f"{_TYPES}RetryInfo", "retryDelay": f"{delay:.3f}s"})
    if problem.field:
        violation = {"field": problem.field, "description": problem.message}
        details.append({"@type": f"{_TYPES}BadRequest", "fieldViolations": [violation]})
    return details
