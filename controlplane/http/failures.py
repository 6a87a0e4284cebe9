"""Failures as HTTP answers."""

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from google.protobuf.message import Message
from starlette.responses import Response

from controlplane.http.telling import to_json
from turnout_wire.failure import Code, Failure

JSON = "application/json"

STATUS: Mapping[Code, int] = MappingProxyType(
    {
        Code.CANCELLED: 499,
        Code.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
        Code.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
        Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
        Code.ALREADY_EXISTS: HTTPStatus.CONFLICT,
        Code.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
        Code.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
        Code.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
        Code.ABORTED: HTTPStatus.CONFLICT,
        Code.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
        Code.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
        Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
        Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    }
)
"""HTTP status by code, as google/rpc/code.proto maps them."""

_OF_REASON: Mapping[str, int] = MappingProxyType(
    {
        "PAYLOAD_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "CONTENT_TYPE_UNKNOWN": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    }
)
"""Where HTTP has a word of its own."""


def status_of(failure: Failure) -> int:
    """The HTTP status of a failure."""
    return int(_OF_REASON.get(failure.reason) or STATUS[failure.code])


def refusal(failure: Failure, status: int | None = None) -> Response:
    """The answer to who is refused: `{"error": {"reason", "message", "details"?, "field"?, "retry_after"?}}`, the last in seconds."""
    error: dict[str, object] = {"reason": failure.reason, "message": failure.message}
    headers = {}
    if told := [to_json(detail) for detail in failure.details if isinstance(detail, Message)]:
        error["details"] = told
    if failure.field:
        error["field"] = failure.field
    if failure.retry_after is not None:
        seconds = failure.retry_after.total_seconds()
        error["retry_after"] = seconds
        headers["retry-after"] = str(max(math.ceil(seconds), 1))
    if failure.code is Code.UNAUTHENTICATED:
        headers["www-authenticate"] = "Bearer"
    return answer({"error": error}, status or status_of(failure), headers)


def answer(document: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A document as JSON, for nobody to keep and nothing else to take it for."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    always = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(text, status, headers={**always, **(headers or {})}, media_type=JSON)
