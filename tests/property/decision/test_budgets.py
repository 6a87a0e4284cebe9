"""Nothing is planned that an account has no room for, and nothing is refused that all have room for."""

from collections import Counter
from dataclasses import replace

from hypothesis import assume, event, given

from controlplane.budget.model import Account, Measure
from controlplane.decision.model import Decision, Exclusion, Notice, ReasonCode
from controlplane.policy.model import NearEndAction
from tests.property.decision.accounts import (
    accounts,
    budgeted,
    dearest_call,
    ending,
    every_account,
    left,
    placed,
    short,
    uncounted,
    without_budgets,
)
from tests.property.decision.judged import floors
from tests.property.decision.runs import bench_of, decided, explained, sealed
from tests.property.decision.worlds import World, worlds

BY_FIGURES = (None, Exclusion.QUALITY, Exclusion.BUDGET)
USD = 1_000_000_000


def degrades(world: World, decision: Decision) -> bool:
    return bench_of(world, decision).policy.budget.action is NearEndAction.DEGRADE


def told(world: World) -> Decision:
    """The decision of a world, with its kind as an event."""
    decision = explained(world)
    event(f"degrade: {degrades(world, decision)}, targets: {bool(decision.targets)}, short: {bool(decision.shortages)}")
    return decision


@given(budgeted)
def test_what_is_held_never_exceeds_what_is_left(world: World) -> None:
    decision = told(world)
    wanted: Counter[Account] = Counter()
    for hold in decision.holds:
        assert 0 <= hold.estimate <= hold.amount
        wanted[hold.account] += hold.amount * world.request.max_runs
    room = {one.account: left(world, one) for one in every_account(world)}
    assert all(amount <= room[account] for account, amount in wanted.items())


@given(budgeted)
def test_every_account_of_a_target_holds_enough_for_its_dearest_call(world: World) -> None:
    decision = told(world)
    for target in decision.targets:
        deployment = placed(world)[target.deployment]
        cost, tokens = dearest_call(world, deployment, decision.limits.max_output_tokens)
        assert target.max_cost_nanousd == cost
        for one in accounts(world, target.model):
            held = sum(h.amount for h in decision.holds if h.account == one.account and h.model in ("", target.model))
            assert held >= {Measure.COST: cost, Measure.TOKENS: tokens, Measure.REQUESTS: 1}[one.budget.measure]


@given(budgeted)
def test_a_run_may_spend_what_every_account_of_money_holds_for_it(world: World) -> None:
    decision = told(world)
    money = {hold.amount for hold in decision.holds if hold.measure is Measure.COST and not hold.model}
    counted = any(one.budget.measure is Measure.COST for t in decision.targets for one in accounts(world, t.model))
    assert (decision.reserved_nanousd is not None) == counted
    if decision.reserved_nanousd is not None:
        most = [target.max_cost_nanousd for target in decision.targets]
        assert money <= {decision.reserved_nanousd}
        assert max(most) <= decision.reserved_nanousd <= sum(sorted(most)[-decision.limits.max_attempts :])


@given(budgeted)
def test_budgets_exclude_exactly_what_they_have_no_room_for(world: World) -> None:
    decision = told(world)
    assume(degrades(world, decision) or bool(decision.shortages))
    for each in decision.candidates:
        if each.exclusion in BY_FIGURES and not each.rank:
            deployment = placed(world)[each.deployment]
            lacking = bool(short(world, deployment)) or uncounted(world, deployment)
            assert lacking if each.exclusion is Exclusion.BUDGET else each.exclusion is Exclusion.QUALITY or not lacking
        assert not each.rank or each.exclusion is None


@given(budgeted)
def test_no_target_is_one_that_budgets_have_no_room_for(world: World) -> None:
    decision = told(world)
    for target in decision.targets:
        assert not short(world, placed(world)[target.deployment])
        assert not uncounted(world, placed(world)[target.deployment])


