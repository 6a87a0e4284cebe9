"""Worlds with budgets, and who may serve in them judged anew from the rules: one account after the other, and no shortcut."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from types import MappingProxyType

from hypothesis import strategies as st

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
from controlplane.catalog.model import Deployment, Model
from controlplane.policy.model import NearEnd, NearEndAction, Policy
from tests.property.decision.judged import Bench
from tests.property.decision.worlds import ENOUGH, MODELS, Choices, World, draws, world

STARTS = {
    Window.MINUTE: 1_795_262_400,
    Window.HOUR: 1_795_262_400,
    Window.DAY: 1_795_219_200,
    Window.MONTH: 1_793_491_200,
    Window.TOTAL: 0,
}
"""The windows that NOW, noon of 21 November 2026, is in."""

LIMITS = {
    Measure.COST: (1_000_000_000, 100_000_000, 20_000_000, 1_000_000, 0),
    Measure.REQUESTS: (1_000, 10, 1, 0),
    Measure.TOKENS: (1_000_000, 100_000, 5_000, 0),
}
USED = (0.0, 0.5, 0.92, 0.999, 1.0, 1.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paying:
    """An account that pays for calls of one model."""

    budget: Budget
    account: Account


def budget(choose: Choices, name: str) -> Budget:
    """A budget for all in most cases."""
    measure = choose.of((Measure.COST, Measure.COST, Measure.REQUESTS, Measure.TOKENS))
    return Budget(
        name=BudgetName(name),
        limit=choose.of(LIMITS[measure]),
        measure=measure,
        window=choose.of((Window.DAY, *Window)),
        tenants=choose.some(("acme", "globex"), one_in=5),
        teams=choose.some(("platform", "search"), one_in=8),
        workloads=choose.some(("first", "rest"), one_in=8),
        keys=choose.some(("app", "batch"), one_in=8),
        models=choose.some(MODELS, one_in=3),
        per=choose.some(tuple(Dimension), one_in=2),
    )


def near_end(choose: Choices) -> NearEnd:
    """Either way."""
    if choose.number(2):
        return NearEnd()
    return NearEnd(action=NearEndAction.DEGRADE, below=choose.of((0.1, 0.5)), quality_step=choose.of((0.1, 0.05, 1.0)))


def with_budgets(plain: World, source: bytes) -> World:
    """The world with up to four budgets, of which much is used, and mostly free what has no price."""
    choose = Choices(source)
    catalog = plain.snapshot.catalog
    budgets = tuple(budget(choose, name) for name in ("a", "b", "c", "d")[: 1 + choose.number(4)])
    policies = {name: replace(policy, budget=near_end(choose)) for name, policy in catalog.policies.items()}
    marked = choose.number(4) < 3
    models = {name: replace(model, free=marked and _costless(model)) for name, model in catalog.models.items()}
    request = replace(plain.request, tenant="acme", key=choose.of(("app", "batch")), max_runs=choose.of((1, 1, 2, 10)))
    known = replace(catalog, budgets=budgets, policies=MappingProxyType(policies), models=MappingProxyType(models))
    found = replace(plain, request=request, snapshot=replace(plain.snapshot, catalog=known))
    return replace(found, balances={each.account: _balance(choose, each, found) for each in every_account(found)})


def _balance(choose: Choices, of: Paying, world: World) -> Balance:
    """Any; or what leaves just enough, or not quite enough, for one or two calls of a deployment."""
    limit = of.budget.limit
    if choose.number(2):
        spent = int(limit * choose.of(USED))
        return Balance(spent=spent, reserved=int(max(limit - spent, 0) * choose.of((0.0, 0.0, 0.5, 0.99, 1.0))))
    call = dearest_call(world, choose.of(world.snapshot.catalog.deployments))
    room = need(of, call) * world.request.max_runs * choose.of((2, 3, 4)) // 2 - choose.of((0, 0, 1))
    used = max(limit - room, 0)
    return choose.of((Balance(spent=used), Balance(reserved=used)))


def _costless(model: Model) -> bool:
    return dearest_input(model) == model.price.output_nanousd_per_mtok == 0


def dearest_input(model: Model) -> int:
    """The most that an input token may cost."""
    return max(model.price.input_nanousd_per_mtok, model.price.cached_input_nanousd_per_mtok or 0)


budgeted = st.builds(
    lambda source, draw, more: with_budgets(world(source, draw), more),
    st.binary(min_size=ENOUGH, max_size=ENOUGH),
    draws,
    st.binary(min_size=100, max_size=100),
)


def accounts(world: World, model: str) -> list[Paying]:
    """Every account that calls of `model` are paid from."""
    request, workload = world.request, Bench(request=world.request, snapshot=world.snapshot).workload
    values = {
        Dimension.TENANT: request.tenant,
        Dimension.TEAM: workload.owner,
        Dimension.WORKLOAD: str(workload.name),
        Dimension.KEY: request.key,
        Dimension.MODEL: model,
    }
    found = []
    for each in world.snapshot.catalog.budgets:
        wanted = (each.tenants, each.teams, each.workloads, each.keys, each.models)
        mine = (Dimension.TENANT, Dimension.TEAM, Dimension.WORKLOAD, Dimension.KEY, Dimension.MODEL)
        if all(not names or values[dimension] in names for names, dimension in zip(wanted, mine, strict=True)):
            told = ",".join(f"{dimension}={values[dimension]}" for dimension in sorted(each.per))
            written = f"{each.name}{{{told}}}" if told else each.name
            account = Account(id=AccountId(written), window_start=STARTS[each.window])
            found.append(Paying(budget=each, account=account))
    return found


def every_account(world: World) -> list[Paying]:
    """Every account of a world, each once."""
    found = {one.account: one for model in sorted(world.snapshot.catalog.models) for one in accounts(world, model)}
    return list(found.values())


def left(world: World, one: Paying) -> int:
    """What is neither booked nor held."""
    balance = world.balances.get(one.account, Balance())
    return one.budget.limit - balance.spent - balance.reserved


def dearest_call(world: World, deployment: Deployment, longest: int | None = None) -> tuple[int, int]:
    """What one call costs at most, and its tokens; of an answer of `longest` tokens, or as long as it may be."""
    bench = Bench(request=world.request, snapshot=world.snapshot)
    model, features = bench.model(deployment), world.request.features
    counted = features.input_tokens
    margin = Fraction(counted, 8) + 64 if model.provider == "openai" else Fraction(counted, 2) + 512
    read = counted + ceil(margin) + 2_000 * features.images
    written = min(longest or bench.answer_limit, bench.answer_limit, model.max_output_tokens)
    nanousd = Fraction(read * dearest_input(model) + written * model.price.output_nanousd_per_mtok, 1_000_000)
    return ceil(nanousd), read + written


def need(one: Paying, call: tuple[int, int]) -> int:
    """What a call takes from an account."""
    return {Measure.COST: call[0], Measure.REQUESTS: 1, Measure.TOKENS: call[1]}[one.budget.measure]


def short(world: World, deployment: Deployment) -> list[Paying]:
    """The accounts that have no room for one call of `deployment` in each run."""
    call, runs = dearest_call(world, deployment), world.request.max_runs
    return [
        one
        for one in accounts(world, deployment.model)
        if need(one, call) > 0 and need(one, call) * runs > left(world, one)
    ]


def uncounted(world: World, deployment: Deployment) -> bool:
    """Whether money counts and nobody knows what a deployment costs."""
    model = world.snapshot.catalog.models[deployment.model]
    paid = any(one.budget.measure is Measure.COST for one in accounts(world, deployment.model))
    return paid and _costless(model) and not model.free


def ending(world: World, policy: Policy) -> bool:
    """Whether the policy takes what is cheaper, for money that every model is paid from comes to its end."""
    return policy.budget.action is NearEndAction.DEGRADE and any(
        left(world, one) < policy.budget.below * one.budget.limit
        for one in accounts(world, "none")
        if one.budget.measure is Measure.COST and Dimension.MODEL not in one.budget.per
    )


def placed(world: World) -> dict[str, Deployment]:
    """Deployments by name."""
    return {str(each.name): each for each in world.snapshot.catalog.deployments}


def without_budgets(world: World, *, only: Sequence[Deployment] | None = None) -> World:
    """The same world without them, and with some of its deployments."""
    catalog = world.snapshot.catalog
    rest = replace(catalog, budgets=(), deployments=catalog.deployments if only is None else tuple(only))
    return replace(world, snapshot=replace(world.snapshot, catalog=rest))
