"""The worker's current snapshot and how fresh it is."""

from collections.abc import Callable
from datetime import timedelta

from dataplane.snapshot.model import WorkerSnapshot
from turnout_wire.failure import Failure


class SnapshotHolder:
    """Swapped as a whole. `heard` is a monotonic time in seconds at which the control plane last said anything."""

    def __init__(self, monotonic: Callable[[], float], staleness_bound: timedelta) -> None:
        self._monotonic = monotonic
        self._bound = staleness_bound.total_seconds()
        self._current: WorkerSnapshot | None = None
        self._heard = 0.0
        self._listeners: list[Callable[[WorkerSnapshot], None]] = []

    def on_change(self, listener: Callable[[WorkerSnapshot], None]) -> None:
        """Call `listener` with every snapshot that is taken."""
        self._listeners.append(listener)

    def take(self, snapshot: WorkerSnapshot) -> None:
        """Use `snapshot` from now on."""
        self._current = snapshot
        self.hear()
        for listener in self._listeners:
            listener(snapshot)

    def hear(self) -> None:
        """The control plane said something: what we have is what it has."""
        self._heard = self._monotonic()

    @property
    def current(self) -> WorkerSnapshot | None:
        """What the worker has, however old; None before the first."""
        return self._current

    def fresh(self) -> WorkerSnapshot:
        """The snapshot, for new calls. Raises Failure SNAPSHOT_STALE."""
        silent = self._monotonic() - self._heard
        if self._current is None:
            raise Failure("SNAPSHOT_STALE", "this worker has no snapshot yet; try another worker or again in a moment")
        if silent > self._bound:
            raise Failure(
                "SNAPSHOT_STALE",
                f"this worker has heard nothing from the control plane for {silent:.0f} s, more than its bound of "
                f"{self._bound:.0f} s; try another worker",
            )
        return self._current
