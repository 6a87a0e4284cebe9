"""What is short, in words and figures."""

from types import MappingProxyType

from controlplane.budget.model import Measure, Purse, Shortage
from controlplane.decision.wording import dollars

_UNITS = MappingProxyType({Measure.REQUESTS: "requests", Measure.TOKENS: "tokens"})


def amount(measure: Measure, value: int) -> str:
    """`$1.50`, `600 requests` or `200,000 tokens`."""
    if measure is Measure.COST:
        return ("-" if value < 0 else "") + dollars(abs(value))
    return f"{value:,} {_UNITS[measure]}"


def shortfall(short: Shortage) -> str:
    """`daily{tenant=acme} has $0.50 of $100.00 left ($98.00 spent, $1.50 held), and $0.75 may be needed`."""
    hold, balance = short.hold, short.balance
    left = hold.limit - balance.spent - balance.reserved
    spent, held = amount(hold.measure, balance.spent), amount(hold.measure, balance.reserved)
    return (
        f"{hold.account.id} has {amount(hold.measure, max(left, 0))} of {amount(hold.measure, hold.limit)} left "
        f"({spent} spent, {held} held), and {amount(hold.measure, hold.amount)} may be needed"
    )


def nearly_used(purse: Purse) -> str:
    """`daily has $8.00 of $100.00 left`."""
    left, limit = amount(purse.measure, max(purse.remaining, 0)), amount(purse.measure, purse.limit)
    return f"{purse.account.id} has {left} of {limit} left"
