"""Of those that may serve, the one that the strategy wants."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from controlplane.catalog.model import WireProtocol
from controlplane.decision.model import (
    Candidate,
    Constraints,
    Decision,
    Exclusion,
    Notice,
    Operation,
    ReasonCode,
    Request,
)
from controlplane.policy.model import Strategy, StrategyKind
from tests.property.decision.judged import floors
from tests.property.decision.runs import bench_of, explained, half_open, is_forced
from tests.property.decision.worlds import World, constraints, worlds

ABLE = (None, Exclusion.QUALITY)


def good(decision: Decision) -> list[Candidate]:
    """Those that may serve and reach the floor."""
    return [
        each
        for each in decision.candidates
        if each.exclusion is None and each.estimate.quality >= decision.floor.quality
    ]


def rivals(world: World, decision: Decision, among: list[Candidate]) -> list[Candidate]:
    """Those that the first target had to beat: the ready ones, or all if it is a probe or none is ready."""
    first = next(each for each in among if each.rank == 1)
    ready = [each for each in among if not half_open(world, each)]
    return among if not ready or half_open(world, first) else ready


@given(worlds)
def test_the_cheapest_is_the_cheapest_of_those_that_are_good_enough(world: World) -> None:
    decision = explained(world)
    if decision.reason_code is ReasonCode.CHEAPEST:
        among = rivals(world, decision, good(decision))
        assert decision.targets[0].estimate.cost_nanousd == min(each.estimate.cost_nanousd for each in among)


@given(worlds)
def test_the_first_target_has_the_best_score_unless_it_is_drawn_or_named(world: World) -> None:
    decision = explained(world)
    aimed = Notice.TARGET_UNCALIBRATED in decision.notices
    if (
        decision.reason_code in (ReasonCode.CHEAPEST, ReasonCode.BALANCED, ReasonCode.FIXED, ReasonCode.VALUE)
        and not aimed
    ):
        among = rivals(world, decision, good(decision))
        score = next(each.score for each in among if each.rank == 1)
        assert score >= max(each.score for each in among) - 1e-9


@given(worlds)
def test_a_first_target_under_the_floor_is_the_best_there_is_and_says_so(world: World) -> None:
    decision = explained(world)
    assume(bool(decision.targets))
    below = decision.targets[0].estimate.quality < decision.floor.quality
    assert below == (Notice.QUALITY_FLOOR_UNMET in decision.notices)
    if decision.reason_code is ReasonCode.BEST_AVAILABLE:
        able = [each for each in decision.candidates if each.exclusion in ABLE]
        among = rivals(world, decision, able)
        assert below
        assert not good(decision)
        assert decision.targets[0].estimate.quality == max(each.estimate.quality for each in among)
    elif below:
        assert decision.reason_code in (ReasonCode.LAST_RESORT, ReasonCode.PINNED)


@given(worlds)
def test_under_a_target_that_nothing_was_calibrated_for_the_reference_comes_first_and_the_decision_says_so(
    world: World,
) -> None:
    decision = explained(world)
    target = bench_of(world, decision).policy.strategy.target
    aimed = Notice.TARGET_UNCALIBRATED in decision.notices
    if target is None or decision.reason_code is not ReasonCode.VALUE:
        assert not aimed or decision.reason_code in (ReasonCode.BEST_AVAILABLE, ReasonCode.AFFINITY)
        return
    assert aimed
    able = [each for each in good(decision) if each.model == target.of]
    assert decision.targets[0].model == target.of or not able or any(half_open(world, each) for each in able)


def _at_worth(world: World, worth: int) -> Decision:
    """The decision of `world` if every policy weighs like this."""
    catalog = world.snapshot.catalog
    strategy = Strategy(kind=StrategyKind.VALUE, worth_nanousd=worth)
    policies = {name: replace(each, strategy=strategy) for name, each in catalog.policies.items()}
    plain = replace(world.request, affinity=None)
    reading = replace(world.snapshot, catalog=replace(catalog, policies=policies))
    return explained(replace(world, request=plain, snapshot=reading))


@given(worlds, st.integers(1, 10**12), st.integers(1, 10**12))
def test_a_higher_worth_never_picks_a_worse_expected_quality(world: World, one: int, other: int) -> None:
    low, high = _at_worth(world, min(one, other)), _at_worth(world, max(one, other))
    assert low.reason_code == high.reason_code
    if low.reason_code is ReasonCode.VALUE:
        assert high.targets[0].estimate.quality >= low.targets[0].estimate.quality
        assert high.targets[0].estimate.cost_nanousd >= low.targets[0].estimate.cost_nanousd


@given(worlds, st.integers(1, 10**12))
def test_what_is_as_good_as_the_first_is_not_cheaper(world: World, worth: int) -> None:
    decision = _at_worth(world, worth)
    if decision.reason_code is ReasonCode.VALUE:
        first = next(each for each in decision.candidates if each.rank == 1).estimate
        as_good = [each for each in rivals(world, decision, good(decision)) if each.estimate.quality >= first.quality]
        assert min(each.estimate.cost_nanousd for each in as_good) == first.cost_nanousd


@given(worlds)
def test_the_floor_is_the_highest_that_anybody_asks_for(world: World) -> None:
    decision = explained(world)
    general, pinned = floors(bench_of(world, decision))
    named = decision.reason_code in (ReasonCode.OVERRIDE, ReasonCode.PINNED)
    assert decision.floor.quality == (pinned if named else general)
    if decision.reason_code is ReasonCode.OVERRIDE:
        assert decision.targets[0].estimate.quality >= pinned


@given(worlds)
def test_a_pinned_model_that_may_serve_is_first(world: World) -> None:
    decision = explained(world)
    bench = bench_of(world, decision)
    able = {each.model: each for each in decision.candidates if each.exclusion in ABLE}
    if decision.reason_code is ReasonCode.OVERRIDE:
        assert decision.targets[0].model == bench.pinned
    elif bench.named is None and bench.pinned in able and decision.reason_code is not ReasonCode.LAST_RESORT:
        insisted = [override.min_quality or 0.0 for override in bench.policy.overrides]
        wanted = max([*insisted, world.request.constraints.min_quality or 0.0])
        assert able[next(name for name in able if name == bench.pinned)].estimate.quality < wanted


@given(worlds)
def test_a_model_that_the_caller_names_is_first_if_it_may_serve_at_all(world: World) -> None:
    """Whatever its quality; and another one stands in only where the policy lets it."""
    decision = explained(world)
    bench = bench_of(world, decision)
    if bench.named is None or not decision.targets:
        return
    may = [each for each in decision.candidates if each.model == bench.named and each.exclusion is None]
    if decision.reason_code is ReasonCode.PINNED:
        assert decision.targets[0].model == bench.named
    elif decision.reason_code is not ReasonCode.LAST_RESORT:
        assert not may
    others = {target.model for target in decision.targets} - {bench.named}
    stand_ins = bench.policy.pinned_fallbacks
    assert not others or stand_ins.anyone or others <= set(stand_ins.models)


@given(worlds)
def test_a_conversation_stays_only_where_it_may_be_and_where_that_is_cheaper(world: World) -> None:
    """At the deployment that it comes from, over the floor, ready, and for less than what the strategy would take without it."""
    decision = explained(world)
    if decision.reason_code is not ReasonCode.AFFINITY:
        return
    asked, bench = world.request.affinity, bench_of(world, decision)
    assert asked is not None
    assert decision.targets[0].deployment == asked.deployment
    assert bench.policy.affinity
    assert bench.policy.strategy.kind is not StrategyKind.WEIGHTED or Notice.BUDGET_LOW in decision.notices
    first = next(each for each in decision.candidates if each.rank == 1)
    assert not half_open(world, first)
    assert first.estimate.quality >= decision.floor.quality
    elsewhere = explained(replace(world, request=replace(world.request, affinity=None)))
    price = bench.catalog.models[first.model].price
    rate = price.input_nanousd_per_mtok - (
        price.input_nanousd_per_mtok
        if price.cached_input_nanousd_per_mtok is None
        else price.cached_input_nanousd_per_mtok
    )
    saved = min(asked.cached_tokens, world.request.features.input_tokens) * rate // 1_000_000
    other = elsewhere.targets[0].estimate.cost_nanousd
    assert first.estimate.cost_nanousd - saved <= other + 2


@given(worlds)
def test_vectors_are_made_by_one_model_alone(world: World) -> None:
    decision = explained(world)
    if world.request.operation is Operation.EMBED:
        assert len({target.model for target in decision.targets}) <= 1
        assert all(target.estimate.output_tokens == 0 for target in decision.targets)


@given(worlds)
def test_the_reason_is_the_strategy_or_why_it_had_no_say(world: World) -> None:
    decision = explained(world)
    kind = bench_of(world, decision).policy.strategy.kind
    exceptional = {ReasonCode.OVERRIDE, ReasonCode.PINNED, ReasonCode.BEST_AVAILABLE, ReasonCode.LAST_RESORT, None}
    exceptional |= {ReasonCode.AFFINITY} if world.request.affinity is not None else set()
    by_name = {ReasonCode.FIXED} if world.request.model else set()
    if world.request.operation is Operation.EMBED:
        by_name, kind = {ReasonCode.FIXED}, StrategyKind.CHEAPEST
    strategy = bench_of(world, decision).policy.strategy
    # What only other routes name stands in as the cheapest.
    instead = set() if strategy.otherwise is None else {ReasonCode(strategy.otherwise.kind), ReasonCode.CHEAPEST}
    assert decision.reason_code in exceptional | by_name | instead | {ReasonCode(kind)}
    assert (decision.reason_code is None) == (not decision.targets)
    if decision.reason_code is ReasonCode.WEIGHTED:
        drawing = strategy.otherwise or strategy
        assert drawing.kind is StrategyKind.WEIGHTED
        assert decision.targets[0].model in dict(drawing.weights)


@given(worlds)
def test_a_semantic_reason_means_that_the_route_of_the_request_names_the_model(world: World) -> None:
    decision = explained(world)
    if decision.reason_code is not ReasonCode.SEMANTIC:
        return
    strategy = bench_of(world, decision).policy.strategy
    target = {str(name): each for name, each in strategy.routes}[world.request.classification.route]
    first = decision.targets[0]
    tier = world.snapshot.catalog.models[first.model].tier
    assert first.model in target.models or (target.tier and target.tier == tier)


def both(one: Constraints, other: Constraints) -> Constraints:
    """What holds if both are insisted on; lists of which none is left are passed over by `assume`."""
    return Constraints(
        min_quality=_larger(one.min_quality, other.min_quality),
        max_cost_nanousd=_smaller(one.max_cost_nanousd, other.max_cost_nanousd),
        max_latency=_sooner(one.max_latency, other.max_latency),
        providers=_only(one.providers, other.providers),
        excluded_providers=one.excluded_providers | other.excluded_providers,
        tiers=_only(one.tiers, other.tiers),
        protocols=frozenset(map(WireProtocol, _only(one.protocols, other.protocols))),
        regions=_only(one.regions, other.regions),
        capabilities=one.capabilities | other.capabilities,
        models=_only(one.models, other.models),
        excluded_models=one.excluded_models | other.excluded_models,
    )


def _larger(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)


def _smaller(one: int | None, other: int | None) -> int | None:
    return min((value for value in (one, other) if value is not None), default=None)


def _sooner(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    return min((value for value in (one, other) if value is not None), default=None)


def _only(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    if not one or not other:
        return one | other
    assume(bool(one & other))
    return one & other


def tightened(request: Request, more: Constraints) -> Request:
    """The request that insists on `more` too."""
    return replace(request, constraints=both(request.constraints, more))


@given(worlds, constraints)
def test_insisting_on_more_brings_nobody_in(world: World, more: Constraints) -> None:
    """But where the decision says so: breakers that must be passed over, or a last resort."""
    loose = explained(world)
    tight = explained(replace(world, request=tightened(world.request, more)))
    before = {each.deployment for each in loose.candidates if each.exclusion in ABLE}
    after = {each.deployment for each in tight.candidates if each.exclusion in ABLE}
    came = after - before
    if came:
        resort = {target.deployment for target in tight.targets if tight.reason_code is ReasonCode.LAST_RESORT}
        assert is_forced(tight) or came <= resort
    general = (ReasonCode.OVERRIDE, ReasonCode.LAST_RESORT)
    if loose.reason_code not in general and tight.reason_code not in general:
        assert tight.floor.quality >= loose.floor.quality


@given(worlds, constraints)
def test_insisting_on_more_never_makes_the_cheapest_cheaper(world: World, more: Constraints) -> None:
    loose = explained(world)
    tight = explained(replace(world, request=tightened(world.request, more)))
    ready = not world.snapshot.live.health
    if ready and loose.reason_code is tight.reason_code is ReasonCode.CHEAPEST:
        assert tight.targets[0].estimate.cost_nanousd >= loose.targets[0].estimate.cost_nanousd
