"""How the semantic strategy takes the models of a request's route, and what it leaves to others."""

from dataclasses import replace

import pytest

from controlplane.catalog.model import ModelName
from controlplane.classification.model import Nearness
from controlplane.decision.contrast import why_not
from controlplane.decision.model import Exclusion, ReasonCode, Request
from controlplane.policy.model import (
    Override,
    Policy,
    RouteName,
    RouteSetName,
    RouteTarget,
    Selector,
    Strategy,
    StrategyKind,
)
from controlplane.snapshot.model import HealthState, Live
from tests.support.catalogs import catalog, policy, workload
from tests.support.decisions import asked, candidate, decided, deployments, exclusions, explained, health, models


def near(route: str, similarity: float = 0.83, threshold: float = 0.71) -> Request:
    """A simple request that is this near to a route."""
    usual = asked("chat", "simple")
    found = Nearness(route=route, similarity=similarity, threshold=threshold)
    return replace(usual, classification=replace(usual.classification, nearest=found))


def routed(otherwise: Strategy | None = None, **targets: RouteTarget) -> Policy:
    """The policy `default` that takes routes to targets."""
    strategy = Strategy(
        kind=StrategyKind.SEMANTIC,
        routes=tuple((RouteName(name), target) for name, target in targets.items()),
        otherwise=otherwise or Strategy(kind=StrategyKind.CHEAPEST),
    )
    return policy("default", strategy=strategy, routes=RouteSetName("helpdesk"))


def to(*names: str) -> RouteTarget:
    """These models, the best first."""
    return RouteTarget(models=tuple(ModelName(name) for name in names))


BILLING = catalog(policies=[routed(billing=to("claude-3-5-sonnet", "gpt-4o"))])


def test_the_models_of_the_route_come_in_their_order_and_before_all_others() -> None:
    decision = decided(near("billing"), BILLING)
    assert models(decision)[0] == "claude-3-5-sonnet"
    assert decision.reason_code is ReasonCode.SEMANTIC
    scores = {str(each.model): each.score for each in explained(near("billing"), BILLING).candidates}
    assert (scores["claude-3-5-sonnet"], scores["gpt-4o"]) == (1.0, 0.5)
    assert scores["gemini-1.5-flash"] < 0


def test_the_reason_tells_route_similarity_and_threshold() -> None:
    told = explained(near("billing"), BILLING)
    assert told.reason_text.startswith("because route billing matched at 0.83, threshold 0.71: quality 0.94")
    assert "route billing: matched at 0.83, threshold 0.71" in told.steps
    assert "semantic route of the request names claude-3-5-sonnet before" in why_not(told, "gpt-4o")


def test_figures_that_look_alike_are_told_with_more_digits() -> None:
    told = explained(near("billing", 0.7101, 0.7099), BILLING)
    assert "matched at 0.7101, threshold 0.7099" in told.reason_text


def test_a_similarity_at_the_threshold_is_near_enough() -> None:
    assert decided(near("billing", 0.71, 0.71), BILLING).reason_code is ReasonCode.SEMANTIC


@pytest.mark.parametrize("threshold", [0.84, 1.0])
def test_out_of_scope_another_strategy_chooses_and_says_so(threshold: float) -> None:
    told = explained(near("billing", 0.83, threshold), BILLING)
    assert (models(told)[0], told.reason_code) == ("gemini-1.5-flash", ReasonCode.CHEAPEST)
    assert any(step.startswith("route: none is near enough; the nearest is billing at 0.83") for step in told.steps)
    assert "route: out of scope, so `cheapest` decides" in told.steps


def test_a_route_without_models_is_left_to_the_other_strategy() -> None:
    told = explained(near("refunds"), BILLING)
    assert told.reason_code is ReasonCode.CHEAPEST
    assert "route refunds: the strategy names no model for it, so `cheapest` decides" in told.steps


def test_without_a_vector_the_other_strategy_chooses_and_says_so() -> None:
    told = explained(asked("chat", "simple"), BILLING)
    assert told.reason_code is ReasonCode.CHEAPEST
    assert "route: the request has no vector that could be compared with the examples" in told.steps


def test_a_tier_is_chosen_from_as_the_other_strategy_would() -> None:
    known = catalog(policies=[routed(billing=RouteTarget(tier="flagship"))])
    decision = decided(near("billing"), known)
    assert (models(decision)[0], decision.reason_code) == ("gemini-1.5-pro", ReasonCode.SEMANTIC)


def test_where_the_models_of_the_route_may_not_serve_the_other_strategy_chooses() -> None:
    down = health({"anthropic/claude-3-5-sonnet": HealthState.OPEN, "openai/gpt-4o": HealthState.OPEN})
    told = explained(near("billing"), BILLING, down)
    assert (models(told)[0], told.reason_code) == ("gemini-1.5-flash", ReasonCode.CHEAPEST)
    assert "route billing: none of its models may serve, so `cheapest` decides" in told.steps


def test_the_floor_of_quality_holds_for_the_models_of_a_route_too() -> None:
    known = catalog(policies=[routed(billing=to("gemini-1.5-flash"))])
    hard = near("billing")
    hard = replace(
        hard, classification=replace(hard.classification, complexity=asked("chat", "complex").classification.complexity)
    )
    told = explained(hard, known)
    assert told.reason_code is ReasonCode.CHEAPEST
    assert candidate(told, "google/gemini-1.5-flash").exclusion in (None, Exclusion.QUALITY)
    assert models(told)[0] != "gemini-1.5-flash"


