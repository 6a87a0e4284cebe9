"""What workers say of a deployment, and what a decision makes of it."""

from datetime import timedelta

import pytest

from controlplane.decision.model import Constraints, Decision, Exclusion
from controlplane.policy.model import Access
from controlplane.snapshot.model import Catalog, Health, HealthState
from tests.support.catalogs import NOW, catalog, model, policy, price
from tests.support.decisions import asked, candidate, decided, deployments, explained, health, models

TWO = [model("near", provider="one"), model("far", provider="two", price=price(9, 9))]
NEAR, FAR = "one/near", "two/far"


def opened(seconds: float | None = None, cause: str = "") -> Health:
    """An open breaker that is tried again after so many seconds."""
    until = None if seconds is None else NOW + timedelta(seconds=seconds)
    return Health(state=HealthState.OPEN, until=until, cause=cause)


def of_two(**states: Health | HealthState) -> Decision:
    """The decision where `near` is the better one, and both are as said."""
    names = {"near": NEAR, "far": FAR}
    return explained(asked(), catalog(models=TWO), health({names[name]: state for name, state in states.items()}))


def test_what_is_ready_or_unheard_of_serves() -> None:
    assert deployments(of_two()) == deployments(of_two(near=HealthState.READY)) == [NEAR, FAR]


@pytest.mark.parametrize(
    ("state", "reason", "detail"),
    [
        (opened(), Exclusion.UNHEALTHY, "its breaker is open"),
        (opened(9, "timeouts"), Exclusion.UNHEALTHY, "its breaker is open until 2026-11-21T12:00:09+00:00: timeouts"),
        (HealthState.NO_CREDENTIAL, Exclusion.NO_CREDENTIAL, "no worker has its credential"),
        (HealthState.MISCONFIGURED, Exclusion.UNHEALTHY, "misconfigured until the operator acts"),
        (
            Health(state=HealthState.MISCONFIGURED, cause="401 from the provider"),
            Exclusion.UNHEALTHY,
            "misconfigured until the operator acts: 401 from the provider",
        ),
    ],
)
def test_what_is_broken_is_out_and_the_cause_is_told(state: Health, reason: Exclusion, detail: str) -> None:
    decision = of_two(near=state)
    assert deployments(decision) == [FAR]
    assert (candidate(decision, NEAR).exclusion, candidate(decision, NEAR).detail) == (reason, detail)


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_breaker_whose_time_is_over_is_half_open(seconds: int) -> None:
    decision = of_two(near=opened(seconds))
    assert deployments(decision) == [FAR, NEAR]
    assert candidate(decision, NEAR).detail == "its breaker is half-open: it comes behind those that are ready"


def test_open_breakers_never_keep_all_out() -> None:
    decision = of_two(near=opened(30), far=opened())
    assert deployments(decision) == [NEAR, FAR]
    assert decision.reason_text.endswith("; every breaker is open, so it is tried all the same")
    assert "breakers: all that may serve have an open one, so they are taken all the same" in decision.steps
    assert candidate(decision, FAR).detail == "serves in spite of this: its breaker is open"


@pytest.mark.parametrize("state", [HealthState.NO_CREDENTIAL, HealthState.MISCONFIGURED])
def test_what_cannot_work_is_not_tried_even_if_every_breaker_is_open(state: HealthState) -> None:
    assert deployments(of_two(near=state, far=opened())) == [FAR]
    assert deployments(of_two(near=state, far=state)) == []


def test_open_breakers_are_passed_over_only_by_those_that_may_serve_otherwise() -> None:
    known = catalog(models=TWO)
    live = health({NEAR: opened(), FAR: opened()})
    only_far = asked(constraints=Constraints(excluded_models=frozenset({"near"})))
    assert models(decided(only_far, known, live)) == ["far"]
    cheap = asked(constraints=Constraints(max_cost_nanousd=1))
    decision = explained(cheap, known, live)
    assert not decision.targets
    assert {each.exclusion for each in decision.candidates} == {Exclusion.UNHEALTHY}


def test_a_breaker_opens_for_the_moment_of_the_decision() -> None:
    live = health({NEAR: opened(10)})
    known = catalog(models=TWO)
    at = [explained(asked(), known, live, now=NOW + timedelta(seconds=seconds)) for seconds in (9.9, 10)]
    assert [deployments(decision) for decision in at] == [[FAR], [FAR, NEAR]]


def test_what_nobody_knows_any_more_does_no_harm() -> None:
    """A worker may still report a deployment that the catalog has no more."""
    live = health({"gone/gone": opened(), NEAR: HealthState.HALF_OPEN})
    assert deployments(decided(asked(), catalog(models=TWO), live)) == [FAR, NEAR]


def last_resort() -> Catalog:
    """A catalog whose policy allows only `near` and names `far` as its last resort."""
    allowed = policy(access=Access(allow_models=frozenset({"near"})), last_resort=FAR)
    return catalog(models=TWO, policies=[allowed])


def test_a_last_resort_does_not_serve_while_a_breaker_can_be_tried() -> None:
    decision = decided(asked(), last_resort(), health({NEAR: opened()}))
    assert deployments(decision) == [NEAR]


def test_a_last_resort_serves_where_nothing_else_can() -> None:
    decision = explained(asked(), last_resort(), health({NEAR: HealthState.MISCONFIGURED}))
    assert deployments(decision) == [FAR]


def test_a_last_resort_with_an_open_breaker_is_tried_all_the_same() -> None:
    live = health({NEAR: HealthState.MISCONFIGURED, FAR: opened()})
    assert deployments(explained(asked(), last_resort(), live)) == [FAR]
