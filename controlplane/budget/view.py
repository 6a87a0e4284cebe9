"""Balances as this process last saw them: what decisions count on before the store has the last word."""

from collections.abc import Callable, Mapping

from controlplane.budget.model import Account, Balance

ACCOUNTS = 100_000
"""Accounts that are remembered; of more, the one that was touched longest ago is forgotten."""


class BalanceView:
    """The newest known balance of each account.

    It may be old, or know nothing of an account: a decision that counts on money which is not there is refused by the store,
    which tells the balance that it met, and is made again. Belongs to one event loop.
    """

    def __init__(self, accounts: int = ACCOUNTS) -> None:
        self._size = accounts
        self._balances: dict[Account, Balance] = {}
        self._listeners: list[Callable[[Mapping[Account, Balance]], None]] = []

    @property
    def balances(self) -> Mapping[Account, Balance]:
        """By account; those that are absent are not known, or were never used."""
        return self._balances

    def on_update(self, listener: Callable[[Mapping[Account, Balance]], None]) -> None:
        """Call `listener` with all balances that come."""
        self._listeners.append(listener)

    def update(self, balances: Mapping[Account, Balance]) -> None:
        """Take balances that the store told."""
        for account, balance in balances.items():
            self._balances.pop(account, None)
            self._balances[account] = balance
        for account in list(self._balances)[: max(len(self._balances) - self._size, 0)]:
            del self._balances[account]
        for listener in self._listeners:
            listener(balances)
