"""Errors as OpenAI tells them: the status decides which exception its SDK raises."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.model import Problem, Refused
from dataplane.provider.failure import Fault

Json = dict[str, object]

INVALID = "invalid_request_error"
SERVER = "server_error"
OVERLOADED = "overloaded_error"
TIMEOUT = "timeout_error"
REQUESTS = "requests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a reason is told. `code` is OpenAI's own where it has one, else the reason in lower case."""

    status: int
    type: str
    code: str = ""


_BAD = Told(status=400, type=INVALID)
_MISSING = Told(status=404, type=INVALID)
_CONFLICT = Told(status=409, type=INVALID)
_FORBIDDEN = Told(status=403, type="permission_error")
_THROTTLED = Told(status=429, type=REQUESTS, code="rate_limit_exceeded")
_QUOTA = Told(status=429, type="insufficient_quota", code="insufficient_quota")
_AWAY = Told(status=503, type=SERVER)
_BUSY = Told(status=503, type=OVERLOADED, code="overloaded")
_BROKEN = Told(status=502, type=SERVER)
_LATE = Told(status=504, type=TIMEOUT)
_OURS = Told(status=500, type=SERVER)

_BY_TOLD: tuple[tuple[Told, str], ...] = (
    (
        _BAD,
        (
            "INVALID_FIELD PAYLOAD_EMPTY PAYLOAD_MALFORMED DEADLINE_REQUIRED CONSTRAINTS_CONTRADICT REQUEST_ID_REUSED "
            "PAGE_TOKEN_INVALID ENVELOPE_MALFORMED PROVIDER_REJECTED NO_ELIGIBLE_TARGET"
        ),
    ),
    (Told(status=413, type=INVALID), "PAYLOAD_TOO_LARGE"),
    (Told(status=415, type=INVALID), "CONTENT_TYPE_UNKNOWN"),
    (_MISSING, "POLICY_UNKNOWN WORKLOAD_UNKNOWN NOT_FOUND"),
    (Told(status=404, type=INVALID, code="model_not_found"), "MODEL_UNKNOWN"),
    (
        _CONFLICT,
        (
            "ALREADY_EXISTS ETAG_MISMATCH CATALOG_INVALID MANAGED_BY_FILE RULE_SET_OUTDATED KEY_STATE RECORD_ERASED "
            "FEEDBACK_LATE"
        ),
    ),
    (Told(status=401, type="authentication_error", code="invalid_api_key"), "UNAUTHENTICATED"),
    (_FORBIDDEN, "ACCESS_DENIED TENANT_MISMATCH PRESENTER_MISMATCH"),
    # Between the two planes something does not fit: the caller did nothing wrong, and can do nothing.
    (
        _OURS,
        (
            "INTERNAL PAYLOAD_TYPE_UNKNOWN KEY_REVOKED SIGNATURE_INVALID DECISION_MALFORMED ISSUER_MISMATCH "
            "AUDIENCE_MISMATCH DIGEST_MISMATCH DECISION_REPLAYED FEATURE_UNSUPPORTED"
        ),
    ),
    # The same, but of a kind that passes: a worker learns of keys and deployments, and clocks go on.
    (
        _AWAY,
        (
            "KEY_UNKNOWN KEY_NOT_YET_VALID KEY_EXPIRED DECISION_EXPIRED DECISION_NOT_YET_VALID "
            "REPLAY_GUARD_FULL TARGET_UNKNOWN SNAPSHOT_STALE DRAINING STORE_UNAVAILABLE UNREACHABLE"
        ),
    ),
    (_BROKEN, "TARGETS_EXHAUSTED STREAM_BROKEN PROVIDER_MISCONFIGURED"),
    (_QUOTA, "BUDGET_EXHAUSTED COST_LIMIT"),
    (_THROTTLED, "BUDGET_IN_FLIGHT RATE_LIMITED PROVIDER_THROTTLED"),
    (Told(status=429, type=OVERLOADED), "OVERLOADED"),
    (_LATE, "DEADLINE_EXCEEDED"),
    (Told(status=499, type=INVALID), "CANCELLED"),
    (Told(status=501, type=INVALID), "UNIMPLEMENTED"),
)
TELLING: Mapping[str, Told] = MappingProxyType(
    {reason: told for told, reasons in _BY_TOLD for reason in reasons.split()}
)
"""By the contract's reason; a test holds it against all that there are."""

_TOO_LONG = Told(status=400, type=INVALID, code="context_length_exceeded")
_FILTERED = Told(status=400, type=INVALID, code="content_filter")
REFINED: Mapping[tuple[str, str], Told] = MappingProxyType(
    {
        ("PROVIDER_REJECTED", Fault.CONTEXT_TOO_LONG): _TOO_LONG,
        ("PROVIDER_REJECTED", Fault.CONTENT_FILTER): _FILTERED,
        ("PROVIDER_REJECTED", Fault.UNSUPPORTED): Told(status=400, type=INVALID, code="unsupported_value"),
        ("TARGETS_EXHAUSTED", Fault.CONTEXT_TOO_LONG): _TOO_LONG,
        ("NO_ELIGIBLE_TARGET", Fault.CONTEXT_TOO_LONG): _TOO_LONG,
        ("NO_ELIGIBLE_TARGET", Fault.OVERLOADED): _BUSY,
        ("NO_ELIGIBLE_TARGET", Fault.RATE_LIMITED): _THROTTLED,
        ("TARGETS_EXHAUSTED", Fault.CONTENT_FILTER): _FILTERED,
        ("TARGETS_EXHAUSTED", Fault.RATE_LIMITED): _THROTTLED,
        ("TARGETS_EXHAUSTED", Fault.OVERLOADED): _BUSY,
        ("PROVIDER_THROTTLED", Fault.OVERLOADED): _BUSY,
        **{
            ("TARGETS_EXHAUSTED", fault): _LATE
            for fault in (
                *(Fault.TIMEOUT_CONNECT, Fault.TIMEOUT_FIRST_TOKEN),
                *(Fault.TIMEOUT_BETWEEN_CHUNKS, Fault.TIMEOUT_TOTAL),
            )
        },
    }
)
"""By reason and by what the last call ended with, where that says more."""


def refuse(problem: Problem) -> Refused:
    """An error before there was any answer."""
    return Refused(status=told(problem).status, body=json_bytes({"error": error_of(problem)}))


def error_of(problem: Problem) -> Json:
    """The error object."""
    how = told(problem)
    code = how.code or problem.reason.lower()
    return {"message": problem.message, "type": how.type, "param": problem.field or None, "code": code}


def told(problem: Problem) -> Told:
    """How `problem` is told; a reason that this does not know is a fault of ours."""
    return REFINED.get((problem.reason, problem.error)) or TELLING.get(problem.reason, _OURS)