def test_beside_a_fixed_strategy_only_named_models_may_serve() -> None:
    fixed = Strategy(kind=StrategyKind.FIXED, models=(ModelName("gpt-4o"),))
    known = catalog(policies=[routed(fixed, billing=to("gpt-4o-mini"), hard=RouteTarget(tier="middle"))])
    told = explained(near("billing"), known)
    assert models(told)[0] == "gpt-4o-mini"
    assert exclusions(told) == {
        "anthropic/claude-3-5-haiku": Exclusion.POLICY_DENIES,
        "google/gemini-1.5-flash": Exclusion.POLICY_DENIES,
        "google/gemini-1.5-pro": Exclusion.POLICY_DENIES,
    }
    assert "semantic strategy of the policy default does not name" in candidate(told, "google/gemini-1.5-pro").detail


def test_a_weighted_strategy_draws_out_of_scope_alone() -> None:
    lots = Strategy(kind=StrategyKind.WEIGHTED, weights=((ModelName("gpt-4o"), 1), (ModelName("gpt-4o-mini"), 1)))
    known = catalog(policies=[routed(lots, billing=to("claude-3-5-haiku"))])
    assert {decided(near("billing"), known, draw=draw).propensity for draw in (0.1, 0.9)} == {1.0}
    outside = [decided(near("billing", 0.1), known, draw=draw) for draw in (0.1, 0.9)]
    assert {deployments(each)[0] for each in outside} == {"openai/gpt-4o", "openai/gpt-4o-mini"}
    assert {each.propensity for each in outside} == {0.5}


LOTS = Strategy(kind=StrategyKind.WEIGHTED, weights=((ModelName("gpt-4o"), 3), (ModelName("gpt-4o-mini"), 1)))
"""Three lots of four for the one, one for the other, where no route decides."""
DRAWN = catalog(policies=[routed(LOTS, billing=to("claude-3-5-haiku"), hard=to("claude-3-5-sonnet", "gemini-1.5-pro"))])


def shares(request: Request, live: Live) -> dict[tuple[str, str], float]:
    """How often each model is first and for which reason, over even draws."""
    found = [decided(request, DRAWN, live, draw=(number + 0.5) / 80) for number in range(80)]
    firsts = [(models(each)[0], str(each.reason_code)) for each in found]
    return {first: firsts.count(first) / 80 for first in firsts}


def test_where_the_models_of_the_route_may_not_serve_weights_are_drawn_by() -> None:
    down = health({"anthropic/claude-3-5-haiku": HealthState.OPEN})
    drawn = {("gpt-4o", "weighted"): 0.75, ("gpt-4o-mini", "weighted"): 0.25}
    assert shares(near("billing"), down) == drawn == shares(near("billing", 0.1), down)
    assert {decided(near("billing"), DRAWN, down, draw=draw).propensity for draw in (0.1, 0.9)} == {0.75, 0.25}


def test_while_the_model_of_the_route_is_probed_weights_are_drawn_by_for_the_rest() -> None:
    probed = health({"anthropic/claude-3-5-haiku": HealthState.HALF_OPEN})
    found = shares(near("billing"), probed)
    assert found["claude-3-5-haiku", "semantic"] == pytest.approx(0.05, abs=1 / 80)
    assert found["gpt-4o", "weighted"] == pytest.approx(0.95 * 0.75, abs=1 / 80)
    assert found["gpt-4o-mini", "weighted"] == pytest.approx(0.95 * 0.25, abs=1 / 80)


@pytest.mark.parametrize(
    "otherwise", [LOTS, Strategy(kind=StrategyKind.FIXED, models=(ModelName("gpt-4o"), ModelName("gpt-4o-mini")))]
)
@pytest.mark.parametrize(
    ("route", "said"),
    [
        ("", "route: out of scope, and none of those that `{}` names may serve"),
        ("refunds", "route refunds: the strategy names no model for it, and none of those that `{}` names may serve"),
        ("billing", "route billing: none of its models may serve, nor any that `{}` names"),
    ],
)
def test_a_model_of_another_route_that_stands_in_is_not_said_to_be_what_the_other_strategy_chose(
    otherwise: Strategy, route: str, said: str
) -> None:
    targets = {"billing": to("claude-3-5-haiku"), "hard": to("claude-3-5-sonnet", "gemini-1.5-pro")}
    known = catalog(policies=[routed(otherwise, **targets)])
    names = ("openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-3-5-haiku")
    down = health(dict.fromkeys(names, HealthState.OPEN))
    request = near(route or "billing", 0.83 if route else 0.1)
    told = explained(request, known, down)
    assert (models(told)[0], told.reason_code) == ("gemini-1.5-pro", ReasonCode.CHEAPEST)
    assert told.reason_text.startswith("cheapest of 2 that reach")
    assert f"{said.format(otherwise.kind)}, so the cheapest of what other routes name is taken" in told.steps
    assert "$" in why_not(told, "claude-3-5-sonnet")
    alone = health({"openai/gpt-4o": HealthState.OPEN})
    assert decided(near("billing", 0.1), known, alone).reason_code is ReasonCode(otherwise.kind)


def test_overrides_and_workloads_may_be_for_a_route() -> None:
    on_billing = Selector(routes=frozenset({RouteName("billing")}))
    careful = Override(name="careful", when=on_billing, model=ModelName("gpt-4o"))
    known = catalog(
        policies=[policy(overrides=(careful,)), policy("other")],
        workloads=[workload("desk", when=on_billing), workload()],
    )
    inside, outside = decided(near("billing"), known), decided(near("billing", 0.1), known)
    assert (inside.workload, inside.reason_code) == ("desk", ReasonCode.OVERRIDE)
    assert (outside.workload, outside.reason_code) == ("default", ReasonCode.CHEAPEST)
