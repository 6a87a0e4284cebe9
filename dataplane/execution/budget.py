"""How many calls beyond the first a target may be given."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """A token bucket: each request adds `share` of a token, each second `per_second`; a retry takes one.

    It holds `capacity` at most and begins full, so that quiet traffic can retry too. Source of the rule: Finagle and
    Linkerd, which budget retries as a share of requests instead of a number for each.
    """

    share: float = 0.1
    per_second: float = 1.0
    capacity: float = 10.0


_DUST = 1e-9
"""What ten tenths may lack to be one."""


class RetryBudget:
    """The budget of one target. The clock is an argument of each call, in monotonic seconds."""

    __slots__ = ("_settings", "_since", "_tokens")

    def __init__(self, settings: BudgetSettings, *, now: float) -> None:
        self._settings = settings
        self._tokens = settings.capacity
        self._since = now

    def deposit(self, now: float) -> None:
        """A request came."""
        self._fill(now, self._settings.share)

    def take(self, now: float) -> bool:
        """Whether there is a token for a retry; it is spent if there is."""
        self._fill(now, 0.0)
        if self._tokens < 1.0 - _DUST:
            return False
        self._tokens -= 1.0
        return True

    def _fill(self, now: float, extra: float) -> None:
        earned = max(now - self._since, 0.0) * self._settings.per_second + extra
        self._tokens = min(self._tokens + earned, self._settings.capacity)
        self._since = max(now, self._since)


class RetryBudgets:
    """The budgets of all targets, by deployment."""

    def __init__(self, settings: BudgetSettings) -> None:
        self._settings = settings
        self._budgets: dict[str, RetryBudget] = {}

    def of(self, deployment: str, now: float) -> RetryBudget:
        """The budget of `deployment`, full when it is asked for first."""
        if (budget := self._budgets.get(deployment)) is None:
            budget = self._budgets[deployment] = RetryBudget(self._settings, now=now)
        return budget

    def retain(self, deployments: frozenset[str]) -> None:
        """Forget the budgets of all others."""
        self._budgets = {name: budget for name, budget in self._budgets.items() if name in deployments}
