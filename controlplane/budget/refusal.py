"""What a caller is told whose request budgets have no room for."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from controlplane.budget.model import Account, Measure, Purse, Shortage
from controlplane.budget.wording import shortfall
from controlplane.decision.model import Decision
from turnout_wire.failure import Failure

_NEVER = datetime.max.replace(tzinfo=UTC)

SHORTEST = timedelta(seconds=0.2)
"""The least that a caller waits for what others hold: their runs must end, and their receipts arrive."""


def refusal(plan: Decision, now: datetime) -> Failure:
    """Why budgets keep a request from being decided, and when to ask again: `failure_of` what `plan` is short of."""
    return failure_of(plan.shortages, plan.purses, now=now, latency=plan.expected_latency)


def failure_of(shortages: Sequence[Shortage], purses: Iterable[Purse], *, now: datetime, latency: timedelta) -> Failure:
    """Why `shortages` keep a request from being decided, and when to ask again.

    `purses` are those of the decision; `latency` is what the run would take. BUDGET_EXHAUSTED: some money is spent, and the time
    is that of its window's end. RATE_LIMITED: requests or tokens are, likewise. BUDGET_IN_FLIGHT: all would have room once what
    others hold is released, which a run takes as long for as this one would. No time where waiting does not help: the window
    never ends, or the limit is less than what one request may need. ValueError without shortages.
    """
    if not shortages:
        raise ValueError("a request is refused for something that is short")
    known = {purse.account: purse for purse in purses}
    spent = [one for one in shortages if one.hold.measure is Measure.COST and not one.in_flight]
    rates = [one for one in shortages if one.hold.measure is not Measure.COST]
    if spent:
        told = max(spent, key=lambda one: _ends(one, known))
        return _failure("BUDGET_EXHAUSTED", told, known, _until_end(told, known, now))
    if rates:
        told = max(rates, key=lambda one: _ends(one, known))
        return _failure("RATE_LIMITED", told, known, _until_end(told, known, now))
    told = shortages[0]
    left = _left(told, known, now)
    return _failure("BUDGET_IN_FLIGHT", told, known, max(latency if left is None else min(left, latency), SHORTEST))


def _failure(reason: str, short: Shortage, known: Mapping[Account, Purse], retry_after: timedelta | None) -> Failure:
    way_out = _way_out(reason, short, retry_after)
    return Failure(
        reason,
        f"no room in a budget: {shortfall(short)}; {way_out}",
        metadata=_metadata(short, known),
        retry_after=retry_after,
    )


def _way_out(reason: str, short: Shortage, retry_after: timedelta | None) -> str:
    if reason == "BUDGET_IN_FLIGHT":
        return "others hold the rest: try again after the time given, or ask for a shorter answer"
    if short.hold.amount > short.hold.limit:
        return "that is more than the limit as a whole: ask for a shorter answer, or raise the limit"
    if retry_after is None:
        return "it never begins anew: raise its limit"
    return "try again after the time given, when its window ends, or raise its limit"


def _metadata(short: Shortage, known: Mapping[Account, Purse]) -> dict[str, str]:
    """Facts of the account; money in nano-dollars."""
    hold, balance = short.hold, short.balance
    purse = known.get(hold.account)
    ends_at = purse.ends_at.isoformat() if purse is not None and purse.ends_at is not None else ""
    return {
        "budget": purse.budget if purse is not None else hold.account.id.partition("{")[0],
        "account": hold.account.id,
        "measure": hold.measure.value,
        "limit": str(hold.limit),
        "spent": str(balance.spent),
        "reserved": str(balance.reserved),
        "needed": str(hold.amount),
        "window_ends_at": ends_at,
    }


def _until_end(short: Shortage, known: Mapping[Account, Purse], now: datetime) -> timedelta | None:
    return None if short.hold.amount > short.hold.limit else _left(short, known, now)


def _ends(short: Shortage, known: Mapping[Account, Purse]) -> datetime:
    """For telling of the one that is waited for the longest."""
    purse = known.get(short.hold.account)
    return _NEVER if purse is None or purse.ends_at is None else purse.ends_at


def _left(short: Shortage, known: Mapping[Account, Purse], now: datetime) -> timedelta | None:
    """The time until the window ends; None if it never does."""
    purse = known.get(short.hold.account)
    return None if purse is None or purse.ends_at is None else max(purse.ends_at - now, timedelta(0))
