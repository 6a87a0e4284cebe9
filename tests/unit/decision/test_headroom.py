"""What providers' rate limits leave, and who is passed over for want of it."""

from datetime import timedelta

import pytest

from controlplane.decision.model import Decision, Exclusion
from controlplane.snapshot.model import Headroom, HealthState, Live, Room
from tests.support.catalogs import NOW, catalog, model, price
from tests.support.decisions import asked, candidate, deployments, exclusions, explained, health, with_headroom

FLASH = "google/gemini-1.5-flash"
MINI = "openai/gpt-4o-mini"


def told(
    *, requests: int | None = None, tokens: int | None = None, resets_in: float | None = 30, age: float = 0
) -> Headroom:
    """What is left of 60 requests and 100,000 tokens; None is not told."""
    reset_at = None if resets_in is None else NOW + timedelta(seconds=resets_in)
    return Headroom(
        as_of=NOW - timedelta(seconds=age),
        requests=None if requests is None else Room(limit=60, remaining=requests, reset_at=reset_at),
        tokens=None if tokens is None else Room(limit=100_000, remaining=tokens, reset_at=reset_at),
    )


def simple(live: Live) -> Decision:
    """A simple request of 100 tokens in, and 80 expected out: gemini-1.5-flash is the cheapest for it."""
    return explained(asked(complexity="simple"), live=live)


@pytest.mark.parametrize(
    ("headroom", "passed_over"),
    [
        (told(requests=0), True),
        (told(requests=1), False),
        (told(tokens=179), True),
        (told(tokens=180), False),
        (told(requests=5, tokens=0), True),
        (told(requests=0, resets_in=0), False),
        (told(requests=0, resets_in=-1), False),
        (told(requests=0, resets_in=None, age=59), True),
        (told(requests=0, resets_in=None, age=60), False),
        (told(), False),
    ],
)
def test_who_has_no_room_until_the_limit_begins_anew_is_passed_over(headroom: Headroom, passed_over: bool) -> None:
    decision = simple(with_headroom({FLASH: headroom}))
    assert (exclusions(decision).get(candidate(decision, FLASH).deployment) is Exclusion.RATE_LIMIT) == passed_over
    assert deployments(decision)[0] == (MINI if passed_over else FLASH)


def test_the_reason_tells_what_is_left_and_what_is_needed() -> None:
    decision = simple(with_headroom({FLASH: told(tokens=100)}))
    assert candidate(decision, FLASH).detail == (
        "its provider's rate limit has 100 of 100,000 tokens left until 2026-11-21T12:00:30+00:00, and 180 may be needed"
    )


def test_rate_limits_never_keep_all_out_and_the_decision_says_so() -> None:
    full = {name: told(requests=0) for name in deployments_of_all()}
    decision = simple(with_headroom(full))
    assert deployments(decision)[0] == FLASH
    assert decision.reason_text.endswith("; no rate limit has room, so it is tried all the same")
    assert "rate limits: none of those that may serve has room, so they are taken all the same" in decision.steps
    assert candidate(decision, FLASH).detail.startswith(
        "serves in spite of this: its provider's rate limit has 0 of 60"
    )


def test_who_has_no_room_is_taken_before_one_whose_breaker_is_open() -> None:
    everyone = [*deployments_of_all()]
    ill = health({name: HealthState.OPEN for name in everyone if name != MINI})
    decision = simple(with_headroom({MINI: told(requests=0)}, ill))
    assert deployments(decision) == [MINI]


def deployments_of_all() -> list[str]:
    """Every deployment of the seed."""
    return [each.deployment for each in simple(Live()).candidates]


def test_among_equals_more_room_comes_first() -> None:
    known = catalog(models=[model(name, price=price(1, 1)) for name in ("one", "two")])
    tight, roomy = told(requests=6), told(requests=54)
    assert deployments(explained(asked(), known, with_headroom({"openai/one": tight})))[0] == "openai/two"
    assert deployments(explained(asked(), known, with_headroom({"openai/two": tight})))[0] == "openai/one"
    both = with_headroom({"openai/one": tight, "openai/two": roomy})
    assert deployments(explained(asked(), known, both))[0] == "openai/two"
    assert deployments(explained(asked(), known))[0] == "openai/one"
