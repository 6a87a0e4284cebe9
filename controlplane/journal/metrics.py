"""The journal in figures."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from controlplane.journal.journal import JournalState

Reading = tuple[float, Mapping[str, str]]


class Gauges(Protocol):
    """Where figures are looked up whenever they are exported."""

    def gauge(self, name: str, read: Callable[[], Iterable[tuple[float, Mapping[str, str]]]], unit: str = "1") -> None:
        """Report what `read` gives as `name`."""
        ...


def watch_journal(metrics: Gauges, state: Callable[[], JournalState]) -> None:
    """Report how many operations wait, were written and had no place, and how often the store failed."""
    metrics.gauge("turnout.journal.waiting", lambda: [(state().waiting, {})])
    metrics.gauge("turnout.journal.written", lambda: [(state().written, {})])
    metrics.gauge("turnout.journal.groups", lambda: [(state().groups, {})])
    metrics.gauge("turnout.journal.failures", lambda: [(state().failures, {})])
    metrics.gauge("turnout.journal.dropped", lambda: [(state().dropped, {})])
