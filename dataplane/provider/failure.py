"""What a call that failed says about its target, by table."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from dataplane.provider import retry_hint
from dataplane.provider.error_body import ProviderError, read_error
from dataplane.provider.model import CallFailure, Verdict

MAX_MESSAGE = 1000
MAX_FIELD = 256


class Fault(StrEnum):
    """The closed set of `CallFailure.error`; beside it only `http_NNN`, for a status that says nothing more."""

    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT_CONNECT = "timeout_connect"
    TIMEOUT_FIRST_TOKEN = "timeout_first_token"  # noqa: S105 - no password
    TIMEOUT_BETWEEN_CHUNKS = "timeout_between_chunks"
    TIMEOUT_TOTAL = "timeout_total"
    DISCONNECTED = "disconnected"
    MALFORMED = "malformed"
    STREAM_CUT = "stream_cut"
    ERROR_EVENT = "error_event"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    QUOTA_EXHAUSTED = "quota_exhausted"
    CREDENTIAL = "credential"
    MODEL_UNKNOWN = "model_unknown"
    BASE_URL = "base_url"
    ADDRESS_REFUSED = "address_refused"
    CONTEXT_TOO_LONG = "context_too_long"
    CONTENT_FILTER = "content_filter"
    UNSUPPORTED = "unsupported"
    BAD_REQUEST = "bad_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The answer that a failure is read from.

    `headers` are looked up in lower case. `own_references` says that the request names files or settings of the caller's
    own: then a 403 or 404 that does not name key or model may be about those, and must not take the target away from
    everybody else. `credential` is what may not appear in a message.
    """

    status: int
    headers: Mapping[str, str]
    now: datetime
    own_references: bool = False
    credential: str = field(default="", repr=False)


Cause = tuple[Verdict, Fault]

_TOO_LONG: Cause = (Verdict.IGNORED, Fault.CONTEXT_TOO_LONG)
_FILTERED: Cause = (Verdict.IGNORED, Fault.CONTENT_FILTER)
_UNSUPPORTED: Cause = (Verdict.IGNORED, Fault.UNSUPPORTED)
_BAD_REQUEST: Cause = (Verdict.IGNORED, Fault.BAD_REQUEST)
_CREDENTIAL: Cause = (Verdict.MISCONFIGURED, Fault.CREDENTIAL)
_UNKNOWN_MODEL: Cause = (Verdict.MISCONFIGURED, Fault.MODEL_UNKNOWN)
# Money that is spent does not come back by waiting: until somebody pays, every call is a wasted one.
_NO_MONEY: Cause = (Verdict.MISCONFIGURED, Fault.QUOTA_EXHAUSTED)
_LIMITED: Cause = (Verdict.THROTTLED, Fault.RATE_LIMITED)
_OVERLOADED: Cause = (Verdict.THROTTLED, Fault.OVERLOADED)
# The model wrote what its provider cannot read: not the caller's fault, though the status is 400.
_BAD_OUTPUT: Cause = (Verdict.FAILED, Fault.MALFORMED)

BY_WORD: Mapping[str, Cause] = MappingProxyType(
    {
        "context_length_exceeded": _TOO_LONG,
        "string_above_max_length": _TOO_LONG,
        "request_too_large": _TOO_LONG,
        "exceed_context_size_error": _TOO_LONG,
        "content_filter": _FILTERED,
        "content_policy_violation": _FILTERED,
        "responsibleaipolicyviolation": _FILTERED,
        "data_inspection_failed": _FILTERED,
        "unsupported_value": _UNSUPPORTED,
        "unsupported_parameter": _UNSUPPORTED,
        "invalid_api_key": _CREDENTIAL,
        "api_key_invalid": _CREDENTIAL,
        "authentication_error": _CREDENTIAL,
        "unsupported_country_region_territory": _CREDENTIAL,
        "model_not_found": _UNKNOWN_MODEL,
        "model_decommissioned": _UNKNOWN_MODEL,
        "invalid_model": _UNKNOWN_MODEL,
        "deploymentnotfound": _UNKNOWN_MODEL,
        "insufficient_quota": _NO_MONEY,
        "billing_error": _NO_MONEY,
        "billing_not_active": _NO_MONEY,
        "billing_hard_limit_reached": _NO_MONEY,
        "servicequotaexceededexception": _LIMITED,
        "tool_use_failed": _BAD_OUTPUT,
        "json_validate_failed": _BAD_OUTPUT,
    }
)
"""Codes that say what happened, under whatever status they come."""

