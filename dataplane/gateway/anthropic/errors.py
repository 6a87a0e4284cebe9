"""Errors as Anthropic's API tells them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.model import Problem, Refused
from dataplane.provider.failure import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """An HTTP status, by which SDKs choose the class of the exception, and the error's own type."""

    status: int
    type: str


_INVALID = Kind(status=400, type="invalid_request_error")
_LIMITED = Kind(status=429, type="rate_limit_error")
_FAULT = Kind(status=500, type="api_error")
_DOWN = Kind(status=503, type="overloaded_error")
_OVERLOADED = Kind(status=529, type="overloaded_error")
_LATE = Kind(status=504, type="timeout_error")

_BY_KIND: Mapping[Kind, str] = MappingProxyType(
    {
        _INVALID: (
            "INVALID_FIELD PAYLOAD_EMPTY CONTENT_TYPE_UNKNOWN PAYLOAD_MALFORMED DEADLINE_REQUIRED CONSTRAINTS_CONTRADICT "
            "REQUEST_ID_REUSED PAGE_TOKEN_INVALID ENVELOPE_MALFORMED PROVIDER_REJECTED NO_ELIGIBLE_TARGET COST_LIMIT "
            "CATALOG_INVALID MANAGED_BY_FILE RULE_SET_OUTDATED KEY_STATE RECORD_ERASED FEEDBACK_LATE ALREADY_EXISTS "
            "ETAG_MISMATCH"
        ),
        Kind(status=401, type="authentication_error"): "UNAUTHENTICATED",
        Kind(status=403, type="permission_error"): "ACCESS_DENIED",
        Kind(status=404, type="not_found_error"): (
            "POLICY_UNKNOWN WORKLOAD_UNKNOWN MODEL_UNKNOWN NOT_FOUND UNIMPLEMENTED"
        ),
        Kind(status=413, type="request_too_large"): "PAYLOAD_TOO_LARGE",
        _LIMITED: "BUDGET_EXHAUSTED BUDGET_IN_FLIGHT RATE_LIMITED PROVIDER_THROTTLED",
        # The gateway itself asked for the decision and presents it: what is wrong with it is no fault of the caller's.
        _FAULT: (
            "INTERNAL PROVIDER_MISCONFIGURED TARGET_UNKNOWN FEATURE_UNSUPPORTED STREAM_BROKEN CANCELLED "
            "PAYLOAD_TYPE_UNKNOWN KEY_UNKNOWN KEY_REVOKED KEY_NOT_YET_VALID KEY_EXPIRED SIGNATURE_INVALID "
            "DECISION_MALFORMED ISSUER_MISMATCH AUDIENCE_MISMATCH DECISION_EXPIRED DECISION_NOT_YET_VALID "
            "TENANT_MISMATCH PRESENTER_MISMATCH DIGEST_MISMATCH DECISION_REPLAYED"
        ),
        _DOWN: "TARGETS_EXHAUSTED REPLAY_GUARD_FULL SNAPSHOT_STALE DRAINING STORE_UNAVAILABLE UNREACHABLE",
        _OVERLOADED: "OVERLOADED",
        _LATE: "DEADLINE_EXCEEDED",
    }
)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {reason: kind for kind, reasons in _BY_KIND.items() for reason in reasons.split()}
)
"""By the contract's reason, for all of them (a test compares)."""

_CALLED = ("TARGETS_EXHAUSTED", "PROVIDER_THROTTLED", "PROVIDER_REJECTED", "STREAM_BROKEN", "NO_ELIGIBLE_TARGET")
"""Reasons that leave open what the last call ended with, or what kept all targets away."""

_BY_FAULT: Mapping[str, Kind] = MappingProxyType(
    {
        Fault.TIMEOUT_CONNECT: _LATE,
        Fault.TIMEOUT_FIRST_TOKEN: _LATE,
        Fault.TIMEOUT_BETWEEN_CHUNKS: _LATE,
        Fault.TIMEOUT_TOTAL: _LATE,
        Fault.RATE_LIMITED: _LIMITED,
        Fault.OVERLOADED: _OVERLOADED,
        Fault.CONTEXT_TOO_LONG: _INVALID,
    }
)

_TOO_LONG = "prompt is too long"
"""The API's own words: clients that shorten a conversation by themselves look for them."""


def refuse(problem: Problem) -> Refused:
    """The error with its status."""
    return Refused(status=kind_of(problem).status, body=error_body(problem))


def kind_of(problem: Problem) -> Kind:
    """What sort of error a problem is."""
    kind = KINDS[problem.reason]
    return _BY_FAULT.get(problem.error, kind) if problem.reason in _CALLED else kind


def error_body(problem: Problem) -> bytes:
    """The error as JSON; its code is the contract's reason."""
    error = {
        "type": kind_of(problem).type,
        "message": _message(problem),
        "details": {"error_code": problem.reason.lower()},
    }
    return json_bytes({"type": "error", "error": error})


def _message(problem: Problem) -> str:
    message = problem.message
    if problem.field and not message.startswith(f"{problem.field}: "):
        message = f"{problem.field}: {message}"
    if problem.error == Fault.CONTEXT_TOO_LONG and _TOO_LONG not in message:
        return f"{_TOO_LONG}: {message}"
    return message
