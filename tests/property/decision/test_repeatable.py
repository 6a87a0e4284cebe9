"""A decision is a function of what it is given, and of nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.decision.engine import decide, explain
from controlplane.decision.index import index
from controlplane.policy.model import Policy
from controlplane.snapshot.model import Catalog, Health, HealthState, Live
from tests.property.decision.runs import decided, explained, sealed
from tests.property.decision.worlds import World, worlds
from tests.support.catalogs import NOW

Item = TypeVar("Item")
Key = TypeVar("Key")


def mixed(items: Sequence[Item], random: Random) -> tuple[Item, ...]:
    """The items in another order."""
    return tuple(random.sample(items, len(items)))


def mixed_map(items: Mapping[Key, Item], random: Random) -> Mapping[Key, Item]:
    """The same for a mapping."""
    return MappingProxyType(dict(mixed(tuple(items.items()), random)))


def shuffled(catalog: Catalog, random: Random) -> Catalog:
    """The same catalog, written in another order; workloads and overrides keep theirs, which is a part of what they say."""

    def other(policy: Policy) -> Policy:
        return replace(policy, strategy=replace(policy.strategy, weights=mixed(policy.strategy.weights, random)))

    return replace(
        catalog,
        models=mixed_map(catalog.models, random),
        deployments=mixed(catalog.deployments, random),
        policies=mixed_map({name: other(policy) for name, policy in catalog.policies.items()}, random),
    )


@given(worlds)
def test_the_same_arguments_make_the_same_decision_to_the_byte(world: World) -> None:
    first, second = explained(world), explained(world)
    assert first == second
    if first.targets:
        assert sealed(first, world.snapshot) == sealed(second, world.snapshot)


@given(worlds, st.randoms(use_true_random=False))
def test_the_order_of_the_configuration_means_nothing(world: World, random: Random) -> None:
    catalog = shuffled(world.snapshot.catalog, random)
    live = replace(world.snapshot.live, health=mixed_map(world.snapshot.live.health, random))
    first, second = (
        explained(world),
        explained(replace(world, snapshot=replace(world.snapshot, catalog=catalog, live=live))),
    )
    assert first == second
    if first.targets:
        assert sealed(first, world.snapshot) == sealed(second, world.snapshot)


@given(worlds)
def test_explaining_a_decision_does_not_change_it(world: World) -> None:
    told, made = explained(world), decided(world)
    if made.targets:
        assert made == replace(told, candidates=(), steps=())
    else:
        assert made == told


@given(worlds, st.sampled_from(HealthState))
def test_what_was_worked_out_before_makes_no_difference(world: World, state: HealthState) -> None:
    """An index that took over what did not change is as good as a new one."""
    told = explained(world)
    names = [deployment.name for deployment in world.snapshot.catalog.deployments]
    elsewhere = replace(world.snapshot, live=Live(health=dict.fromkeys(names, Health(state=state))))
    carried = index(world.snapshot, index(elsewhere))
    again = [
        explain(world.request, world.snapshot, now=NOW, draw=world.draw, indexed=carried),
        explain(world.request, world.snapshot, now=NOW, draw=world.draw, indexed=index(world.snapshot)),
    ]
    assert again == [told, told]


@settings(max_examples=40)
@given(worlds)
def test_a_chance_is_told_as_it_is(world: World) -> None:
    """Over draws that are evenly spread each first target comes up as often as its propensity says."""
    explained(world)
    known, grid = index(world.snapshot), 200
    found = [
        decide(world.request, world.snapshot, now=NOW, draw=(number + 0.5) / grid, indexed=known)
        for number in range(grid)
    ]
    firsts = [decision.targets[0].deployment if decision.targets else None for decision in found]
    chances = {(first, decision.propensity) for first, decision in zip(firsts, found, strict=True)}
    for first, chance in chances:
        assert chance > 0 or first is None
        assert abs(firsts.count(first) - grid * chance) <= 1 or first is None
    assert len(chances) == len(set(firsts))
