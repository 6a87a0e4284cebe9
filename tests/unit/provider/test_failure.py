"""Which failure says what about its target: status by status, code by code, as providers word them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dataplane.provider.failure import MAX_MESSAGE, Exchange, Fault, bounded, error_event, refused
from dataplane.provider.model import Verdict

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FAILED, THROTTLED, IGNORED, MISCONFIGURED = Verdict.FAILED, Verdict.THROTTLED, Verdict.IGNORED, Verdict.MISCONFIGURED


def exchange(status: int, headers: Mapping[str, str] | None = None, *, own_references: bool = False) -> Exchange:
    return Exchange(status=status, headers=headers or {}, now=NOW, own_references=own_references)


def openai(**error: object) -> dict[str, Any]:
    return {"error": {"message": "words", "type": "invalid_request_error", "param": None, "code": None, **error}}


def anthropic(kind: str, message: str = "words") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def gemini(status: str, message: str = "words", *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": 400, "message": message, "status": status, "details": list(details)}}


@pytest.mark.parametrize(
    ("status", "body", "verdict", "error"),
    [
        (400, openai(), IGNORED, "bad_request"),
        (400, openai(code="context_length_exceeded"), IGNORED, "context_too_long"),
        (400, openai(code="string_above_max_length"), IGNORED, "context_too_long"),
        (400, openai(message="This model's maximum context length is 4096 tokens."), IGNORED, "context_too_long"),
        (400, openai(type="exceed_context_size_error", code=400), IGNORED, "context_too_long"),
        (
            400,
            openai(code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}),
            IGNORED,
            "content_filter",
        ),
        (400, openai(code="content_policy_violation"), IGNORED, "content_filter"),
        (400, openai(code="unsupported_parameter"), IGNORED, "unsupported"),
        (400, openai(code="model_decommissioned"), MISCONFIGURED, "model_unknown"),
        (400, openai(message="x/y is not a valid model ID", code=400), MISCONFIGURED, "model_unknown"),
        (400, openai(code="tool_use_failed"), FAILED, "malformed"),
        (401, openai(code="invalid_api_key"), MISCONFIGURED, "credential"),
        (401, None, MISCONFIGURED, "credential"),
        (402, openai(message="Insufficient Balance"), MISCONFIGURED, "quota_exhausted"),
        (403, openai(), MISCONFIGURED, "credential"),
        (403, openai(code=403, metadata={"flagged_input": "…", "reasons": ["x"]}), IGNORED, "content_filter"),
        (404, openai(code="model_not_found"), MISCONFIGURED, "model_unknown"),
        (404, None, MISCONFIGURED, "model_unknown"),
        (404, openai(code="DeploymentNotFound"), MISCONFIGURED, "model_unknown"),
        (405, {"detail": "Method Not Allowed"}, MISCONFIGURED, "model_unknown"),
        (408, None, FAILED, "http_408"),
        (409, None, FAILED, "http_409"),
        (413, None, IGNORED, "context_too_long"),
        (422, {"detail": [{"loc": ["body", "n"], "msg": "Extra inputs", "type": "extra"}]}, IGNORED, "bad_request"),
        (418, None, IGNORED, "bad_request"),
        (429, openai(code="rate_limit_exceeded", type="tokens"), THROTTLED, "rate_limited"),
        (429, openai(code="insufficient_quota", type="insufficient_quota"), MISCONFIGURED, "quota_exhausted"),
        (429, None, THROTTLED, "rate_limited"),
        (500, openai(type="server_error"), FAILED, "http_500"),
        (502, None, FAILED, "http_502"),
        (503, None, FAILED, "overloaded"),
        (504, None, FAILED, "http_504"),
        (529, anthropic("overloaded_error"), FAILED, "overloaded"),
        (302, None, FAILED, "http_302"),
        (400, anthropic("invalid_request_error"), IGNORED, "bad_request"),
        (
            400,
            anthropic("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
            IGNORED,
            "context_too_long",
        ),
        (
            400,
            anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
            MISCONFIGURED,
            "quota_exhausted",
        ),
        (401, anthropic("authentication_error"), MISCONFIGURED, "credential"),
        (403, anthropic("permission_error"), MISCONFIGURED, "credential"),
        (404, anthropic("not_found_error"), MISCONFIGURED, "model_unknown"),
        (413, anthropic("request_too_large"), IGNORED, "context_too_long"),
        (500, anthropic("api_error"), FAILED, "http_500"),
        (400, gemini("INVALID_ARGUMENT"), IGNORED, "bad_request"),
        (
            400,
            gemini("INVALID_ARGUMENT", "API key not valid.", {"@type": "…ErrorInfo", "reason": "API_KEY_INVALID"}),
            MISCONFIGURED,
            "credential",
        ),
        (
            400,
            gemini("INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."),
            IGNORED,
            "context_too_long",
        ),
        (400, gemini("FAILED_PRECONDITION", "User location is not supported"), MISCONFIGURED, "credential"),
        (403, gemini("PERMISSION_DENIED"), MISCONFIGURED, "credential"),
        (404, gemini("NOT_FOUND"), MISCONFIGURED, "model_unknown"),
        (429, [gemini("RESOURCE_EXHAUSTED")], THROTTLED, "rate_limited"),
        (503, gemini("UNAVAILABLE"), FAILED, "overloaded"),
        (
            400,
            {"object": "error", "message": "no", "type": "invalid_model", "code": "1500"},
            MISCONFIGURED,
            "model_unknown",
        ),
        (400, {"error": "just words"}, IGNORED, "bad_request"),
        (500, "words", FAILED, "http_500"),
        (500, [], FAILED, "http_500"),
        (400, {"error": {"code": {}, "message": [], "details": "x", "metadata": 5}}, IGNORED, "bad_request"),
    ],
)
def test_a_refusal_is_classified(status: int, body: object, verdict: Verdict, error: str) -> None:
    failure = refused(exchange(status), body)
    assert (failure.verdict, failure.error, failure.http_status) == (verdict, error, status)
    assert not failure.unsent
    assert error in set(Fault) or error == f"http_{status}"


@pytest.mark.parametrize("status", [503, 529])
def test_an_overload_with_a_hint_is_a_throttle(status: int) -> None:
    failure = refused(exchange(status, {"retry-after": "9"}), None)
    assert (failure.verdict, failure.error, failure.retry_after) == (THROTTLED, "overloaded", timedelta(seconds=9))


def test_an_overload_with_gemini_s_hint_is_a_throttle() -> None:
    body = gemini("UNAVAILABLE", "busy", {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"})
    failure = refused(exchange(503), body)
    assert (failure.verdict, failure.retry_after) == (THROTTLED, timedelta(seconds=34.5))


def test_rate_limit_headers_alone_make_no_overload_a_throttle() -> None:
    """They stand on every answer, and say when tokens come back, not when the server does."""
    assert refused(exchange(503, {"x-ratelimit-reset-tokens": "9s"}), None).verdict is FAILED


def test_a_throttle_without_retry_after_waits_for_the_limit() -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}
    assert refused(exchange(429, headers), None).retry_after == timedelta(seconds=90)


def test_openrouter_tells_the_reset_in_its_body() -> None:
    reset = str(int((NOW.timestamp() + 5) * 1000))
    body = openai(code=429, metadata={"headers": {"X-RateLimit-Reset": reset}, "raw": "upstream says no"})
    failure = refused(exchange(429), body)
    assert (failure.retry_after, failure.message) == (timedelta(seconds=5), "upstream says no")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (openai(param="messages[0].role"), "messages[0].role"),
        ({"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "no"}]}, "messages.0.role"),
        ({"object": "error", "message": {"detail": [{"loc": ["body", "n"], "msg": "no"}]}}, "n"),
        (gemini("INVALID_ARGUMENT", "no", {"fieldViolations": [{"field": "contents[0]"}]}), "contents[0]"),
        (
            anthropic("invalid_request_error", "messages.0.content.1.text: must not be empty"),
            "messages.0.content.1.text",
        ),
        (anthropic("invalid_request_error", "Something else: no path"), ""),
    ],
)
def test_the_field_at_fault_is_named(body: object, field: str) -> None:
    assert refused(exchange(400), body).field == field


@pytest.mark.parametrize("status", [403, 404])
def test_a_file_of_the_caller_s_does_not_put_the_target_out(status: int) -> None:
    """A caller must not be able to take a target away from everybody else by naming a file that is not there."""
    failure = refused(exchange(status, own_references=True), gemini("PERMISSION_DENIED", "no access to the File x"))
    assert (failure.verdict, failure.error) == (IGNORED, "unsupported")
    assert refused(exchange(status), None).verdict is MISCONFIGURED


@pytest.mark.parametrize(
    ("status", "body"), [(401, None), (404, openai(code="model_not_found")), (403, openai(code="invalid_api_key"))]
)
def test_a_wrong_key_or_model_is_that_whatever_the_request_names(status: int, body: object) -> None:
    assert refused(exchange(status, own_references=True), body).verdict is MISCONFIGURED


@pytest.mark.parametrize(
    ("body", "verdict", "error"),
    [
        (openai(), FAILED, "error_event"),
        (openai(code=500), FAILED, "error_event"),
        (openai(code=400), FAILED, "error_event"),
        (openai(code=401), FAILED, "error_event"),
        (openai(code=429), THROTTLED, "rate_limited"),
        (openai(code="rate_limit_exceeded"), THROTTLED, "rate_limited"),
        (openai(code="context_length_exceeded"), IGNORED, "context_too_long"),
        (openai(code="insufficient_quota"), MISCONFIGURED, "quota_exhausted"),
        (anthropic("overloaded_error"), THROTTLED, "overloaded"),
        (anthropic("rate_limit_error"), THROTTLED, "rate_limited"),
        (anthropic("api_error"), FAILED, "error_event"),
        (gemini("RESOURCE_EXHAUSTED"), THROTTLED, "rate_limited"),
        (gemini("UNAVAILABLE"), THROTTLED, "overloaded"),
        (gemini("INTERNAL"), FAILED, "error_event"),
        ({"error": "words"}, FAILED, "error_event"),
    ],
)
def test_an_error_inside_an_answer_is_classified(body: object, verdict: Verdict, error: str) -> None:
    failure = error_event(exchange(200), body)
    assert (failure.verdict, failure.error, failure.http_status) == (verdict, error, 200)


def test_the_provider_s_id_comes_from_the_headers_or_the_body() -> None:
    assert refused(exchange(500, {"request-id": "req_2"}), anthropic("api_error")).provider_request_id == "req_2"
    assert refused(exchange(500), anthropic("api_error")).provider_request_id == "req_1"


def test_a_message_is_bounded_and_has_no_credential() -> None:
    message = bounded("the key 'my-secret-key' and sk-proj-abc***1234 were refused " + "x" * 5000, "my-secret-key")
    assert "my-secret" not in message
    assert "abc***1234" not in message
    assert len(message) == MAX_MESSAGE


def test_a_credential_at_the_cut_is_not_half_told() -> None:
    secret = "a-long-secret-that-is-cut"
    assert "a-long" not in bounded("x" * (MAX_MESSAGE - 10) + secret, secret)
