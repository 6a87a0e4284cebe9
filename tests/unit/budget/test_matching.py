"""Which accounts pay for whose calls."""

import pytest

from controlplane.budget.matching import EMPTY, Bearer, bookings, purses
from controlplane.budget.model import (
    Account,
    AccountId,
    Balance,
    Budget,
    BudgetName,
    Dimension,
    Measure,
    Purse,
    Window,
)
from tests.support.catalogs import NOW

BEARER = Bearer(tenant="acme", team="platform", workload="search", key="app")
MODELS = ("large", "small")


def budget(name: str = "daily", /, **changes: object) -> Budget:
    fields: dict[str, object] = {"name": BudgetName(name), "limit": 100, "window": Window.DAY, **changes}
    return Budget(**fields)  # type: ignore[arg-type]  # a test names the fields it sets


def found(*budgets: Budget, bearer: Bearer = BEARER) -> tuple[Purse, ...]:
    return purses(budgets, bearer, MODELS, EMPTY, NOW)


@pytest.mark.parametrize(
    ("field", "mine", "other"),
    [
        ("tenants", "acme", "globex"),
        ("teams", "platform", "research"),
        ("workloads", "search", "chat"),
        ("keys", "app", "batch"),
    ],
)
def test_a_budget_is_for_those_that_it_names(field: str, mine: str, other: str) -> None:
    assert len(found(budget(**{field: frozenset({mine, "also"})}))) == 1
    assert found(budget(**{field: frozenset({other})})) == ()


def test_every_part_that_is_set_must_hold() -> None:
    assert found(budget(tenants=frozenset({"acme"}), keys=frozenset({"batch"}))) == ()


def test_budgets_are_stacked_in_their_order() -> None:
    names = [purse.budget for purse in found(budget("a"), budget("b", tenants=frozenset({"globex"})), budget("c"))]
    assert names == ["a", "c"]


def test_an_account_is_told_by_its_dimensions_in_order_of_names() -> None:
    (purse,) = found(budget(per=frozenset({Dimension.TENANT, Dimension.KEY, Dimension.TEAM, Dimension.WORKLOAD})))
    assert purse.account.id == "daily{key=app,team=platform,tenant=acme,workload=search}"


def test_a_budget_for_some_models_has_one_account_and_pays_for_these_alone() -> None:
    (purse,) = found(budget(models=frozenset({"large", "gone"})))
    assert (purse.model, purse.account.id) == ("large", "daily")
    both = found(budget(models=frozenset(MODELS)))
    assert [one.model for one in both] == ["large", "small"]
    assert len({one.account for one in both}) == 1


def test_a_budget_per_model_has_an_account_for_each() -> None:
    ids = [purse.account.id for purse in found(budget(per=frozenset({Dimension.MODEL})))]
    assert ids == ["daily{model=large}", "daily{model=small}"]


def test_a_purse_holds_the_balance_of_its_account_in_this_window() -> None:
    today, yesterday = int(NOW.timestamp()) // 86_400 * 86_400, int(NOW.timestamp()) // 86_400 * 86_400 - 86_400
    balances = {
        Account(id=AccountId("daily"), window_start=today): Balance(spent=30, reserved=50),
        Account(id=AccountId("daily"), window_start=yesterday): Balance(spent=100),
    }
    (purse,) = purses([budget()], BEARER, MODELS, balances, NOW)
    assert (purse.remaining, purse.account.window_start) == (20, today)


def test_a_run_that_nothing_was_held_for_is_booked_to_every_account() -> None:
    (hold,) = bookings(found(budget(measure=Measure.TOKENS)))
    assert (hold.account.id, hold.measure, hold.amount, hold.limit) == ("daily", Measure.TOKENS, 0, 100)
