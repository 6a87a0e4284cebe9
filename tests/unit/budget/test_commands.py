"""Who sees which accounts, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controlplane.budget.commands import Accounts, GetBudget, ListBudgets, Paging
from controlplane.budget.concern import Viewer, Wanted
from controlplane.budget.metrics import fullest
from controlplane.budget.model import Account, AccountId, Balance, Budget, BudgetName, Dimension, Window
from controlplane.store.protocols import StoreUnavailable
from turnout_wire.failure import Failure

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp())
OPERATOR = Viewer(tenant=None, key="operator")
ACME = Viewer(tenant="acme", key="app")
ALL = Wanted()


def budget(name: str, *per: Dimension, tenants: str = "", keys: str = "", window: Window = Window.DAY) -> Budget:
    return Budget(
        name=BudgetName(name),
        limit=1_000,
        window=window,
        per=frozenset(per),
        tenants=frozenset(tenants.split()),
        keys=frozenset(keys.split()),
    )


BUDGETS = [
    budget("all"),
    budget("by-key", Dimension.KEY),
    budget("by-key-of-acme", Dimension.KEY, tenants="acme"),
    budget("by-tenant", Dimension.TENANT),
    budget("globex", tenants="globex"),
    budget("some-keys", keys="other third", tenants="acme globex"),
]
USED = [
    "all",
    "by-key{key=app}",
    "by-key{key=other}",
    "by-key-of-acme{key=app}",
    "by-key-of-acme{key=second}",
    "by-tenant{tenant=acme}",
    "by-tenant{tenant=globex}",
    "globex",
    "some-keys",
]


class Books:
    """What is in the store."""

    def __init__(self, balances: Mapping[Account, Balance]) -> None:
        self.balances = balances
        self.failing = False

    async def windows(self, budget: str, since: int) -> Mapping[Account, Balance]:
        """See Ledger."""
        if self.failing:
            raise StoreUnavailable("away")
        return {
            account: balance
            for account, balance in self.balances.items()
            if account.id.partition("{")[0] == budget and (account.window_start >= since or not account.window_start)
        }


def account(name: str, start: int = TODAY) -> Account:
    return Account(id=AccountId(name), window_start=start)


BOOKS = Books({account(name): Balance(spent=100, reserved=50) for name in USED})


async def listed(
    viewer: Viewer, wanted: Wanted = ALL, budgets: Sequence[Budget] = BUDGETS, books: Books = BOOKS
) -> list[str]:
    command = ListBudgets(Accounts(books, lambda: NOW), lambda: budgets)
    found = await command(wanted, viewer, Paging())
    return [str(status.account.id) for status in found.page.entries]


async def test_an_operator_sees_every_account() -> None:
    assert await listed(OPERATOR) == USED


async def test_a_caller_sees_what_its_tenant_is_paid_from_and_no_key_that_may_be_of_another() -> None:
    seen = "all by-key{key=app} by-key-of-acme{key=app} by-key-of-acme{key=second} by-tenant{tenant=acme}"
    assert await listed(ACME) == seen.split()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(name_prefix="by-t"), "by-tenant{tenant=acme} by-tenant{tenant=globex}"),
        (Wanted(tenant="globex", name_prefix="g"), "globex"),
        (Wanted(tenant="globex", name_prefix="by-tenant"), "by-tenant{tenant=globex}"),
        (Wanted(key="other"), "all by-key{key=other} by-tenant{tenant=acme} by-tenant{tenant=globex} globex some-keys"),
        (Wanted(tenant="nobody", key="other"), "all by-key{key=other}"),
    ],
)
async def test_a_filter_asks_for_what_pays_for_such_requests(wanted: Wanted, expected: str) -> None:
    assert await listed(OPERATOR, wanted) == expected.split()


async def test_pages_together_are_the_whole_list() -> None:
    command = ListBudgets(Accounts(BOOKS, lambda: NOW), lambda: BUDGETS)
    names, token = [], ""
    for _ in USED:
        found = await command(ALL, OPERATOR, Paging(size=2, token=token))
        names += [str(status.account.id) for status in found.page.entries]
        token = found.page.next_page_token
        if not token:
            break
    assert names == USED


async def test_a_token_of_another_list_is_refused() -> None:
    command = ListBudgets(Accounts(BOOKS, lambda: NOW), lambda: BUDGETS)
    with pytest.raises(Failure, match="PAGE_TOKEN_INVALID"):
        await command(ALL, OPERATOR, Paging(token="bm9uZQ=="))


async def test_a_budget_that_counts_by_nothing_is_there_before_it_is_used() -> None:
    assert await listed(OPERATOR, books=Books({})) == ["all", "globex", "some-keys"]


async def test_accounts_of_a_time_when_a_budget_counted_otherwise_are_left_out() -> None:
    books = Books({account("all{tenant=acme}"): Balance(spent=1), account("all", 0): Balance(spent=2)})
    command = ListBudgets(Accounts(books, lambda: NOW), lambda: BUDGETS[:1])
    (status,) = (await command(ALL, OPERATOR, Paging())).page.entries
    assert status.balance == Balance()


async def test_a_status_adds_up() -> None:
    command = GetBudget(Accounts(BOOKS, lambda: NOW), lambda: BUDGETS)
    _, found = await command("all", OPERATOR, Paging())
    (status,) = found.page.entries
    assert (status.remaining, status.utilisation_ppm, status.passed_ppm) == (850, 100_000, ())
    assert status.forecast is not None
    assert (status.forecast.spent, status.forecast.exceeds_at) == (200, None)
    assert status.ends_at == datetime(2026, 11, 22, tzinfo=UTC)


async def test_a_budget_for_ever_has_no_forecast() -> None:
    whole = budget("all", window=Window.TOTAL)
    books = Books({account("all", 0): Balance(spent=600)})
    _, found = await GetBudget(Accounts(books, lambda: NOW), lambda: [whole])("all", OPERATOR, Paging())
    (status,) = found.page.entries
    assert (status.forecast, status.ends_at, status.passed_ppm) == (None, None, (500_000,))


async def test_the_day_before_is_part_of_the_forecast() -> None:
    books = Books({account("all"): Balance(spent=100), account("all", TODAY - 86_400): Balance(spent=1_000)})
    _, found = await GetBudget(Accounts(books, lambda: NOW), lambda: BUDGETS)("all", OPERATOR, Paging())
    (status,) = found.page.entries
    assert status.forecast is not None
    assert status.forecast.spent == 100 + (100 + 500) // 2


@pytest.mark.parametrize("name", ["no-such", "globex", "some-keys"])
async def test_a_budget_that_does_not_concern_a_caller_is_not_found(name: str) -> None:
    with pytest.raises(Failure, match="NOT_FOUND"):
        await GetBudget(Accounts(BOOKS, lambda: NOW), lambda: BUDGETS)(name, ACME, Paging())


async def test_other_tenants_and_keys_are_not_named_to_a_caller() -> None:
    get = GetBudget(Accounts(BOOKS, lambda: NOW), lambda: BUDGETS)
    known, _ = await get("some-keys", replace(ACME, key="third"), Paging())
    assert (known.tenants, known.keys) == (frozenset({"acme"}), frozenset({"third"}))
    whole, _ = await get("some-keys", OPERATOR, Paging())
    assert whole == BUDGETS[-1]


async def test_a_store_that_is_away_is_a_failure_with_a_way_out() -> None:
    books = Books({})
    books.failing = True
    with pytest.raises(Failure, match=r"STORE_UNAVAILABLE: .* ask again"):
        await listed(OPERATOR, books=books)


def test_the_metric_has_one_series_for_each_budget_whatever_users_make_up() -> None:
    balances = {account(f"by-tenant{{tenant=t{number}}}"): Balance(spent=number) for number in range(500)}
    old = {account("all", TODAY - 86_400): Balance(spent=1_000)}
    assert fullest(BUDGETS, {**balances, **old}, NOW) == {"by-tenant": 499_000}
