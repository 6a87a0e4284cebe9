"""Runs that began and have no receipt yet, until the control plane has heard of them."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from turnout.outcome.v1 import outcome_pb2

MOST_AT_ONCE = 1_000
"""As many as one report carries."""


def _nothing() -> None:
    return None


class StartedRuns:
    """Each is told once: it goes when a report that carried it is answered, or when its receipt is there to tell more.

    Bounded: when it is full the oldest goes, and is counted; `on_drop` hears of it. The control plane then holds what was
    held for the run until the decision is void, and books the receipt when it comes.
    """

    def __init__(self, size: int, on_drop: Callable[[], None] = _nothing) -> None:
        self._size = size
        self._on_drop = on_drop
        self._waiting: OrderedDict[str, outcome_pb2.StartedRun] = OrderedDict()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, started: outcome_pb2.StartedRun) -> None:
        """Take one; never waits."""
        if len(self._waiting) >= self._size:
            self._waiting.popitem(last=False)
            self.dropped += 1
            self._on_drop()
        self._waiting[started.receipt_id] = started

    def first(self) -> Sequence[outcome_pb2.StartedRun]:
        """The oldest ones, which stay until they are told."""
        return [started for started, _ in zip(self._waiting.values(), range(MOST_AT_ONCE), strict=False)]

    def told(self, sent: Iterable[outcome_pb2.StartedRun]) -> None:
        """Forget what was sent."""
        for started in sent:
            self._waiting.pop(started.receipt_id, None)

    def ended(self, receipt_id: str) -> None:
        """Forget a run whose receipt is there."""
        self._waiting.pop(receipt_id, None)
