"""The least quality that counts as good enough, and who asks for it."""

import pytest

from controlplane.decision.model import Constraints, Notice
from tests.support.catalogs import catalog, policy
from tests.support.decisions import asked, at_least, decided, explained, models

FLOORS = {"simple": 0.7, "moderate": 0.8, "complex": 0.9, "expert": 0.95}


@pytest.mark.parametrize(("complexity", "floor"), FLOORS.items())
def test_each_complexity_has_its_floor(complexity: str, floor: float) -> None:
    decision = explained(asked("chat", complexity))
    assert (decision.floor.quality, decision.floor.source) == (floor, "complexity")
    assert f"floor {floor:.2f}: the policy's for {complexity}" in decision.steps
    assert all(target.estimate.quality >= floor for target in decision.targets[:1])


@pytest.mark.parametrize(("complexity", "next_floor"), list(zip(FLOORS, [0.8, 0.9, 0.95, 0.95], strict=True)))
def test_an_unsure_class_is_held_to_the_floor_of_the_next(complexity: str, next_floor: float) -> None:
    decision = explained(asked("chat", complexity, confidence=0.49))
    assert decision.floor.quality == next_floor
    assert Notice.LOW_CONFIDENCE in decision.notices
    assert "; confidence 0.49 is under 0.50, so it was taken for " in decision.steps[2]


def test_confidence_that_is_just_enough_is_enough() -> None:
    decision = decided(asked("chat", "simple", confidence=0.5))
    assert (decision.floor.quality, Notice.LOW_CONFIDENCE in decision.notices) == (0.7, False)


def test_a_policy_may_do_without_the_step_up() -> None:
    bold = catalog(policies=[policy(low_confidence=0.0)])
    assert decided(asked("chat", "simple", confidence=0.0), bold).floor.quality == 0.7


@pytest.mark.parametrize(
    ("override", "request_asks", "floor", "source"),
    [
        (None, None, 0.8, "complexity"),
        (0.5, 0.5, 0.8, "complexity"),
        (0.9, None, 0.9, "override"),
        (None, 0.9, 0.9, "request"),
        (0.9, 0.94, 0.94, "request"),
        (0.94, 0.9, 0.94, "override"),
        (0.9, 0.9, 0.9, "override"),
        (0.8, 0.8, 0.8, "complexity"),
    ],
)
def test_the_highest_of_policy_override_and_request_counts(
    override: float | None, request_asks: float | None, floor: float, source: str
) -> None:
    careful = policy(overrides=() if override is None else (at_least(override),))
    request = asked("chat", "moderate", constraints=Constraints(min_quality=request_asks))
    decision = decided(request, catalog(policies=[careful]))
    assert (decision.floor.quality, decision.floor.source) == (floor, source)


def test_a_quality_that_is_exactly_the_floor_reaches_it() -> None:
    """gpt-4o has 0.95, and expert asks for 0.95."""
    decision = decided(asked("chat", "expert"))
    assert models(decision)[0] == "gpt-4o"
    assert Notice.QUALITY_FLOOR_UNMET not in decision.notices


def test_a_policy_has_its_own_floors() -> None:
    lenient = policy(quality_floors={})
    assert models(decided(asked("chat", "expert"), catalog(policies=[lenient])))[0] == "gemini-1.5-flash"


def test_where_others_reach_the_floor_who_does_not_is_told_so() -> None:
    decision = explained(asked("chat", "expert", constraints=Constraints()))
    told = {str(each.deployment): each.detail for each in decision.candidates if each.exclusion == "quality"}
    assert told["google/gemini-1.5-flash"] == "reaches quality 0.78 for chat, the policy wants 0.95"
    assert "openai/gpt-4o" not in told


def test_a_fallback_under_the_floor_is_there_for_want_of_better_and_says_so() -> None:
    decision = explained(asked("chat", "expert"))
    second = next(each for each in decision.candidates if each.rank == 2)
    assert (second.deployment, second.exclusion) == ("anthropic/claude-3-5-sonnet", None)
    assert second.detail == "serves only for want of better: reaches quality 0.94 for chat, the policy wants 0.95"


def test_the_best_there_is_comes_in_order_of_quality() -> None:
    decision = explained(asked("chat", "simple", constraints=Constraints(min_quality=1.0)))
    able = sorted((each for each in decision.candidates if each.exclusion is None), key=lambda each: each.score)
    assert [each.score for each in able] == [each.estimate.quality for each in able]
    assert models(decision)[0] == able[-1].model == "gpt-4o"
    assert "floor 1.00: nothing that may serve reaches it, so the best there is is taken" in decision.steps
