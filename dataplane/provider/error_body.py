"""What the error bodies of all providers say, in one form."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dataplane.provider import retry_hint
from dataplane.provider.shape import NOTHING, as_count, as_list, as_object, as_text

_PATH_BEFORE_TEXT = re.compile(r"([a-z_]+(?:\.[A-Za-z0-9_-]+)*): ")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderError:
    """`words` are the provider's machine-readable codes in lower case, the most telling first; `status` is an HTTP status
    that the body itself gives; `field` is the request's field that is at fault.
    """

    words: tuple[str, ...] = ()
    message: str = ""
    status: int = 0
    field: str = ""
    request_id: str = ""
    retry_after: timedelta | None = None


def has_error(body: object) -> bool:
    """Whether `body` is an error, whatever the status says."""
    top = _top(body)
    return bool(top.get("error")) or top.get("type") == "error" or top.get("object") == "error"


def read_error(body: object, now: datetime) -> ProviderError:
    """The error in `body`: `{"error": {…}}` of OpenAI, Anthropic and Gemini (there also in an array), `{"error": "…"}`,
    or the bare object and `{"detail": …}` of Mistral and of FastAPI servers.
    """
    top = _top(body)
    error = as_object(top.get("error")) or top
    details = [as_object(item) for item in as_list(error.get("details"))]
    metadata = as_object(error.get("metadata"))
    return ProviderError(
        words=tuple(word for word in _words(error, details) if word),
        message=_message(top, error, metadata),
        status=as_count(error.get("code")) or as_count(error.get("status_code")),
        field=_field(top, error, details),
        request_id=as_text(top.get("request_id")),
        retry_after=_retry_after(details, metadata, now),
    )


def _top(body: object) -> Mapping[str, object]:
    listed = as_list(body)
    return as_object(listed[0] if listed else body)


def _words(error: Mapping[str, object], details: list[Mapping[str, object]]) -> Iterator[str]:
    inner = as_object(error.get("innererror"))
    candidates = (
        *(detail.get("reason") for detail in details),
        inner.get("code"),
        error.get("code"),
        error.get("type"),
        error.get("status"),
    )
    yield from (as_text(word).lower() for word in candidates)
    if as_object(error.get("metadata")).get("flagged_input"):
        yield "content_filter"


def _message(top: Mapping[str, object], error: Mapping[str, object], metadata: Mapping[str, object]) -> str:
    validation = _validation(top)
    return (
        as_text(metadata.get("raw"))
        or as_text(error.get("message"))
        or as_text(top.get("error"))
        or as_text(top.get("detail"))
        or as_text(validation.get("msg"))
    )


def _validation(top: Mapping[str, object]) -> Mapping[str, object]:
    for holder in (top, as_object(top.get("message"))):
        found = as_list(holder.get("detail"))
        if found:
            return as_object(found[0])
    return NOTHING


def _field(top: Mapping[str, object], error: Mapping[str, object], details: list[Mapping[str, object]]) -> str:
    if param := as_text(error.get("param")):
        return param
    for detail in details:
        for violation in as_list(detail.get("fieldViolations")):
            return as_text(as_object(violation).get("field"))
    if location := as_list(_validation(top).get("loc")):
        return ".".join(str(step) for step in location if step != "body")
    path = _PATH_BEFORE_TEXT.match(as_text(error.get("message"))) if top.get("type") == "error" else None
    return path[1] if path else ""


def _retry_after(
    details: list[Mapping[str, object]], metadata: Mapping[str, object], now: datetime
) -> timedelta | None:
    for detail in details:
        if delay := as_text(detail.get("retryDelay")):
            return retry_hint.from_span(delay)
    headers = as_object(metadata.get("headers"))
    return retry_hint.from_epoch(as_text(headers.get("X-RateLimit-Reset")), now)
