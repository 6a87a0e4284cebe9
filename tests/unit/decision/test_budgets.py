"""What a decision holds in budgets, and who is left out for want of room."""

from dataclasses import replace

import pytest

from controlplane.budget.model import (
    Account,
    AccountId,
    Balance,
    Budget,
    BudgetName,
    Dimension,
    Measure,
    Window,
)
from controlplane.catalog.model import Deployment, DeploymentName, Model
from controlplane.decision.contrast import why_not
from controlplane.decision.model import Decision, Exclusion, Notice
from controlplane.policy.model import ExecutionLimits, NearEnd, NearEndAction
from tests.support.catalogs import catalog, deployment, model, policy, price
from tests.support.decisions import asked, candidate, decided, deployments, explained

LIMITS = ExecutionLimits(max_output_tokens=1_000, fallbacks=3)
CALL = 1_177_000
"""Nano-dollars of the dearest call of `dear`: 100 tokens, 13 and 64 more, and an answer of 1,000, at $1 per million."""


def dear(name: str = "dear", **changes: object) -> Model:
    """A model at $1 per million tokens."""
    return model(name, price=price(1, 1), **changes)


def twice(of: Model) -> list[Deployment]:
    """Two deployments of a model, at two providers."""
    return [
        deployment(of, name=DeploymentName(f"{place}/{of.name}"), provider=place, weight=weight)
        for place, weight in (("east", 1), ("west", 0))
    ]


def total(limit: int, name: str = "all", **changes: object) -> Budget:
    """A budget that never begins anew."""
    made = Budget(name=BudgetName(name), limit=limit, window=Window.TOTAL)
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def told(
    *budgets: Budget, known: list[Deployment] | None = None, models: list[Model] | None = None, runs: int = 1
) -> Decision:
    """The explained decision on two deployments of one model, unless told otherwise."""
    kinds = models or [dear()]
    placed = known or [each for kind in kinds for each in twice(kind)]
    of = catalog(models=[*kinds, model()], deployments=placed, policies=[policy(limits=LIMITS)], budgets=budgets)
    return explained(asked(max_runs=runs), of)


def held(decision: Decision) -> dict[tuple[str, str], int]:
    """What is held, by account and model."""
    return {(hold.account.id, hold.model): hold.amount for hold in decision.holds}


def test_a_run_holds_the_dearest_call_of_each_target() -> None:
    decision = told(total(10 * CALL))
    assert [target.max_cost_nanousd for target in decision.targets] == [CALL, CALL]
    assert (decision.reserved_nanousd, held(decision)) == (2 * CALL, {("all", ""): 2 * CALL})


def test_no_more_calls_are_held_than_may_be_made() -> None:
    of = catalog(
        models=[dear(), model()],
        deployments=twice(dear()),
        policies=[policy(limits=replace(LIMITS, max_attempts=1))],
        budgets=[total(10 * CALL)],
    )
    assert decided(asked(), of).reserved_nanousd == CALL


@pytest.mark.parametrize(("limit", "reserved"), [(2 * CALL - 1, 2 * CALL - 1), (CALL, CALL)])
def test_what_is_left_bounds_a_run(limit: int, reserved: int) -> None:
    decision = told(total(limit))
    assert (len(decision.targets), decision.reserved_nanousd) == (2, reserved)


def test_a_nano_dollar_less_than_the_first_call_is_too_little() -> None:
    decision = told(total(CALL - 1))
    (short,) = decision.shortages
    assert (decision.targets, short.hold.amount, short.hold.limit) == ((), CALL, CALL - 1)
    assert decision.expected_latency == told(total(CALL)).targets[0].estimate.latency


def test_each_run_needs_as_much() -> None:
    assert told(total(3 * CALL), runs=3).reserved_nanousd == CALL
    (short,) = told(total(3 * CALL - 1), runs=3).shortages
    assert short.hold.amount == 3 * CALL


def test_of_one_models_budget_each_of_its_targets_takes_its_part() -> None:
    one = frozenset({"dear"})
    decision = told(total(2 * CALL, models=one))
    assert (len(decision.targets), held(decision)) == (2, {("all", "dear"): 2 * CALL})
    decision = told(total(2 * CALL - 1, models=one))
    assert (deployments(decision), held(decision)) == (["east/dear"], {("all", "dear"): CALL})
    assert candidate(decision, "west/dear").detail == "no fallback: budgets have no room for it as well"
    assert Notice.NO_FALLBACK in decision.notices


