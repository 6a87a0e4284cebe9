"""How many receipts workers had to drop before they could report them."""

from collections import OrderedDict

WORKERS = 4096
"""Workers that are remembered; the one that reported longest ago is forgotten first."""


class LostReceipts:
    """Turns each worker's running total into what is new."""

    def __init__(self, workers: int = WORKERS) -> None:
        self._workers = workers
        self._totals: OrderedDict[str, int] = OrderedDict()

    def since_last(self, worker: str, total: int) -> int:
        """How many more `worker` dropped since its last report. A total that is smaller is that of a worker begun anew."""
        before = self._totals.pop(worker, 0)
        self._totals[worker] = total
        if len(self._totals) > self._workers:
            self._totals.popitem(last=False)
        return total - before if total >= before else total
