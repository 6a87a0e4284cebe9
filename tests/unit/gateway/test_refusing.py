"""Refusals: what SDKs go by beside the status."""

from datetime import timedelta

import pytest

from dataplane.gateway.exchange import Exchange
from dataplane.gateway.model import Problem, Refused
from dataplane.gateway.refusing import refuse
from tests.support.asgi import Conversation


class Face:
    """Refuses with one status."""

    def __init__(self, status: int) -> None:
        self._status = status

    def refuse(self, problem: Problem) -> Refused:
        """See Errors."""
        return Refused(status=self._status, body=problem.message.encode())


async def refused(
    reason: str, status: int = 503, after: timedelta | None = None, *headers: tuple[str, str]
) -> Conversation:
    asked = Conversation("POST", "/v1/messages")
    exchange = Exchange(asked.scope, asked.receive, asked.send)
    await refuse(exchange, Face(status), Problem(reason=reason, message="because", retry_after=after), headers)
    assert asked.whole
    return asked


async def test_a_refusal_is_the_faces_with_the_reason_of_the_contract() -> None:
    told = await refused("BUDGET_EXHAUSTED", 429, None, ("x-turnout-decision-id", "d"))
    assert (told.status, told.body) == (429, b"because")
    assert told.headers["x-turnout-error"] == "BUDGET_EXHAUSTED"
    assert told.headers["x-turnout-decision-id"] == "d"
    assert told.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (timedelta(0), "0"),
        (timedelta(microseconds=1), "1"),
        (timedelta(milliseconds=200), "1"),
        (timedelta(seconds=1), "1"),
        (timedelta(seconds=1, microseconds=1), "2"),
        (timedelta(minutes=15), "900"),
    ],
)
async def test_a_time_to_come_back_is_rounded_up_so_that_nobody_comes_early(after: timedelta, told: str) -> None:
    assert (await refused("RATE_LIMITED", 429, after)).headers["retry-after"] == told


async def test_where_no_time_is_known_none_is_told() -> None:
    assert "retry-after" not in (await refused("RATE_LIMITED", 429)).headers


@pytest.mark.parametrize("reason", ["BUDGET_IN_FLIGHT", "RATE_LIMITED", "OVERLOADED", "DRAINING", "UNREACHABLE"])
async def test_an_sdk_retries_what_passes_soon(reason: str) -> None:
    assert (await refused(reason)).headers["x-should-retry"] == "true"
    assert (await refused(reason, 503, timedelta(minutes=1))).headers["x-should-retry"] == "true"


async def test_no_sdk_sleeps_for_longer_than_a_minute() -> None:
    told = await refused("RATE_LIMITED", 429, timedelta(seconds=61))
    assert told.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("reason", ["TARGETS_EXHAUSTED", "DEADLINE_EXCEEDED", "BUDGET_EXHAUSTED", "INTERNAL"])
async def test_no_sdk_does_again_what_the_worker_did_already(reason: str) -> None:
    assert (await refused(reason)).headers["x-should-retry"] == "false"


@pytest.mark.parametrize("status", [400, 401, 404])
async def test_a_callers_own_mistake_says_nothing_of_retries(status: int) -> None:
    assert "x-should-retry" not in (await refused("INVALID_FIELD", status)).headers


async def test_a_worker_that_goes_down_sends_its_callers_to_another() -> None:
    assert (await refused("DRAINING")).headers["connection"] == "close"
    assert "connection" not in (await refused("OVERLOADED")).headers
