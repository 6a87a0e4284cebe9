"""What the six models that savings are measured with are chosen for."""

import pytest

from controlplane.catalog.model import Capability
from controlplane.decision.model import Constraints, ReasonCode
from tests.support.decisions import asked, decided, explained, features, models


@pytest.mark.parametrize(
    ("complexity", "floor", "model", "cost_nanousd"),
    [
        ("simple", 0.7, "gemini-1.5-flash", 31_500),
        ("moderate", 0.8, "gpt-4o-mini", 135_000),
        ("complex", 0.9, "gemini-1.5-pro", 2_125_000),
        ("expert", 0.95, "gpt-4o", 6_250_000),
    ],
)
def test_the_cheapest_that_reaches_the_floor_of_its_complexity_is_chosen(
    complexity: str, floor: float, model: str, cost_nanousd: int
) -> None:
    decision = decided(asked("chat", complexity))
    assert decision.targets[0].model == model
    assert decision.targets[0].estimate.cost_nanousd == cost_nanousd
    assert (decision.floor.quality, decision.floor.source) == (floor, "complexity")
    assert decision.reason_code is ReasonCode.CHEAPEST


@pytest.mark.parametrize(
    ("task_type", "able"),
    [
        ("code", 6),
        ("reasoning", 6),
        ("creative", 3),
        ("chat", 6),
        ("qa", 6),
        ("summarization", 6),
        ("extraction", 6),
        ("translation", 6),
    ],
)
def test_a_kind_of_work_is_for_models_with_its_capability(task_type: str, able: int) -> None:
    decision = explained(asked(task_type, "simple"))
    assert sum(each.exclusion is None for each in decision.candidates) == able


def test_creative_work_goes_past_the_cheapest_that_lacks_it() -> None:
    decision = decided(asked("creative", "simple"))
    assert models(decision) == ["gpt-4o-mini", "claude-3-5-sonnet", "gpt-4o"]


def test_a_picture_goes_to_a_model_that_sees() -> None:
    assert models(decided(asked("qa", "simple", features=features(images=1)))) == ["gemini-1.5-pro", "gpt-4o"]


def test_long_context_can_be_asked_for() -> None:
    constraints = Constraints(capabilities=frozenset({Capability.LONG_CONTEXT}))
    assert models(decided(asked("qa", "simple", constraints=constraints))) == ["gemini-1.5-pro", "claude-3-5-sonnet"]


def test_a_long_request_goes_to_models_whose_window_holds_it() -> None:
    decision = decided(asked("qa", "simple", features=features(input_tokens=500_000)))
    assert models(decision) == ["gemini-1.5-flash", "gemini-1.5-pro"]


def test_where_nothing_reaches_the_floor_the_best_answers_and_the_decision_says_so() -> None:
    decision = decided(asked("chat", "simple", constraints=Constraints(min_quality=0.99)))
    assert models(decision) == ["gpt-4o", "claude-3-5-sonnet", "gemini-1.5-pro"]
    assert decision.reason_code is ReasonCode.BEST_AVAILABLE
    assert "best of 6 for simple chat: 0.95, and none reaches the 0.99 that the request wants" in decision.reason_text
    assert "quality_floor_unmet" in decision.notices


def test_the_baseline_is_what_the_workloads_model_would_have_cost() -> None:
    baseline = decided(asked("chat", "moderate")).baseline
    assert baseline is not None
    assert (baseline.model, baseline.cost_nanousd) == ("gpt-4o", 2_250_000)
