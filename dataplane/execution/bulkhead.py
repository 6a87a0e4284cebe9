"""Bounds on the calls that a deployment has in flight, so that a slow one cannot take the whole worker."""

from types import TracebackType
from typing import Self


class Slot:
    """A place in flight, until its context is left."""

    __slots__ = ("_bulkheads", "_deployment", "_held")

    def __init__(self, bulkheads: "Bulkheads", deployment: str) -> None:
        self._bulkheads = bulkheads
        self._deployment = deployment
        self._held = True

    def leave(self) -> None:
        """Make room; only the first time counts."""
        if self._held:
            self._held = False
            self._bulkheads._leave(self._deployment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()


class Bulkheads:
    """Calls in flight by deployment. Nobody queues here: a full deployment refuses, and the plan goes on to the next."""

    def __init__(self) -> None:
        self._in_flight: dict[str, int] = {}

    def enter(self, deployment: str, limit: int) -> Slot | None:
        """A place, or None where `limit` calls are in flight already; no limit if 0."""
        taken = self._in_flight.get(deployment, 0)
        if limit and taken >= limit:
            return None
        self._in_flight[deployment] = taken + 1
        return Slot(self, deployment)

    def in_flight(self, deployment: str) -> int:
        """Calls in flight now."""
        return self._in_flight.get(deployment, 0)

    def _leave(self, deployment: str) -> None:
        left = self._in_flight[deployment] - 1
        if left:
            self._in_flight[deployment] = left
        else:
            del self._in_flight[deployment]
