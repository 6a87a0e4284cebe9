"""Nobody serves who may not, and nobody is kept out without a reason."""

from dataclasses import replace
from types import MappingProxyType

from hypothesis import given

from controlplane.decision.explanation import LONGEST_REASON
from controlplane.decision.model import Decision, Exclusion, ReasonCode
from controlplane.snapshot.model import Catalog, Health, HealthState
from tests.property.decision.judged import barred, cost_cap, needed
from tests.property.decision.runs import bench_of, explained
from tests.property.decision.worlds import World, worlds

BY_FIGURES = (None, Exclusion.COST, Exclusion.LATENCY, Exclusion.QUALITY)


@given(worlds)
def test_every_exclusion_is_the_first_that_the_rules_give(world: World) -> None:
    decision = explained(world)
    bench = bench_of(world, decision)
    placed = {each.name: each for each in world.snapshot.catalog.deployments}
    assert [each.deployment for each in decision.candidates] == sorted(placed)
    for each in decision.candidates:
        if decision.reason_code is ReasonCode.LAST_RESORT and each.rank:
            continue
        judged = barred(bench, placed[each.deployment])
        assert each.exclusion is judged if judged else each.exclusion in BY_FIGURES


@given(worlds)
def test_figures_exclude_exactly_what_is_beyond_them(world: World) -> None:
    decision = explained(world)
    cap, longest = cost_cap(bench_of(world, decision)), world.request.constraints.max_latency
    for each in decision.candidates:
        dear = cap is not None and each.estimate.cost_nanousd > cap
        slow = longest is not None and each.estimate.latency > longest
        if each.exclusion in BY_FIGURES:
            assert (each.exclusion is Exclusion.COST) == dear
            assert (each.exclusion is Exclusion.LATENCY) == (slow and not dear)
        if each.exclusion is Exclusion.QUALITY:
            named = decision.reason_code in (ReasonCode.OVERRIDE, ReasonCode.PINNED)
            assert each.estimate.quality < decision.floor.quality or named


@given(worlds)
def test_no_target_is_excluded_and_none_comes_twice(world: World) -> None:
    decision = explained(world)
    told = {each.deployment: each for each in decision.candidates}
    names = [target.deployment for target in decision.targets]
    assert len(set(names)) == len(names) <= 1 + bench_of(world, decision).policy.limits.fallbacks
    for rank, target in enumerate(decision.targets, start=1):
        candidate = told[target.deployment]
        assert (candidate.exclusion, candidate.rank) == (None, rank)
        assert (candidate.model, candidate.provider, candidate.estimate) == (
            target.model,
            target.provider,
            target.estimate,
        )
    assert sorted(each.rank for each in decision.candidates if each.rank) == list(range(1, len(names) + 1))


@given(worlds)
def test_what_the_caller_insists_on_holds_for_every_target(world: World) -> None:
    """For fallbacks, for what is tried in spite of its breaker, and for a last resort too."""
    decision = explained(world)
    asked, bench = world.request.constraints, bench_of(world, decision)
    placed = {each.name: each for each in world.snapshot.catalog.deployments}
    cap = cost_cap(bench)
    for target in decision.targets:
        deployment = placed[target.deployment]
        assert not asked.models or target.model in asked.models
        assert not asked.providers or target.provider in asked.providers
        assert target.model not in asked.excluded_models
        assert target.provider not in asked.excluded_providers
        assert not asked.regions or deployment.region in asked.regions
        assert needed(bench) <= bench.model(deployment).capabilities
        assert cap is None or target.estimate.cost_nanousd <= cap
        assert asked.max_latency is None or target.estimate.latency <= asked.max_latency


@given(worlds)
def test_a_last_resort_comes_only_where_nobody_else_may_serve(world: World) -> None:
    decision = explained(world)
    if decision.reason_code is ReasonCode.LAST_RESORT:
        (target,) = decision.targets
        assert target.deployment == bench_of(world, decision).policy.last_resort
        assert all(each.exclusion not in (None, Exclusion.QUALITY) for each in decision.candidates if not each.rank)


@given(worlds)
def test_open_breakers_alone_never_refuse_a_request(world: World) -> None:
    """If nobody may serve, nobody may with all breakers closed."""
    decision = explained(world)
    if not decision.targets:
        assert not explained(closed(world)).targets


def closed(world: World) -> World:
    """The same world with every open breaker closed."""
    health = {
        name: Health(state=HealthState.READY) if found.state is HealthState.OPEN else found
        for name, found in world.snapshot.live.health.items()
    }
    live = replace(world.snapshot.live, health=MappingProxyType(health))
    return replace(world, snapshot=replace(world.snapshot, live=live))


@given(worlds)
def test_who_may_not_serve_has_no_part_in_the_plan(world: World) -> None:
    """Without the excluded deployments the same targets come in the same order, with the same chance.

    Those under the floor stay, for they are rivals for a place as a fallback.
    """
    decision = explained(world)
    out = {each.deployment for each in decision.candidates if each.exclusion not in (None, Exclusion.QUALITY)}
    catalog = world.snapshot.catalog
    rest = replace(catalog, deployments=tuple(each for each in catalog.deployments if each.name not in out))
    if decision.targets and not contradicts(world, rest):
        alone = explained(replace(world, snapshot=replace(world.snapshot, catalog=rest)))
        assert plan_of(alone) == plan_of(decision)


def contradicts(world: World, rest: Catalog) -> bool:
    """Whether a name that the request insists on is gone."""
    asked = world.request.constraints
    providers = {each.provider for each in rest.deployments}
    homes = {each.provider for each in rest.deployments if each.model in asked.models}
    tiers = {rest.models[each.model].tier for each in rest.deployments}
    protocols = {each.protocol for each in rest.deployments}
    return (
        bool(homes and homes <= asked.excluded_providers)
        or not asked.providers <= providers
        or not asked.tiers <= tiers
        or not asked.protocols <= protocols
    )


def plan_of(decision: Decision) -> tuple[object, ...]:
    """What is done by a decision."""
    return decision.targets, decision.propensity, decision.reason_code, decision.limits, decision.floor


@given(worlds)
def test_everything_is_told_in_words(world: World) -> None:
    decision = explained(world)
    assert 0 < len(decision.reason_text) <= LONGEST_REASON
    assert all(each.detail for each in decision.candidates if each.exclusion is not None)
    assert all(each.score == sum(term.value for term in each.score_terms) for each in decision.candidates)
    assert len(decision.steps) >= 3


@given(worlds)
def test_limits_are_within_what_policy_caller_and_targets_allow(world: World) -> None:
    decision = explained(world)
    bench, limits = bench_of(world, decision), decision.limits
    assert 0 < limits.max_output_tokens <= max(bench.answer_limit, 1)
    assert limits.max_cost_nanousd == (cost_cap(bench) or 0)
    assert limits.max_attempts == bench.policy.limits.max_attempts
    assert limits.deadline == bench.policy.limits.deadline
    for target in decision.targets:
        model = bench.catalog.models[target.model]
        assert limits.max_output_tokens <= model.max_output_tokens
        assert target.estimate.output_tokens <= model.max_output_tokens
