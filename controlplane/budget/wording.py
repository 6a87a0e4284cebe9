"""What is short, in words and figures."""

from controlplane.budget.model import Measure, Purse, Shortage
from controlplane.decision.wording import dollars


def shortfall(short: Shortage) -> str:
    """`daily{tenant=acme} has $0.50 of $100.00 left ($98.00 spent, $1.50 held), and $0.75 may be needed`."""
    hold, balance = short.hold, short.balance
    left = _left(hold.measure, hold.limit - balance.spent - balance.reserved, hold.limit)
    spent, held, needed = (_amount(hold.measure, each) for each in (balance.spent, balance.reserved, hold.amount))
    return f"{hold.account.id} has {left} ({spent} spent, {held} held), and {needed} may be needed"


def nearly_used(purse: Purse) -> str:
    """`daily has $8.00 of $100.00 left`."""
    return f"{purse.account.id} has {_left(purse.measure, purse.remaining, purse.limit)}"


def _left(measure: Measure, left: int, limit: int) -> str:
    unit = f" {measure}" if measure is not Measure.COST else ""
    return f"{_amount(measure, max(left, 0))} of {_amount(measure, limit)}{unit} left"


def _amount(measure: Measure, value: int) -> str:
    return dollars(value) if measure is Measure.COST else f"{value:,}"
