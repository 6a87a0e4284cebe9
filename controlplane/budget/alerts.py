"""Tells once when a share of a limit is spent: an entry of the log, a line of the process's log, a count."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from controlplane.budget.alert_log import Alert, alert_entry, alert_of
from controlplane.budget.concern import budget_of
from controlplane.budget.model import Account, Balance, Budget, BudgetName, Window
from controlplane.budget.status import Windows, begin
from controlplane.budget.thresholds import reached_at, shares_ppm
from controlplane.budget.windows import span
from controlplane.journal.model import Append, Recorded
from controlplane.journal.submit import Submit
from controlplane.store.protocols import StoreUnavailable

_log = logging.getLogger(__name__)

ACCOUNTS = 100_000
"""Accounts whose next share is remembered; of one that was forgotten the log knows which alerts there were."""
WAITING = 10_000
"""Accounts that wait to be looked at; one that has no place is looked at when it changes again."""
NEVER = 2**63
"""Of an account whose shares are all spent, or whose budget is gone."""


class Told(Protocol):
    """Where fresh alerts go beside the log."""

    def alert(self, budget: str, threshold_ppm: int) -> None:
        """Count one."""
        ...


class AlertWatch:
    """Hears every balance that changes, and raises the alerts of those that pass a share.

    Exactly once for each account, window and share, over all replicas and restarts: the log takes an entry once, and only
    who wrote it tells of it. Hearing costs a look into a dictionary. `watch` it with budgets and let it `run`. Belongs to one event loop.
    """

    def __init__(
        self,
        submit: Submit,
        ledger: Windows,
        told: Told,
        clock: Callable[[], datetime],
        salt: Callable[[], bytes],
        *,
        again: float = 1.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`again`: seconds until the store is tried again after it failed."""
        self._submit = submit
        self._ledger = ledger
        self._told = told
        self._clock = clock
        self._salt = salt
        self._again = again
        self._sleep = sleep
        self._budgets: Mapping[BudgetName, Budget] = {}
        self._next: dict[Account, int] = {}
        self._waiting: dict[Account, Balance] = {}
        self._unseen: list[Budget] = []
        self._something = asyncio.Event()

    def watch(self, budgets: Sequence[Budget]) -> None:
        """Alert by these from now on. What was spent before counts too."""
        known = {budget.name: budget for budget in budgets}
        if known != self._budgets:
            self._budgets, self._unseen = known, list(budgets)
            self._next.clear()
            self._something.set()

    def heard(self, balances: Mapping[Account, Balance]) -> None:
        """Balances as the store has them now."""
        for account, balance in balances.items():
            if balance.spent >= self._next.get(account, 1) and len(self._waiting) < WAITING:
                self._waiting[account] = balance
                self._something.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            try:
                await self._look()
            except StoreUnavailable as unavailable:
                _log.warning("alerts of budgets have to wait", extra={"cause": str(unavailable)})
                self._something.set()
                await self._sleep(self._again)

    async def _look(self) -> None:
        """What was spent under budgets that are new, and what was heard. Raises StoreUnavailable; nothing is lost then."""
        while self._unseen or self._waiting:
            if self._waiting:
                account, balance = next(iter(self._waiting.items()))
                await self._raise(account, balance)
                if self._waiting.get(account) is balance:
                    del self._waiting[account]
            else:
                budget = self._unseen[-1]
                self.heard(await self._ledger.windows(budget.name, span(budget.window, self._clock()).start))
                if self._unseen and self._unseen[-1] is budget:
                    self._unseen.pop()

    async def _raise(self, account: Account, balance: Balance) -> None:
        """Every share that is spent now and was not before."""
        budget, known = self._budgets.get(budget_of(account.id)), self._next.get(account, 0)
        if budget is None or not _is_window(budget, account):
            self._remember(account, NEVER, budget)
            return
        amounts = [(share, reached_at(budget.limit, share)) for share in shares_ppm(budget)]
        for share, amount in amounts:
            if known <= amount <= balance.spent:
                await self._tell(_seen(budget, account, share, balance, self._clock()))
        self._remember(account, next((amount for _, amount in amounts if amount > balance.spent), NEVER), budget)

    def _remember(self, account: Account, following: int, by: Budget | None) -> None:
        if self._budgets.get(budget_of(account.id)) is not by:
            return  # the budget changed meanwhile, and everything is looked at anew
        self._next.pop(account, None)
        self._next[account] = following
        if len(self._next) > ACCOUNTS:
            self._next = dict(list(self._next.items())[ACCOUNTS // 2 :])

    async def _tell(self, alert: Alert) -> None:
        result = await self._submit(Append(entry=alert_entry(alert, self._salt())))
        if not isinstance(result, Recorded) or not result.fresh:
            return
        self._told.alert(alert.budget, alert.threshold_ppm)
        facts = {
            "budget": alert.budget,
            "account": alert.account.id,
            "threshold_ppm": alert.threshold_ppm,
            "measure": alert.measure,
            "limit": alert.limit,
            "spent": alert.balance.spent,
        }
        _log.warning("a budget has passed a share of its limit", extra=facts)


def _is_window(budget: Budget, account: Account) -> bool:
    """Whether the account's window is one of the budget, which may have had others before."""
    began = begin(account.window_start)
    if began is None:
        return budget.window is Window.TOTAL
    return span(budget.window, began).start == account.window_start


def _seen(budget: Budget, account: Account, share: int, balance: Balance, now: datetime) -> Alert:
    began = begin(account.window_start)
    ends_at = span(budget.window, began).ends_at if began is not None else None
    return alert_of(budget, account, share, balance, (now, ends_at))
