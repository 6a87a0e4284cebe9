"""Dollars as people write them and nano-dollars as the contract counts them."""

from decimal import ROUND_FLOOR, Decimal, InvalidOperation

NANOUSD = Decimal(1_000_000_000)
"""Nano-dollars in a dollar."""

_LARGEST = 2**63 - 1


def usd(nanousd: int) -> Decimal:
    """An amount in dollars, exact."""
    return Decimal(nanousd).scaleb(-9)


def nanousd(dollars: Decimal | str | int) -> int:
    """An amount in whole nano-dollars; what is finer is cut off.

    Raises:
        TypeError: a float, which does not hold decimal amounts exactly.
        ValueError: not an amount of at least one nano-dollar, or too large for the contract.
    """
    if isinstance(dollars, bool) or not isinstance(dollars, Decimal | str | int):
        raise TypeError(f"write the amount as a Decimal or a string such as '0.01', not as {type(dollars).__name__}")
    try:
        amount = int((Decimal(dollars) * NANOUSD).to_integral_value(ROUND_FLOOR))
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError(f"{str(dollars)[:40]!r} is not an amount of dollars, such as '0.01'") from None
    if not 0 < amount <= _LARGEST:
        raise ValueError(f"{str(dollars)[:40]!r} is not between a nano-dollar and 9 billion dollars")
    return amount
