"""Errors as OpenAI tells them."""

from typing import Any

import openai
import pytest

from dataplane.gateway.model import Problem
from dataplane.gateway.openai.errors import REFINED, TELLING, told
from dataplane.provider.failure import Fault
from tests.support.openai_gateway import Gateway
from turnout_wire.failure import CODES

HELLO: Any = [{"role": "user", "content": "Hello"}]
RAISED = [
    ("INVALID_FIELD", "", openai.BadRequestError, "invalid_field"),
    ("PROVIDER_REJECTED", Fault.CONTEXT_TOO_LONG, openai.BadRequestError, "context_length_exceeded"),
    ("PROVIDER_REJECTED", Fault.CONTENT_FILTER, openai.BadRequestError, "content_filter"),
    ("UNAUTHENTICATED", "", openai.AuthenticationError, "invalid_api_key"),
    ("ACCESS_DENIED", "", openai.PermissionDeniedError, "access_denied"),
    ("MODEL_UNKNOWN", "", openai.NotFoundError, "model_not_found"),
    ("RULE_SET_OUTDATED", "", openai.ConflictError, "rule_set_outdated"),
    ("BUDGET_EXHAUSTED", "", openai.RateLimitError, "insufficient_quota"),
    ("BUDGET_IN_FLIGHT", "", openai.RateLimitError, "rate_limit_exceeded"),
    ("RATE_LIMITED", "", openai.RateLimitError, "rate_limit_exceeded"),
    ("PROVIDER_THROTTLED", "", openai.RateLimitError, "rate_limit_exceeded"),
    ("OVERLOADED", "", openai.RateLimitError, "overloaded"),
    ("NO_ELIGIBLE_TARGET", "", openai.BadRequestError, "no_eligible_target"),
    ("TARGETS_EXHAUSTED", Fault.CONNECT, openai.InternalServerError, "targets_exhausted"),
    ("DEADLINE_EXCEEDED", "", openai.InternalServerError, "deadline_exceeded"),
    ("SIGNATURE_INVALID", "", openai.InternalServerError, "signature_invalid"),
]
STATUSES = {
    ("NO_ELIGIBLE_TARGET", ""): 400,
    ("UNREACHABLE", ""): 503,
    ("DRAINING", ""): 503,
    ("SNAPSHOT_STALE", ""): 503,
    ("TARGETS_EXHAUSTED", ""): 502,
    ("TARGETS_EXHAUSTED", Fault.TIMEOUT_FIRST_TOKEN): 504,
    ("TARGETS_EXHAUSTED", Fault.RATE_LIMITED): 429,
    ("DEADLINE_EXCEEDED", ""): 504,
    ("INTERNAL", ""): 500,
    ("PAYLOAD_TOO_LARGE", ""): 413,
}


@pytest.mark.parametrize(("reason", "error", "raised", "code"), RAISED)
@pytest.mark.parametrize("stream", [False, True])
def test_the_sdk_raises_what_fits(
    reason: str, error: str, raised: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    problem = Problem(reason=reason, message="because", field="messages", error=error)
    client = Gateway(problem=problem, events=()).client
    with pytest.raises(raised, match="because") as caught:
        client.chat.completions.create(model="auto", messages=HELLO, stream=stream)
    assert caught.value.code == code
    assert caught.value.param == "messages"
    with pytest.raises(raised):
        client.responses.create(model="auto", input="Hi", stream=stream)


@pytest.mark.parametrize(("reason", "error"), STATUSES)
def test_a_reason_has_its_status(reason: str, error: str) -> None:
    assert told(Problem(reason=reason, message="", error=error)).status == STATUSES[reason, error]


def test_every_reason_of_the_contract_is_told() -> None:
    assert set(TELLING) == set(CODES)
    assert {reason for reason, _ in REFINED} <= set(CODES)


def test_a_reason_that_nobody_knows_is_a_fault_of_ours() -> None:
    assert told(Problem(reason="SOMETHING_NEW", message="")).status == 500
