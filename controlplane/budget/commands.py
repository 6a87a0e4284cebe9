"""What is asked of budgets: how they stand, and which alerts were raised."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from controlplane.budget.alert_log import Alert, AlertLog, AlertQuery
from controlplane.budget.concern import ALL, Viewer, Wanted, circle_of, sees, sees_budget, wants, wants_budget
from controlplane.budget.model import Budget
from controlplane.budget.status import Status, Windows, since, statuses
from controlplane.catalog.page import DEFAULT_SIZE, LARGEST_SIZE, Page, place_of, token_of
from controlplane.store.protocols import StoreUnavailable
from turnout_wire.failure import Failure

LISTING = "budgets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How many, 100 if 0, and where to go on."""

    size: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """A page of accounts as they stood at `as_of`."""

    page: Page[Status]
    as_of: datetime


class Accounts:
    """Reads how accounts stand, from the store: what any replica booked is in it."""

    def __init__(self, ledger: Windows, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock

    async def page(self, budgets: Sequence[Budget], wanted: Wanted, viewer: Viewer, paging: Paging) -> Statuses:
        """Accounts by budget and id. Raises Failure PAGE_TOKEN_INVALID or STORE_UNAVAILABLE."""
        size, now = min(paging.size or DEFAULT_SIZE, LARGEST_SIZE), self._clock()
        after = tuple(place_of(paging.token, LISTING).split(" ", 1)) if paging.token else ()
        asked = [one for one in budgets if (one.name,) >= after[:1] and sees_budget(viewer, circle_of(one))]
        found: list[Status] = []
        async for status in self._each([one for one in asked if wants_budget(wanted, one)], now):
            account = status.account.id
            if _place(status) > after and wants(wanted, account) and sees(viewer, circle_of(status.budget), account):
                found.append(status)
            if len(found) > size:
                break
        more = len(found) > size
        token = token_of(" ".join(_place(found[size - 1])), LISTING) if more else ""
        return Statuses(page=Page(entries=tuple(found[:size]), next_page_token=token), as_of=now)

    async def _each(self, budgets: Sequence[Budget], now: datetime) -> AsyncIterator[Status]:
        for budget in budgets:
            try:
                balances = await self._ledger.windows(budget.name, since(budget.window, now))
            except StoreUnavailable as unavailable:
                raise _unavailable() from unavailable
            for status in statuses(budget, balances, now):
                yield status


class ListBudgets:
    """Accounts of all budgets that concern the viewer."""

    def __init__(self, accounts: Accounts, budgets: Callable[[], Sequence[Budget]]) -> None:
        """`budgets` are those of now, by name."""
        self._accounts = accounts
        self._budgets = budgets

    async def __call__(self, wanted: Wanted, viewer: Viewer, paging: Paging) -> Statuses:
        """See Accounts.page."""
        return await self._accounts.page(self._budgets(), wanted, viewer, paging)


class GetBudget:
    """One budget with its accounts."""

    def __init__(self, accounts: Accounts, budgets: Callable[[], Sequence[Budget]]) -> None:
        self._accounts = accounts
        self._budgets = budgets

    async def __call__(self, name: str, viewer: Viewer, paging: Paging) -> tuple[Budget, Statuses]:
        """The budget as the viewer may know it. Raises Failure NOT_FOUND, also if it does not concern the viewer; see Accounts.page."""
        found = next((one for one in self._budgets() if one.name == name and sees_budget(viewer, circle_of(one))), None)
        if found is None:
            told = f"no budget `{name[:127]}` concerns you; list them, or see the section `budgets` of the catalog"
            raise Failure("NOT_FOUND", f"name: {told}", field="name")
        return _known_to(viewer, found), await self._accounts.page([found], ALL, viewer, paging)


class ListAlerts:
    """Alerts that were raised."""

    def __init__(self, log: AlertLog) -> None:
        self._log = log

    async def __call__(self, query: AlertQuery) -> Page[Alert]:
        """Newest first. Raises Failure PAGE_TOKEN_INVALID or STORE_UNAVAILABLE."""
        try:
            return await self._log.newest(query)
        except StoreUnavailable as unavailable:
            raise _unavailable() from unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetCommands:
    """The use cases that the service calls."""

    list_budgets: ListBudgets
    get_budget: GetBudget
    list_alerts: ListAlerts


def _place(status: Status) -> tuple[str, ...]:
    return status.budget.name, status.account.id


def _known_to(viewer: Viewer, budget: Budget) -> Budget:
    """Without other tenants, and without callers that may be theirs."""
    if viewer.tenant is None or budget.tenants == {viewer.tenant}:
        return budget
    own_tenant, own_key = frozenset({viewer.tenant}), frozenset({viewer.key})
    return replace(budget, tenants=budget.tenants & own_tenant, keys=budget.keys & own_key)


def _unavailable() -> Failure:
    return Failure("STORE_UNAVAILABLE", "the store does not answer, so nothing is known of budgets; ask again later")