BY_MESSAGE: Mapping[str, Cause] = MappingProxyType(
    {
        "prompt is too long": _TOO_LONG,
        "exceeds the maximum number of tokens": _TOO_LONG,
        "maximum context length": _TOO_LONG,
        "credit balance is too low": _NO_MONEY,
        "api key not valid": _CREDENTIAL,
        "is not a valid model id": _UNKNOWN_MODEL,
        "model identifier is invalid": _UNKNOWN_MODEL,
        "on-demand throughput isn": _UNKNOWN_MODEL,
        "input is too long": _TOO_LONG,
    }
)
"""The words of Anthropic, Bedrock, Gemini, vLLM and OpenRouter where they give no code of their own with a 400 or 413."""

BY_STATUS: Mapping[int, Cause] = MappingProxyType(
    {
        401: _CREDENTIAL,
        402: _NO_MONEY,
        403: _CREDENTIAL,
        404: _UNKNOWN_MODEL,
        405: _UNKNOWN_MODEL,
        410: _UNKNOWN_MODEL,
        413: _TOO_LONG,
        429: _LIMITED,
        503: _OVERLOADED,
        529: _OVERLOADED,
    }
)

LIMITS_BY_WORD: Mapping[str, Cause] = MappingProxyType(
    {
        "rate_limit_exceeded": _LIMITED,
        "rate_limit_error": _LIMITED,
        "resource_exhausted": _LIMITED,
        "too_many_requests": _LIMITED,
        "overloaded_error": _OVERLOADED,
        "overloaded": _OVERLOADED,
        "engine_overloaded": _OVERLOADED,
        "unavailable": _OVERLOADED,
        "throttlingexception": _LIMITED,
        "serviceunavailableexception": _OVERLOADED,
        "validationexception": _BAD_REQUEST,
    }
)
"""Codes that stand for a status, for the places where no status can come: events in a stream."""

_VAGUE = (400, 413)
_NEEDS_A_HINT = (503, 529)
_MAY_BE_A_FILE = (403, 404)
# 424 is Bedrock's for a model that failed.
_TRANSIENT = (408, 409, 424, 425)
_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-goog-request-id", "x-amzn-requestid")
_KEYS = re.compile(r"\b(?:(?:sk|gsk|pk|xai)[-_]|AIza)[-_*A-Za-z0-9]{6,}")


def refused(exchange: Exchange, body: object) -> CallFailure:
    """The failure that an HTTP error status is; `body` is the parsed JSON, or None where there is none."""
    error = _with_word_of_header(read_error(body, exchange.now), exchange.headers)
    asked = retry_hint.from_headers(exchange.headers, exchange.now)
    if asked is None:
        asked = error.retry_after
    verdict, word = _cause(exchange, error, hinted=asked is not None)
    if asked is None and verdict is Verdict.THROTTLED:
        asked = retry_hint.from_rate_limits(exchange.headers, exchange.now)
    return _failure((verdict, word), error, exchange, asked)


def error_event(exchange: Exchange, body: object) -> CallFailure:
    """The failure that an error inside an answer of status 200 is, as the whole body or as an event of a stream."""
    error = read_error(body, exchange.now)
    known = _first(error.words, BY_WORD) or _by_message(error.message) or _first(error.words, LIMITS_BY_WORD)
    by_status = BY_STATUS.get(error.status)
    if known is None and by_status is not None and by_status[0] is Verdict.THROTTLED:
        known = by_status
    return _failure(known or (Verdict.FAILED, Fault.ERROR_EVENT), error, exchange, error.retry_after)


