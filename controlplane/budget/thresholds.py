"""Shares of a limit, in millionths."""

from controlplane.budget.model import Budget

MILLION = 1_000_000


def shares_ppm(budget: Budget) -> tuple[int, ...]:
    """The shares at which `budget` alerts, ascending."""
    return tuple(round(share * MILLION) for share in budget.alerts)


def reached_at(limit: int, share_ppm: int) -> int:
    """The least amount spent that reaches the share of `limit`; something must have been spent."""
    return max(-(-limit * share_ppm // MILLION), 1)


def passed_ppm(budget: Budget, spent: int) -> tuple[int, ...]:
    """The shares that `spent` reaches."""
    return tuple(share for share in shares_ppm(budget) if spent >= reached_at(budget.limit, share))


def utilisation_ppm(limit: int, spent: int) -> int:
    """`spent` as a share of `limit`, rounded down; a million where the limit is 0, for there is nothing to spend."""
    return spent * MILLION // limit if limit > 0 else MILLION
