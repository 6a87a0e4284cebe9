"""Where a run is booked to for which nothing is held."""

from collections.abc import Callable, Sequence

from controlplane.budget.matching import Balances, Bearer, bookings, purses
from controlplane.budget.model import Hold, Used
from controlplane.outcome.model import Decided
from controlplane.routing.deciding import owner_of
from controlplane.snapshot.model import Snapshot


class Booking:
    """Finds the accounts of now, for decisions that were made without this control plane or without the store."""

    def __init__(self, snapshot: Callable[[], Snapshot], balances: Callable[[], Balances]) -> None:
        self._snapshot = snapshot
        self._balances = balances

    def __call__(self, decided: Decided, used: Sequence[Used]) -> tuple[Hold, ...]:
        """The accounts that what `used` tells is booked to, with nothing in them for it."""
        catalog = self._snapshot().catalog
        bearer = Bearer(
            tenant=decided.tenant,
            team=owner_of(catalog, decided.workload),
            workload=decided.workload,
            key=decided.presenter,
        )
        models = [one.model for one in used]
        return bookings(purses(catalog.budgets, bearer, models, self._balances(), decided.issued_at))
