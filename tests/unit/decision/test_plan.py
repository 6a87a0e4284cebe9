"""Who is called first, and who is called if that fails."""

from collections import Counter

import pytest

from controlplane.catalog.model import Deployment, DeploymentName, Model
from controlplane.decision.draws import PROBE_SHARE
from controlplane.decision.model import Notice
from controlplane.decision.plan import MOST_TARGETS
from controlplane.policy.model import ExecutionLimits
from controlplane.snapshot.model import Catalog, HealthState
from tests.support.catalogs import catalog, deployment, model, policy, price
from tests.support.decisions import (
    GRID,
    asked,
    decided,
    deployments,
    explained,
    fixed,
    health,
    models,
    over_grid,
    pin,
    weighted,
)


def many(fallbacks: int, *made: Model) -> Catalog:
    """A catalog of these models with so many fallbacks."""
    return catalog(models=made, policies=[policy(limits=ExecutionLimits(fallbacks=fallbacks))])


def line(*providers: str) -> list[Model]:
    """Models m0, m1 ... at these providers, each dearer than the one before."""
    return [model(f"m{n}", provider=provider, price=price(1 + n, 1)) for n, provider in enumerate(providers)]


def places(of: Model, weights: dict[str, int]) -> list[Deployment]:
    """Deployments of one model, by name and weight."""
    return [deployment(of, name=DeploymentName(name), weight=weight) for name, weight in weights.items()]


def test_a_fallback_is_sought_at_a_provider_that_the_plan_does_not_use_yet() -> None:
    known = many(3, *line("one", "one", "two", "one", "three"))
    assert models(decided(of=known)) == ["m0", "m2", "m4", "m1"]


def test_providers_take_turns_when_all_are_used() -> None:
    known = many(5, *line("one", "one", "one", "two", "two", "two"))
    assert models(decided(of=known)) == ["m0", "m3", "m1", "m4", "m2", "m5"]


def test_a_fallback_that_reaches_the_floor_comes_before_one_at_another_provider_that_does_not() -> None:
    good = line("one", "one")
    poor = model("poor", provider="two", quality=0.5)
    assert models(decided(of=many(2, *good, poor))) == ["m0", "m1", "poor"]


@pytest.mark.parametrize("fallbacks", [0, 1, 2, 5, 9])
def test_the_policy_says_how_many_fallbacks_there_are(fallbacks: int) -> None:
    known = many(fallbacks, *line("one", "two", "three", "four"))
    assert len(decided(of=known).targets) == min(1 + fallbacks, 4)


def test_a_plan_has_no_more_targets_than_a_signed_decision_carries() -> None:
    known = many(99, *line(*[f"provider-{n}" for n in range(30)]))
    assert len(decided(of=known).targets) == MOST_TARGETS == 16


def test_a_plan_without_a_fallback_says_so() -> None:
    assert Notice.NO_FALLBACK in decided(of=many(2, *line("one"))).notices
    assert Notice.NO_FALLBACK in decided(of=many(0, *line("one", "two"))).notices
    assert Notice.NO_FALLBACK not in decided(of=many(1, *line("one", "two"))).notices


def test_a_plan_at_one_provider_says_so() -> None:
    assert decided(of=many(1, *line("one", "one"))).notices == (Notice.SINGLE_PROVIDER,)
    assert decided(of=many(1, *line("one", "two"))).notices == ()


def test_deployments_of_one_model_share_its_traffic_by_weight() -> None:
    of = model()
    known = catalog(models=[of], deployments=places(of, {"a": 1, "b": 3, "c": 0}))
    firsts = Counter(deployments(decision)[0] for decision in over_grid(of=known))
    assert firsts == {"a": 250, "b": 750}
    assert decided(of=known, draw=0.9).propensity == 0.75


def test_deployments_that_all_weigh_nothing_share_evenly() -> None:
    of = model()
    known = catalog(models=[of], deployments=places(of, {"a": 0, "b": 0}))
    assert Counter(deployments(decision)[0] for decision in over_grid(of=known)) == {"a": 500, "b": 500}


def test_the_other_deployment_of_the_model_is_a_fallback() -> None:
    of = model()
    known = catalog(models=[of], deployments=places(of, {"a": 1, "b": 1}))
    assert [deployments(decided(of=known, draw=draw)) for draw in (0.2, 0.8)] == [["a", "b"], ["b", "a"]]


