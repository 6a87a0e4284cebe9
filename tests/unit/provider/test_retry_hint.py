"""Waiting times as providers write them."""

from datetime import UTC, datetime, timedelta

import pytest

from dataplane.provider import retry_hint

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Saturday, 21-Nov-26 12:01:00 GMT"}, 60),
        ({"retry-after": "Sat, 21 Nov 2026 11:59:00 GMT"}, 0),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 -0000"}, 30),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7),
        ({"retry-after": "99999999"}, 86400),
    ],
)
def test_a_hint_is_read(headers: dict[str, str], seconds: float) -> None:
    assert retry_hint.from_headers(headers, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "soon", "-1", "1e9", "nan", "9" * 400, "Sat, 99 Nov 2026 12:00:30 GMT", "٣", "1 2", "Sat"]
)
def test_what_is_no_hint_is_none(text: str) -> None:
    assert retry_hint.from_headers({"retry-after": text}, NOW) is None
    assert retry_hint.from_headers({}, NOW) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("250ms", 0.25), ("2m59.56s", 179.56), ("1h2m3s", 3723), ("34.07s", 34.07), ("12", 12)],
)
def test_a_span_is_read(text: str, seconds: float) -> None:
    assert retry_hint.from_span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "s", "1x", "1s2", "-1s", "1" * 100 + "s", "1s" * 1000])
def test_what_is_no_span_is_none(text: str) -> None:
    assert retry_hint.from_span(text) is None


def test_the_limit_that_is_used_up_says_how_long() -> None:
    resets = {"x-ratelimit-reset-requests": "10s", "x-ratelimit-reset-tokens": "20s"}
    used = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-remaining-tokens": "50"}
    assert retry_hint.from_rate_limits({**resets, **used}, NOW) == timedelta(seconds=10)
    both = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-remaining-tokens": "0"}
    assert retry_hint.from_rate_limits({**resets, **both}, NOW) == timedelta(seconds=20)


def test_if_no_limit_is_used_up_the_first_to_open_says_how_long() -> None:
    resets = {"x-ratelimit-reset-requests": "10s", "x-ratelimit-reset-tokens": "20s"}
    assert retry_hint.from_rate_limits(resets, NOW) == timedelta(seconds=10)
    assert retry_hint.from_rate_limits({}, NOW) is None


def test_a_point_in_time_in_milliseconds_is_read() -> None:
    moment = str(int((NOW.timestamp() + 90) * 1000))
    assert retry_hint.from_rate_limits({"x-ratelimit-reset": moment}, NOW) == timedelta(seconds=90)
