"""Budgets in figures: as many series as there are budgets, however many accounts they have."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from controlplane.budget.concern import budget_of
from controlplane.budget.model import Account, Balance, Budget
from controlplane.budget.thresholds import utilisation_ppm
from controlplane.budget.windows import span

BUDGET = "turnout.budget"


class Metrics(Protocol):
    """Where counters and gauges go."""

    def count(self, name: str, attributes: Mapping[str, str | int], value: int = 1, unit: str = "1") -> None:
        """Add to the counter `name`."""
        ...

    def gauge(
        self, name: str, read: Callable[[], Iterable[tuple[float, Mapping[str, str | int]]]], unit: str = "1"
    ) -> None:
        """Report what `read` gives."""
        ...


class BudgetMetrics:
    """Counts alerts, and reports how full the fullest account of each budget is: accounts are named by what users made up,
    which is nothing for a metric.
    """

    def __init__(
        self,
        metrics: Metrics,
        budgets: Callable[[], Sequence[Budget]],
        balances: Callable[[], Mapping[Account, Balance]],
        clock: Callable[[], datetime],
    ) -> None:
        """`budgets` and `balances` are read in another thread."""
        self._metrics = metrics
        self._budgets = budgets
        self._balances = balances
        self._clock = clock
        metrics.gauge("turnout.budget.utilisation", self._read)

    def alert(self, budget: str, threshold_ppm: int) -> None:
        """One was raised."""
        self._metrics.count("turnout.budget.alerts", {BUDGET: budget, "turnout.threshold_ppm": threshold_ppm})

    def _read(self) -> Iterable[tuple[float, Mapping[str, str | int]]]:
        # A copy is made without letting another thread in; going through the original is not.
        found = fullest(self._budgets(), dict(self._balances()), self._clock())
        return [(share / 1_000_000, {BUDGET: name}) for name, share in found.items()]


def fullest(budgets: Iterable[Budget], balances: Mapping[Account, Balance], now: datetime) -> Mapping[str, int]:
    """By budget: of its accounts of now that are known, the largest share of the limit that is spent, in millionths."""
    present = {budget.name: (span(budget.window, now).start, budget.limit) for budget in budgets}
    found: dict[str, int] = {}
    for account, balance in balances.items():
        name = budget_of(account.id)
        start, limit = present.get(name, (-1, 0))
        if account.window_start == start:
            found[name] = max(found.get(name, 0), utilisation_ppm(limit, balance.spent))
    return found
