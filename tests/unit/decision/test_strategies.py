"""How each strategy compares the models that may serve."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.catalog.model import DeploymentName, Model, ModelName
from controlplane.decision.model import Decision, Exclusion, ReasonCode
from controlplane.policy.model import Policy
from controlplane.snapshot.model import HealthState, Live, Statistics
from tests.support.catalogs import catalog, deployment, model, policy, price, workload
from tests.support.decisions import (
    GRID,
    asked,
    balanced,
    candidate,
    decided,
    deployments,
    exclusions,
    explained,
    fixed,
    health,
    models,
    over_grid,
    pin,
    valued,
    weighted,
)


def shares_of_first(under: Policy, complexity: str = "simple") -> dict[str, float]:
    """Which part of the grid each deployment answers first."""
    known = catalog(policies=[under])
    firsts = [deployments(decision)[0] for decision in over_grid(asked("chat", complexity), known)]
    return {name: firsts.count(name) / len(GRID) for name in set(firsts)}


def terms(decision: Decision, deployment: str) -> dict[str, float]:
    """What the score of a candidate is made of."""
    return {term.name: term.value for term in candidate(decision, deployment).score_terms}


def test_fixed_takes_the_first_of_its_order_and_falls_back_in_it() -> None:
    decision = decided(asked("chat", "simple"), catalog(policies=[fixed("gpt-4o", "gemini-1.5-flash", "gpt-4o-mini")]))
    assert decision.reason_code is ReasonCode.FIXED
    assert models(decision)[0] == "gpt-4o"
    assert decision.propensity == 1.0


def test_fixed_passes_over_what_is_not_good_enough_or_may_not_serve() -> None:
    known = catalog(policies=[fixed("gemini-1.5-flash", "gpt-4o-mini", "gpt-4o")])
    decision = explained(asked("chat", "complex"), known, health({"openai/gpt-4o-mini": HealthState.OPEN}))
    assert models(decision) == ["gpt-4o", "gemini-1.5-flash"]
    assert exclusions(decision)["openai/gpt-4o-mini"] is Exclusion.UNHEALTHY


def test_fixed_scores_one_over_the_place_in_its_order() -> None:
    decision = explained(
        asked("chat", "simple"), catalog(policies=[fixed("gpt-4o", "gemini-1.5-flash", "gpt-4o-mini")])
    )
    assert terms(decision, "google/gemini-1.5-flash") == {"order": 0.5}
    assert candidate(decision, "openai/gpt-4o-mini").score == pytest.approx(1 / 3)


def test_weighted_shares_follow_the_weights() -> None:
    shares = shares_of_first(weighted({"gpt-4o": 1, "gpt-4o-mini": 3, "gemini-1.5-flash": 6}))
    assert shares == {"openai/gpt-4o": 0.1, "openai/gpt-4o-mini": 0.3, "google/gemini-1.5-flash": 0.6}


def test_what_is_not_good_enough_leaves_its_share_to_the_others() -> None:
    shares = shares_of_first(weighted({"gpt-4o": 1, "gpt-4o-mini": 3, "gemini-1.5-flash": 6}), "moderate")
    assert shares == {"openai/gpt-4o": 0.25, "openai/gpt-4o-mini": 0.75}


def test_a_drawn_decision_tells_the_chance_that_its_first_target_had() -> None:
    known = catalog(policies=[weighted({"gpt-4o": 1, "gpt-4o-mini": 3})])
    chances = {models(decision)[0]: decision.propensity for decision in over_grid(of=known)}
    assert chances == {"gpt-4o": 0.25, "gpt-4o-mini": 0.75}
    drawn = decided(of=known)
    assert drawn.reason_code is ReasonCode.WEIGHTED
    assert "drawn by the policy's weights, with a chance of 75.0%" in drawn.reason_text


def test_under_the_floor_nothing_is_drawn_but_the_best_is_taken() -> None:
    known = catalog(policies=[weighted({"gemini-1.5-flash": 99, "gpt-4o-mini": 1})])
    for draw in (0.0, 0.5, 0.999):
        decision = decided(asked("chat", "expert"), known, draw=draw)
        assert (models(decision)[0], decision.propensity) == ("gpt-4o-mini", 1.0)
        assert decision.reason_code is ReasonCode.BEST_AVAILABLE


def test_a_weighted_score_is_the_share_among_those_that_are_good_enough() -> None:
    known = catalog(policies=[weighted({"gpt-4o": 1, "gpt-4o-mini": 3, "gemini-1.5-flash": 6})])
    assert terms(explained(asked("chat", "moderate"), known), "openai/gpt-4o") == {"weight": 0.25}


def tied(*names: str, **changes: object) -> list[Model]:
    """Models that are the same but for their names and `changes`."""
    return [model(name, **changes) for name in names]


def test_a_tie_of_cost_goes_to_the_better_then_the_quicker_then_the_first_by_name() -> None:
    known = tied("b", "a")
    assert models(decided(of=catalog(models=known, workloads=[workload(baseline=ModelName("a"))])))[0] == "a"
    quicker = [*known, model("c", latency=timedelta(seconds=1))]
    assert models(decided(of=catalog(models=quicker)))[0] == "c"
    better = [*quicker, model("d", quality=0.96, latency=timedelta(seconds=9))]
    assert models(decided(of=catalog(models=better)))[0] == "d"
    cheaper = [*better, model("e", price=price(2.49, 10), quality=0.9)]
    assert models(decided(of=catalog(models=cheaper)))[0] == "e"


def test_a_tie_is_never_drawn() -> None:
    known = catalog(models=tied("b", "a", "c"))
    assert {models(decision)[0] for decision in over_grid(of=known)} == {"a"}


def test_cheapest_scores_the_cost_in_dollars() -> None:
    found = candidate(explained(asked("chat", "moderate")), "openai/gpt-4o-mini")
    assert (found.score, found.score_terms[0].name) == (-0.000135, "cost")


def test_balanced_weighs_quality_cost_and_latency_each_between_least_and_most() -> None:
    """Of the five that are good enough, quality runs from 0.82 to 0.95, cost from 135 to 3300, time from 0.6 to 1.5."""
    decision = explained(asked("chat", "moderate"), catalog(policies=[balanced()]))
    assert decision.reason_code is ReasonCode.BALANCED
    mini = terms(decision, "openai/gpt-4o-mini")
    assert mini["quality"] == pytest.approx(0.5 * (0.85 - 0.82) / (0.95 - 0.82))
    assert mini["cost"] == 0.0
    assert mini["latency"] == pytest.approx(-0.15 * (0.8 - 0.6) / (1.5 - 0.6))
    sonnet = terms(decision, "anthropic/claude-3-5-sonnet")
    assert sonnet["cost"] == pytest.approx(-0.35)
    assert candidate(decision, "openai/gpt-4o").score == pytest.approx(0.5 - 0.35 * (2250 - 135) / (3300 - 135) - 0.15)
    assert models(decision)[0] == "gemini-1.5-pro"


@pytest.mark.parametrize(
    ("quality", "cost", "latency", "first"),
    [
        (1.0, 0.0, 0.0, "gpt-4o"),
        (0.0, 1.0, 0.0, "gpt-4o-mini"),
        (0.0, 0.0, 1.0, "claude-3-5-haiku"),
        (0.5, 0.5, 0.0, "gpt-4o"),
        (0.4, 0.6, 0.0, "gpt-4o-mini"),
    ],
)
def test_the_shares_say_what_a_balance_leans_to(quality: float, cost: float, latency: float, first: str) -> None:
    known = catalog(policies=[balanced(quality, cost, latency)])
    assert models(decided(asked("chat", "moderate"), known))[0] == first


def test_a_balance_of_one_or_of_equals_is_even() -> None:
    for known in (tied("a"), tied("a", "b")):
        decision = explained(of=catalog(models=known, policies=[balanced()]))
        assert models(decision)[0] == "a"
        assert set(terms(decision, "openai/a").values()) == {0.0}


def test_what_is_under_the_floor_does_not_move_a_balance() -> None:
    usual = explained(asked("chat", "complex"), catalog(policies=[balanced()]))
    poor = model("poor", price=price(900, 900), quality=0.2, latency=timedelta(seconds=99))
    from_seed = list(catalog().models.values())
    with_poor = explained(asked("chat", "complex"), catalog(models=[*from_seed, poor], policies=[balanced()]))
    assert terms(usual, "openai/gpt-4o") == terms(with_poor, "openai/gpt-4o")


def test_a_measured_speed_moves_a_balance() -> None:
    slow = Statistics(samples=200, latency=timedelta(seconds=9), time_to_first_token=timedelta(seconds=5))
    live = Live(statistics={DeploymentName("anthropic/claude-3-5-haiku"): slow})
    known = catalog(policies=[balanced(0.0, 0.0, 1.0)])
    assert models(decided(asked("chat", "moderate"), known, live))[0] == "gpt-4o-mini"


def test_a_model_is_as_quick_as_its_deployments_are_by_their_weight() -> None:
    """One slow deployment of three quarters of the weight makes its model slow, although the other one is quick."""
    pair, other = model("pair"), model("other", latency=timedelta(seconds=2))
    slow = Statistics(samples=10_000, latency=timedelta(seconds=9), time_to_first_token=timedelta(seconds=3))
    placed = [deployment(pair, name=DeploymentName(f"pair-{weight}"), weight=weight) for weight in (1, 3)]
    known = catalog(models=[pair, other], deployments=[*placed, deployment(other)], policies=[balanced(0.0, 0.0, 1.0)])
    assert models(decided(of=known))[0] == "pair"
    assert models(decided(of=known, live=Live(statistics={DeploymentName("pair-3"): slow})))[0] == "other"
    assert models(decided(of=known, live=Live(statistics={DeploymentName("pair-1"): slow})))[0] == "other"


@pytest.mark.parametrize("under", [policy(), fixed("gpt-4o-mini"), weighted({"gpt-4o-mini": 1}), balanced()])
def test_an_override_that_names_a_model_comes_before_every_strategy(under: Policy) -> None:
    """Even one that the strategy does not name, and that is under the floor of the complexity."""
    known = catalog(policies=[replace(under, overrides=(pin("claude-3-5-haiku"),))])
    decision = decided(asked("chat", "complex"), known)
    assert (models(decision)[0], decision.reason_code) == ("claude-3-5-haiku", ReasonCode.OVERRIDE)


@pytest.mark.parametrize(
    ("worth", "taken"), [(0.001, "gpt-4o-mini"), (0.01, "gpt-4o-mini"), (0.03, "gpt-4o"), (1.0, "gpt-4o")]
)
def test_value_takes_a_dearer_model_only_where_its_gain_is_worth_its_surcharge(worth: float, taken: str) -> None:
    """gpt-4o is 10 points better than gpt-4o-mini and costs $0.0021 more: worth it from $0.021 on."""
    decision = decided(asked("chat", "moderate"), catalog(policies=[valued(worth)]))
    assert (decision.reason_code, models(decision)[0]) == (ReasonCode.VALUE, taken)


def test_value_scores_dollars_of_quality_and_of_cost() -> None:
    decision = explained(asked("chat", "moderate"), catalog(policies=[valued(0.01)]))
    assert terms(decision, "openai/gpt-4o-mini") == {"quality": pytest.approx(0.0085), "cost": -0.000135}
    assert terms(decision, "openai/gpt-4o") == {"quality": pytest.approx(0.0095), "cost": -0.00225}


def test_the_others_follow_by_value_too() -> None:
    decision = explained(asked("chat", "moderate"), catalog(policies=[valued(0.01)]))
    able = [each for each in decision.candidates if each.exclusion is None]
    assert [each.model for each in sorted(able, key=lambda each: -each.score)][:2] == ["gpt-4o-mini", "gemini-1.5-pro"]
    assert models(decision)[1] == "gemini-1.5-pro"


def test_equal_qualities_go_to_the_cheaper() -> None:
    known = [model("dear", price=price(5, 20)), model("cheap", price=price(2, 8))]
    assert (
        models(
            decided(of=catalog(models=known, policies=[valued(1000)], workloads=[workload(baseline=known[0].name)]))
        )[0]
        == "cheap"
    )
