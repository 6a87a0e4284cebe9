"""The audit log in figures."""

from collections.abc import Mapping
from typing import Protocol


class Counts(Protocol):
    """Where counters go."""

    def count(self, name: str, attributes: Mapping[str, str], value: int = 1, unit: str = "1") -> None:
        """Add to the counter `name`."""
        ...


class LogMetrics:
    """Counts what the sequencer does; see Watch."""

    def __init__(self, metrics: Counts) -> None:
        self._metrics = metrics

    def sequenced(self, count: int, size: int) -> None:
        """See Watch."""
        del size  # the counter's sum is the size
        self._metrics.count("turnout.audit.sequenced", {}, count)

    def forked(self, reason: str) -> None:
        """See Watch. The reason is in the log; a metric must not have as many series as there are reasons."""
        del reason
        self._metrics.count("turnout.audit.forked", {})
