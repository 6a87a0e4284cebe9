"""Budgets, balances and reservations as values; money is in integer nano-dollars."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from turnout_wire.quick import quick

BudgetName = NewType("BudgetName", str)
AccountId = NewType("AccountId", str)
"""A budget, and for which of its values: `daily`, or `daily{tenant=acme}` where the budget has one account for each."""


class Measure(StrEnum):
    """What a budget counts."""

    COST = "cost"
    """Nano-dollars."""
    REQUESTS = "requests"
    """Runs of decisions."""
    TOKENS = "tokens"
    """Input and output tokens together."""


class Window(StrEnum):
    """How long a budget lasts before it begins anew, by UTC; `total` never does."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class Dimension(StrEnum):
    """What budgets can be for. `team` is the owner of the workload, `key` the caller that asks."""

    TENANT = "tenant"
    TEAM = "team"
    WORKLOAD = "workload"
    KEY = "key"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A limit on what some requests may use in a window.

    Empty sets mean everybody. `per` names the dimensions of which each value has an account of its own.
    `alerts` are shares of the limit, ascending, at which somebody is told.
    """

    name: BudgetName
    limit: int
    measure: Measure = Measure.COST
    window: Window = Window.MONTH
    tenants: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    workloads: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    per: frozenset[Dimension] = frozenset()
    alerts: tuple[float, ...] = (0.5, 0.8, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Account:
    """One window of one account. `window_start` is in seconds since 1970, 0 where the window is `total`."""

    id: AccountId
    window_start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What of an account is booked, and what is held for runs that have not been settled."""

    spent: int = 0
    reserved: int = 0


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What one run may take from one account at most, and what it is expected to take.

    `limit` is that of the budget when it was decided. `model`: only calls of that model count; all if empty.
    """

    account: Account
    measure: Measure
    limit: int
    amount: int
    estimate: int
    model: str = ""


class ReservationState(StrEnum):
    """The life of a reservation."""

    OPEN = "open"
    """Something is held."""
    SETTLED = "settled"
    """Every run that was possible has been booked."""
    EXPIRED = "expired"
    """Its time passed: runs that had begun were booked at the estimate, the others released."""


class RunState(StrEnum):
    """What is known of one run of a decision."""

    STARTED = "started"
    SETTLED = "settled"
    ESTIMATED = "estimated"
    """Booked at the estimate, for nothing was heard of it in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, by the id that its receipt will have."""

    run_id: str
    state: RunState


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What is held for a decision: each of `holds` once for every run that is still possible (`runs_left`).

    A run counts as possible until it is settled, so `reserved` of an account is the sum of `amount · runs_left`.
    """

    decision_id: str
    holds: tuple[Hold, ...]
    runs_left: int
    expires_at: datetime
    state: ReservationState = ReservationState.OPEN
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What calls of one model used in a run."""

    model: str
    cost_nanousd: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """A hold that its account has no room for, and the balance that it met."""

    hold: Hold
    balance: Balance

    @property
    def in_flight(self) -> bool:
        """Whether there would be room if everything that is held now were released."""
        return self.balance.spent + self.hold.amount <= self.hold.limit


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """One account that a request would be paid from, as a decision sees it. `model`: only for calls of that model; all if empty.

    `ends_at` is when its window ends, None if never.
    """

    budget: BudgetName
    account: Account
    measure: Measure
    limit: int
    balance: Balance
    model: str = ""
    ends_at: datetime | None = None

    @property
    def remaining(self) -> int:
        """What is neither booked nor held; below 0 if more was booked than the limit allows."""
        return self.limit - self.balance.spent - self.balance.reserved