def malformed(reason: str) -> CallFailure:
    """The failure that an answer is that cannot be read."""
    return CallFailure(*_BAD_OUTPUT, message=reason)


def stream_cut() -> CallFailure:
    """The failure that a stream without its last event is."""
    return CallFailure(Verdict.FAILED, Fault.STREAM_CUT, message="the stream ended before the answer did")


def not_sent(field: str, reason: str, *, fault: Fault = Fault.BAD_REQUEST) -> CallFailure:
    """The failure that a request is that no provider can be asked: `field` of the ChatRequest, and why."""
    return CallFailure(Verdict.IGNORED, fault, message=f"{field}: {reason}", field=field, unsent=True)


def misconfigured(reason: str, *, fault: Fault = Fault.CREDENTIAL) -> CallFailure:
    """The failure that a deployment is that cannot be called as it is set up."""
    return CallFailure(Verdict.MISCONFIGURED, fault, message=reason, unsent=True)


def in_exchange(failure: CallFailure, exchange: Exchange) -> CallFailure:
    """`failure`, whose message is ours, with what is known of the exchange."""
    failure.http_status = failure.http_status or exchange.status
    failure.provider_request_id = failure.provider_request_id or request_id(exchange.headers)
    return failure


def request_id(headers: Mapping[str, str]) -> str:
    """The provider's id of the call, empty if it gives none."""
    return next((found for name in _REQUEST_IDS if (found := headers.get(name))), "")


def bounded(message: str, credential: str = "") -> str:
    """`message` without credentials and not longer than MAX_MESSAGE characters."""
    if credential:
        message = message.replace(credential, "[credential]")
    message = _KEYS.sub("[credential]", message[: 2 * MAX_MESSAGE])
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"


def _cause(exchange: Exchange, error: ProviderError, *, hinted: bool) -> tuple[Verdict, str]:
    status = exchange.status
    known = _first(error.words, BY_WORD) or (_by_message(error.message) if status in _VAGUE else None)
    if known is not None:
        return known
    if (
        status == 400 and "failed_precondition" in error.words
    ):  # Gemini: the account's region or billing, or a file that is not ready
        return _UNSUPPORTED if exchange.own_references else _CREDENTIAL
    if exchange.own_references and status in _MAY_BE_A_FILE:
        return _UNSUPPORTED
    if status in BY_STATUS:
        verdict, word = BY_STATUS[status]
        return (Verdict.FAILED if status in _NEEDS_A_HINT and not hinted else verdict), word
    if 400 <= status < 500 and status not in _TRANSIENT:
        return _BAD_REQUEST
    return Verdict.FAILED, f"http_{status}"


def _with_word_of_header(error: ProviderError, headers: Mapping[str, str]) -> ProviderError:
    """AWS names the error in a header, with an address behind a colon."""
    word = headers.get("x-amzn-errortype", "").partition(":")[0].strip().lower()
    return replace(error, words=(word, *error.words)) if word else error


def _first(words: tuple[str, ...], table: Mapping[str, Cause]) -> Cause | None:
    return next((table[word] for word in words if word in table), None)


def _by_message(message: str) -> Cause | None:
    text = message[: 2 * MAX_MESSAGE].lower()
    return next((cause for words, cause in BY_MESSAGE.items() if words in text), None)


def _failure(
    cause: tuple[Verdict, str], error: ProviderError, exchange: Exchange, retry_after: timedelta | None
) -> CallFailure:
    verdict, word = cause
    return CallFailure(
        verdict,
        word,
        message=bounded(error.message, exchange.credential),
        http_status=exchange.status,
        retry_after=retry_after,
        provider_request_id=request_id(exchange.headers) or error.request_id,
        field=error.field[:MAX_FIELD],
    )
