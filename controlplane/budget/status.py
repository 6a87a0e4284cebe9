"""How an account of a budget stands in its present window."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from controlplane.budget.concern import values_of
from controlplane.budget.forecast import Course, Forecast, forecast
from controlplane.budget.model import Account, AccountId, Balance, Budget, Window
from controlplane.budget.thresholds import passed_ppm, utilisation_ppm
from controlplane.budget.windows import Span, span

_UNUSED = Balance()


class Windows(Protocol):
    """The part of a Ledger that tells of budgets."""

    async def windows(self, budget: str, since: int) -> Mapping[Account, Balance]:
        """See Ledger. Raises StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One account. `forecast` is None where the window never ends."""

    budget: Budget
    account: Account
    ends_at: datetime | None
    balance: Balance
    forecast: Forecast | None

    @property
    def remaining(self) -> int:
        """What is neither booked nor held; below 0 if more was booked than the limit allows."""
        return self.budget.limit - self.balance.spent - self.balance.reserved

    @property
    def utilisation_ppm(self) -> int:
        """What is booked as a share of the limit, in millionths."""
        return utilisation_ppm(self.budget.limit, self.balance.spent)

    @property
    def passed_ppm(self) -> tuple[int, ...]:
        """The budget's shares for alerts that are booked."""
        return passed_ppm(self.budget, self.balance.spent)


def begin(window_start: int) -> datetime | None:
    """When a window began; None for 0, where it never begins anew."""
    return datetime.fromtimestamp(window_start, UTC) if window_start else None


def since(window: Window, now: datetime) -> int:
    """The begin, in seconds since 1970, of the window before that of `now`; 0 where there is but one."""
    return _before(window, span(window, now)).start


def statuses(budget: Budget, balances: Mapping[Account, Balance], now: datetime) -> Iterator[Status]:
    """The accounts of a budget at `now`, by id, from the balances of this window and the one before.

    Those that were used; of a budget that counts by nothing its one account in any case. What is left from a time when the
    budget counted by something else is left out.
    """
    present = span(budget.window, now)
    before = _before(budget.window, present)
    used = {
        one.id for one in balances if one.window_start == present.start and set(values_of(one.id)) == set(budget.per)
    }
    for account in sorted(used if budget.per else used | {AccountId(budget.name)}):
        here = Account(id=account, window_start=present.start)
        previous = balances.get(Account(id=account, window_start=before.start))
        balance = balances.get(here, _UNUSED)
        yield Status(
            budget=budget,
            account=here,
            ends_at=present.ends_at,
            balance=balance,
            forecast=_forecast(budget.limit, balance, previous, (before, present), now),
        )


def _before(window: Window, present: Span) -> Span:
    began = begin(present.start)
    return span(window, began - timedelta(microseconds=1)) if began is not None else present


def _forecast(
    limit: int, balance: Balance, previous: Balance | None, windows: tuple[Span, Span], now: datetime
) -> Forecast | None:
    before, present = windows
    began = begin(present.start)
    if began is None or present.ends_at is None:
        return None
    course = Course(
        begins_at=began,
        ends_at=present.ends_at,
        spent=balance.spent,
        previous=previous.spent if previous is not None else None,
        previous_begins_at=begin(before.start),
    )
    return forecast(course, limit, now)
