"""The bounds that a decision puts on its execution."""

from datetime import timedelta

import pytest

from controlplane.decision.model import Limits
from controlplane.policy.model import ExecutionLimits
from tests.support.catalogs import catalog, model, policy
from tests.support.decisions import asked, decided, features, insisting


def bounds(of_policy: ExecutionLimits | None = None, **asking: object) -> Limits:
    """The limits of a decision on two models, one of which writes 1,000 tokens at most."""
    models = [model("long"), model("terse", provider="other", max_output_tokens=1_000)]
    known = catalog(models=models, policies=[policy(limits=of_policy or ExecutionLimits())])
    wanted = features(max_output_tokens=asking.get("tokens", 0))
    constraints = insisting(max_cost_nanousd=asking.get("cost"))
    return decided(asked(features=wanted, constraints=constraints), known).limits


def test_attempts_are_the_policys() -> None:
    assert bounds(ExecutionLimits(max_attempts=7)).max_attempts == 7


@pytest.mark.parametrize(
    ("allowed", "wanted", "limit"), [(4_096, 0, 1_000), (500, 0, 500), (4_096, 200, 200), (100, 200, 100)]
)
def test_an_answer_is_as_long_as_policy_caller_and_every_target_allow(allowed: int, wanted: int, limit: int) -> None:
    assert bounds(ExecutionLimits(max_output_tokens=allowed), tokens=wanted).max_output_tokens == limit


def test_a_target_that_cannot_write_as_much_as_is_asked_for_is_no_fallback_and_no_limit() -> None:
    assert bounds(tokens=2_000).max_output_tokens == 2_000


@pytest.mark.parametrize(
    ("allowed", "asked_for", "cap"), [(0, None, 0), (0, 9_000_000, 9_000_000), (8_000_000, None, 8_000_000)]
)
def test_the_cap_is_the_one_that_there_is(allowed: int, asked_for: int | None, cap: int) -> None:
    assert bounds(ExecutionLimits(max_cost_nanousd=allowed), cost=asked_for).max_cost_nanousd == cap


@pytest.mark.parametrize(("allowed", "asked_for"), [(8_000_000, 9_000_000), (9_000_000, 8_000_000)])
def test_of_two_caps_the_tighter_one_holds(allowed: int, asked_for: int) -> None:
    assert bounds(ExecutionLimits(max_cost_nanousd=allowed), cost=asked_for).max_cost_nanousd == 8_000_000


def test_the_deadline_is_the_policys() -> None:
    assert bounds(ExecutionLimits(deadline=timedelta(seconds=5))).deadline == timedelta(seconds=5)