def test_weights_of_models_and_of_their_deployments_multiply() -> None:
    one, two = model("one"), model("two")
    known = catalog(
        models=[one, two],
        deployments=[*places(one, {"a": 1, "b": 3}), *places(two, {"c": 1})],
        policies=[weighted({"one": 4, "two": 1})],
    )
    firsts = Counter(deployments(decision)[0] for decision in over_grid(of=known))
    assert firsts == {"a": 200, "b": 600, "c": 200}


def test_a_fallback_of_a_weighted_policy_is_drawn_too() -> None:
    """From one draw: what is left of it after the first choice makes the second."""
    one, two, three = (model(name, provider=name) for name in ("one", "two", "three"))
    known = catalog(models=[one, two, three], policies=[weighted({"one": 2, "two": 1, "three": 1})])
    seconds = Counter(tuple(models(decision)[:2]) for decision in over_grid(of=known))
    assert seconds[("one", "two")] == seconds[("one", "three")] == 250
    assert seconds[("two", "one")] == pytest.approx(250 * 2 / 3, abs=1)


def test_a_half_open_deployment_comes_behind_the_ready_ones() -> None:
    known = many(2, *line("one", "two", "three"))
    live = health({"one/m0": HealthState.HALF_OPEN})
    assert models(decided(of=known, live=live, draw=0.5)) == ["m1", "m2", "m0"]


def test_a_twentieth_of_the_decisions_probes_what_is_half_open() -> None:
    known = many(2, *line("one", "two"))
    live = health({"one/m0": HealthState.HALF_OPEN})
    found = over_grid(of=known, live=live)
    probes = [decision for decision in found if models(decision)[0] == "m0"]
    assert len(probes) == len(GRID) * PROBE_SHARE == 50
    assert {decision.propensity for decision in probes} == {PROBE_SHARE}
    assert {decision.propensity for decision in found} == {PROBE_SHARE, 1 - PROBE_SHARE}
    assert probes[0].reason_text.endswith("; its breaker is half-open, this is a probe")


def test_a_half_open_deployment_that_would_not_be_chosen_anyway_gets_no_probe() -> None:
    known = many(2, *line("one", "two"))
    live = health({"two/m1": HealthState.HALF_OPEN})
    assert {models(decision)[0] for decision in over_grid(of=known, live=live)} == {"m0"}


def test_where_all_are_half_open_they_are_taken_as_usual() -> None:
    known = many(2, *line("one", "two"))
    live = health({"one/m0": HealthState.HALF_OPEN, "two/m1": HealthState.HALF_OPEN})
    found = over_grid(of=known, live=live)
    assert {(models(decision)[0], decision.propensity) for decision in found} == {("m0", 1.0)}


def test_a_pinned_model_has_fallbacks_by_the_strategy() -> None:
    known = catalog(policies=[fixed("gemini-1.5-flash", "gpt-4o-mini", overrides=(pin("gpt-4o"),))])
    assert models(decided(asked("chat", "simple"), known)) == ["gpt-4o", "gemini-1.5-flash", "gpt-4o-mini"]


def test_ranks_are_the_places_in_the_plan() -> None:
    decision = explained(asked("chat", "moderate"))
    ranked = sorted((each.rank, each.deployment) for each in decision.candidates if each.rank)
    assert [deployment for _, deployment in ranked] == deployments(decision)
    assert [rank for rank, _ in ranked] == [1, 2, 3]


def test_a_weighted_plan_without_a_weight_for_what_may_serve_falls_back_to_its_order() -> None:
    """A pinned model that the weights do not name is first; the fallbacks are drawn."""
    known = catalog(policies=[weighted({"gpt-4o-mini": 1, "gpt-4o": 1}, overrides=(pin("gemini-1.5-pro"),))])
    found = [decided(asked("chat", "moderate"), known, draw=draw) for draw in (0.1, 0.9)]
    assert [models(decision) for decision in found] == [
        ["gemini-1.5-pro", "gpt-4o", "gpt-4o-mini"],
        ["gemini-1.5-pro", "gpt-4o-mini", "gpt-4o"],
    ]