@given(budgeted)
def test_a_policy_that_refuses_chooses_as_if_there_were_no_budgets(world: World) -> None:
    decision = told(world)
    assume(not degrades(world, decision))
    counted = [each for each in placed(world).values() if not uncounted(world, each)]
    assume(len(counted) == len(placed(world)))
    free = explained(without_budgets(world))
    if decision.targets:
        kept = [target.deployment for target in decision.targets]
        assert [target.deployment for target in free.targets if target.deployment in kept] == kept
        assert (kept[0], decision.propensity) == (free.targets[0].deployment, free.propensity)
        assert decision.reason_code is free.reason_code
    elif free.targets:
        lacking = short(world, placed(world)[free.targets[0].deployment])
        assert {each.hold.account for each in decision.shortages} == {one.account for one in lacking}
        assert lacking


@given(budgeted)
def test_a_policy_that_degrades_refuses_only_if_nobody_fits(world: World) -> None:
    decision = told(world)
    assume(degrades(world, decision) and not decision.targets)
    fitting = [each for each in placed(world).values() if not short(world, each) and not uncounted(world, each)]
    assert not explained_or_none(without_budgets(world, only=fitting))
    served = explained(without_budgets(world)).targets
    if decision.shortages:
        assert served
    elif served:
        assert all(uncounted(world, placed(world)[target.deployment]) for target in served)


def explained_or_none(world: World) -> bool:
    """Whether anybody serves; constraints that contradict are as good as nobody."""
    names = {each.provider for each in world.snapshot.catalog.deployments}
    asked = world.request.constraints
    homes = {each.provider for each in world.snapshot.catalog.deployments if each.model in asked.models}
    if not names or not asked.providers <= names or (homes and homes <= asked.excluded_providers):
        return False
    return bool(explained(world).targets)


@given(budgeted)
def test_who_is_short_is_told_with_what_all_runs_need(world: World) -> None:
    decision = told(world)
    assert not (decision.targets and decision.shortages)
    for each in decision.shortages:
        balance = each.balance
        assert each.hold.amount > each.hold.limit - balance.spent - balance.reserved
        assert each.hold.amount % world.request.max_runs == 0
        assert balance == world.balances[each.hold.account]


@given(budgeted)
def test_near_the_end_the_policys_floor_falls_by_its_step_and_nobody_elses(world: World) -> None:
    decision = told(world)
    bench = bench_of(world, decision)
    low = ending(world, bench.policy)
    assert (Notice.BUDGET_LOW in decision.notices) == low
    general, insisted = floors(bench)
    if low:
        eased = general if general == insisted else max(general - bench.policy.budget.quality_step, insisted, 0.0)
        assert abs(decision.floor.quality - eased) < 1e-9 or decision.reason_code in NAMED
        by_name = (ReasonCode.FIXED,) if world.request.model or bench.embeds else ()
        assert decision.reason_code in (None, ReasonCode.CHEAPEST, *by_name, *EXCEPTIONAL)
    elif decision.reason_code not in NAMED:
        assert decision.floor.quality == general


NAMED = (ReasonCode.OVERRIDE, ReasonCode.PINNED)
EXCEPTIONAL = (*NAMED, ReasonCode.AFFINITY, ReasonCode.BEST_AVAILABLE, ReasonCode.LAST_RESORT)


@given(budgeted)
def test_the_same_decision_comes_with_and_without_its_explanation(world: World) -> None:
    decision, made = told(world), decided(world)
    if made.targets:
        assert made == replace(decision, candidates=(), steps=())
        assert sealed(made, world.snapshot) == sealed(decision, world.snapshot)
    else:
        assert made == decision
    assert all(each.detail for each in decision.candidates if each.exclusion is not None)


@given(budgeted)
def test_ample_budgets_change_nothing_but_what_is_held(world: World) -> None:
    catalog = world.snapshot.catalog
    ample = tuple(replace(each, limit=10**6 * USD) for each in catalog.budgets)
    models = {name: replace(model, free=True) for name, model in catalog.models.items()}
    rich = replace(world.snapshot, catalog=replace(catalog, budgets=ample, models=models))
    decision = explained(replace(world, snapshot=rich))
    free = explained(without_budgets(replace(world, snapshot=rich)))
    nothing = {"purses": (), "holds": (), "reserved_nanousd": None, "expected_latency": free.expected_latency}
    assert replace(decision, **nothing) == free  # type: ignore[arg-type]  # fields of a decision


@given(worlds)
def test_without_budgets_nothing_is_held(world: World) -> None:
    decision = explained(world)
    assert (decision.purses, decision.holds, decision.reserved_nanousd, decision.shortages) == ((), (), None, ())
