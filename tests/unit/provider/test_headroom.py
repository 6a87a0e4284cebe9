"""The headers by which providers tell what their rate limits leave."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.provider.headroom import Headroom, merged, read_headroom, renewed, share_left, total

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def in_s(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("span", "seconds"),
    [("6m0s", 360), ("1s", 1), ("20ms", 0.02), ("2m59.56s", 179.56), ("1h0m1s", 3601), ("7", 7), ("0.5", 0.5)],
)
def test_spans_of_openai_groq_and_azure(span: str, seconds: float) -> None:
    told = {
        "x-ratelimit-limit-requests": "5000",
        "x-ratelimit-remaining-requests": "4999",
        "x-ratelimit-reset-requests": span,
        "x-ratelimit-limit-tokens": "160000",
        "x-ratelimit-remaining-tokens": "159976",
        "x-ratelimit-reset-tokens": "9ms",
    }
    assert read_headroom(told, NOW) == Headroom(
        as_of=NOW,
        requests_limit=5000,
        requests_remaining=4999,
        requests_reset_at=in_s(seconds),
        tokens_limit=160_000,
        tokens_remaining=159_976,
        tokens_reset_at=in_s(0.009),
    )


def test_of_anthropics_token_limits_the_tightest_counts() -> None:
    told = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:01Z",
        "anthropic-ratelimit-tokens-limit": "48000",
        "anthropic-ratelimit-tokens-remaining": "47000",
        "anthropic-ratelimit-tokens-reset": "2026-11-21T12:00:02Z",
        "anthropic-ratelimit-input-tokens-limit": "40000",
        "anthropic-ratelimit-input-tokens-remaining": "40000",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-21T12:00:03Z",
        "anthropic-ratelimit-output-tokens-limit": "8000",
        "anthropic-ratelimit-output-tokens-remaining": "2000",
        "anthropic-ratelimit-output-tokens-reset": "2026-11-21T13:00:45+01:00",
    }
    headroom = read_headroom(told, NOW)
    assert headroom
    assert (headroom.requests_remaining, headroom.requests_reset_at) == (49, in_s(1))
    assert (headroom.tokens_limit, headroom.tokens_remaining, headroom.tokens_reset_at) == (8000, 2000, in_s(45))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(
            {
                "x-ratelimit-limit-req-minute": "60",
                "x-ratelimit-remaining-req-minute": "59",
                "x-ratelimit-limit-tokens-minute": "50000",
                "x-ratelimit-remaining-tokens-minute": "47196",
                "x-ratelimit-remaining-tokens-month": "3",
            },
            Headroom(as_of=NOW, requests_limit=60, requests_remaining=59, tokens_limit=50_000, tokens_remaining=47_196),
            id="mistral",
        ),
        pytest.param(
            {
                "x-ratelimit-limit-requests-day": "14400",
                "x-ratelimit-remaining-requests-day": "1",
                "x-ratelimit-reset-requests-day": "33011.382867",
            },
            Headroom(as_of=NOW, requests_limit=14_400, requests_remaining=1, requests_reset_at=in_s(33011.382867)),
            id="cerebras",
        ),
        pytest.param(
            {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795262430000"},
            Headroom(as_of=NOW, requests_limit=20, requests_remaining=0, requests_reset_at=in_s(30)),
            id="openrouter, by milliseconds since 1970",
        ),
        pytest.param(
            {
                "x-ratelimit-limit": "60",
                "x-ratelimit-remaining": "59",
                "x-ratelimit-reset": "1",
                "x-tokenlimit-limit": "9000",
                "x-tokenlimit-remaining": "8000",
            },
            Headroom(
                as_of=NOW,
                requests_limit=60,
                requests_remaining=59,
                requests_reset_at=in_s(1),
                tokens_limit=9000,
                tokens_remaining=8000,
            ),
            id="together",
        ),
        pytest.param(
            {"x-ratelimit-remaining-requests": "12", "x-ratelimit-remaining-tokens": "0"},
            Headroom(as_of=NOW, requests_limit=12, requests_remaining=12, tokens_limit=1, tokens_remaining=0),
            id="azure without limits",
        ),
        pytest.param(
            {"x-ratelimit-limit-tokens": "-1", "x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "0"},
            None,
            id="azure where it does not count",
        ),
        pytest.param({"content-type": "application/json"}, None, id="nothing"),
        pytest.param({"x-ratelimit-remaining-tokens": "lots"}, None, id="no number"),
        pytest.param(
            {"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "Tomorrow"},
            Headroom(as_of=NOW, tokens_limit=5, tokens_remaining=5),
            id="no time",
        ),
    ],
)
def test_what_each_provider_tells(told: dict[str, str], expected: Headroom | None) -> None:
    assert read_headroom(told, NOW) == expected


def test_a_window_that_began_anew_is_full_again() -> None:
    spent = Headroom(as_of=NOW, requests_limit=10, requests_remaining=0, requests_reset_at=in_s(30))
    assert share_left(renewed(spent, in_s(29))) == 0
    assert renewed(spent, in_s(30)) == Headroom(as_of=NOW, requests_limit=10, requests_remaining=10)


def test_a_window_whose_end_was_not_told_is_forgotten_after_a_minute() -> None:
    spent = Headroom(as_of=NOW, tokens_limit=10, tokens_remaining=0)
    assert renewed(spent, in_s(59)) == spent
    assert renewed(spent, in_s(60)) == Headroom(as_of=NOW)
    assert share_left(renewed(spent, in_s(60))) == 1


def test_what_an_answer_does_not_tell_stays_known() -> None:
    before = Headroom(as_of=NOW, requests_limit=10, requests_remaining=4, tokens_limit=100, tokens_remaining=9)
    after = Headroom(as_of=in_s(5), requests_limit=10, requests_remaining=3)
    both = merged(before, after)
    assert (both.as_of, both.requests_remaining, both.tokens_remaining) == (in_s(5), 3, 9)
    assert merged(None, after) == after


def test_keys_leave_together_what_each_of_them_leaves() -> None:
    one = Headroom(as_of=NOW, requests_limit=10, requests_remaining=0, requests_reset_at=in_s(30), tokens_limit=1)
    two = Headroom(as_of=in_s(5), requests_limit=20, requests_remaining=20)
    assert total([one, two]) == Headroom(
        as_of=in_s(5), requests_limit=30, requests_remaining=20, requests_reset_at=in_s(30)
    )
    assert total([]) is None
    assert total([Headroom(as_of=NOW, tokens_limit=5), Headroom(as_of=NOW, requests_limit=5)]) is None


texts = (
    st.text(max_size=20)
    | st.integers().map(str)
    | st.floats().map(str)
    | st.sampled_from(["6m0s", "2026-11-21T25", "9999-12-31T23:59:59-12:00"])
)
names = st.sampled_from(
    [
        *(f"x-ratelimit-{what}-{kind}" for what in ("limit", "remaining", "reset") for kind in ("requests", "tokens")),
        *(f"anthropic-ratelimit-output-tokens-{what}" for what in ("limit", "remaining", "reset")),
        "x-ratelimit-reset",
        "x-ratelimit-remaining",
    ]
)


@given(st.dictionaries(names, texts), st.floats(0, 1e6))
def test_whatever_the_headers_say_a_headroom_makes_sense(told: dict[str, str], later: float) -> None:
    headroom = read_headroom(told, NOW)
    if headroom is None:
        return
    for known in (headroom, renewed(headroom, in_s(later))):
        assert 0 <= known.requests_remaining <= known.requests_limit
        assert 0 <= known.tokens_remaining <= known.tokens_limit
        assert 0 <= share_left(known) <= 1
