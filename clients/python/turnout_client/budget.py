"""How budgets stand, as values."""

from dataclasses import dataclass
from datetime import datetime

from turnout_client.words import BudgetDimension, BudgetMeasure, BudgetWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """One account of a budget in its present window. Amounts are nano-dollars, requests or tokens, as `measure` says.

    `account` is the budget's name, or with what it is for, as `daily{tenant=acme}`. Times are None where the window never ends;
    `forecast` is what will have been spent when it does, and `forecast_exceeds_at` when the limit is met, None if not in this
    window. `utilisation` is what is spent as a share of the limit; `passed` are the shares for alerts that are spent.
    """

    budget: str
    account: str
    measure: BudgetMeasure
    window: BudgetWindow
    window_start: datetime | None
    window_ends_at: datetime | None
    limit: int
    spent: int
    reserved: int
    remaining: int
    utilisation: float
    forecast: int | None
    forecast_exceeds_at: datetime | None
    passed: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A budget as it is configured, and its accounts. Empty tuples mean everybody; `alerts` are shares of the limit."""

    name: str
    measure: BudgetMeasure
    window: BudgetWindow
    limit: int
    per: tuple[BudgetDimension, ...]
    tenants: tuple[str, ...]
    teams: tuple[str, ...]
    workloads: tuple[str, ...]
    keys: tuple[str, ...]
    models: tuple[str, ...]
    alerts: tuple[float, ...]
    accounts: tuple[BudgetStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetAlert:
    """A share of a limit was spent; raised once for each account, window and share. `limit` and `spent` are of that time."""

    at: datetime
    budget: str
    account: str
    threshold: float
    measure: BudgetMeasure
    window: BudgetWindow
    window_start: datetime | None
    window_ends_at: datetime | None
    limit: int
    spent: int