def test_models_that_share_a_budget_share_its_room() -> None:
    pair = [dear("a"), dear("b")]
    placed = [deployment(each, provider=each.name) for each in pair]
    both = frozenset({"a", "b"})
    decision = told(total(2 * CALL, models=both), known=placed, models=pair)
    assert held(decision) == {("all", "a"): CALL, ("all", "b"): CALL}
    assert len(told(total(2 * CALL - 1, models=both), known=placed, models=pair).targets) == 1


def test_models_with_a_budget_each_do_not() -> None:
    pair = [dear("a"), dear("b")]
    placed = [deployment(each, provider=each.name) for each in pair]
    decision = told(total(CALL, per=frozenset({Dimension.MODEL})), known=placed, models=pair)
    assert held(decision) == {("all{model=a}", "a"): CALL, ("all{model=b}", "b"): CALL}


def test_tokens_are_held_for_the_longest_call_and_requests_for_the_run() -> None:
    decision = told(total(10_000, measure=Measure.TOKENS), total(10, "rate", measure=Measure.REQUESTS))
    assert held(decision) == {("all", ""): 1_177, ("rate", ""): 1}
    assert decision.reserved_nanousd is None
    estimate = decision.targets[0].estimate
    assert [hold.estimate for hold in decision.holds] == [estimate.input_tokens + estimate.output_tokens, 1]


def test_another_makers_tokens_may_be_half_as_many_more() -> None:
    decision = told(total(10 * CALL), models=[dear(provider="other")])
    assert decision.targets[0].max_cost_nanousd == (100 + 50 + 512 + 1_000) * 1_000


def test_input_is_paid_at_its_dearest_price() -> None:
    written = replace(price(1, 1), cache_write_nanousd_per_mtok=2_000_000_000)
    decision = told(total(10 * CALL), models=[replace(dear(), price=written)])
    assert decision.targets[0].max_cost_nanousd == 177 * 2_000 + 1_000 * 1_000


def test_a_model_without_a_price_is_refused_where_money_counts_unless_it_is_free() -> None:
    nothing = replace(dear(), price=price(0, 0))
    decision = told(total(CALL), models=[nothing])
    assert (decision.targets, decision.shortages) == ((), ())
    assert candidate(decision, "east/dear").exclusion is Exclusion.BUDGET
    assert "has no price and is not marked `free`" in candidate(decision, "east/dear").detail
    assert told(total(9, measure=Measure.REQUESTS), models=[nothing]).targets
    free = told(total(0), models=[replace(nothing, free=True)])
    assert (len(free.targets), free.holds, free.reserved_nanousd) == (2, (), 0)


def test_where_a_policy_refuses_the_others_say_that_they_might_have_served() -> None:
    pair = [dear("first", quality=0.9), dear("second", quality=0.95)]
    placed = [deployment(each, provider=each.name) for each in pair]
    decision = told(total(CALL - 1, models=frozenset({"second"})), known=placed, models=pair)
    assert decision.shortages
    assert candidate(decision, "openai/second").exclusion is Exclusion.BUDGET
    assert "the policy refuses what its first choice has no room for" in why_not(decision, "first")


def test_a_policy_that_degrades_takes_the_other() -> None:
    pair = [dear("first", quality=0.9), dear("second", quality=0.95)]
    placed = [deployment(each, provider=each.name) for each in pair]
    of = catalog(
        models=[*pair, model()],
        deployments=placed,
        policies=[policy(limits=LIMITS, budget=NearEnd(action=NearEndAction.DEGRADE))],
        budgets=[total(CALL, models=frozenset({"second"}))],
    )
    used = {Account(id=AccountId("all"), window_start=0): Balance(spent=1)}
    assert deployments(explained(asked(), of)) == ["openai/second", "openai/first"]
    assert deployments(explained(asked(), of, balances=used)) == ["openai/first"]


def test_a_budget_that_was_lowered_to_nothing_counts_as_the_nearest_to_its_end() -> None:
    free = replace(dear(), price=price(0, 0), free=True)
    of = catalog(
        models=[free, model()],
        deployments=twice(free),
        policies=[policy(limits=LIMITS, budget=NearEnd(action=NearEndAction.DEGRADE))],
        budgets=[total(0), total(100, "other")],
    )
    used = {Account(id=AccountId(name), window_start=0): Balance(spent=99) for name in ("all", "other")}
    decision = explained(asked(), of, balances=used)
    assert len(decision.targets) == 2
    assert "all has $0 of $0 left" in decision.reason_text
