"""What workers report, put before the decisions that come."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from controlplane.outcome.live import HealthReport, LiveView, Timing
from controlplane.snapshot.holder import SnapshotHolder

Tell = Callable[[str, Sequence[HealthReport], datetime], None]


def _nobody(_worker: str, _health: Sequence[HealthReport], _at: datetime) -> None:
    return None


class Sight:
    """Merges health and timings into the current snapshot. Belongs to one event loop."""

    def __init__(
        self, snapshots: SnapshotHolder, live: LiveView, clock: Callable[[], datetime], tell: Tell = _nobody
    ) -> None:
        """`tell` hears of what each worker reports here."""
        self._snapshots = snapshots
        self._live = live
        self._clock = clock
        self._tell = tell

    def health(self, worker: str, health: Sequence[HealthReport]) -> None:
        """Take a worker's whole view of its targets; one that says nothing of health changes nothing."""
        if health:
            now = self._clock()
            self._live.report(worker, health, now)
            self._refresh()
            self._tell(worker, health, now)

    def elsewhere(self, worker: str, health: Sequence[HealthReport], at: datetime) -> None:
        """Take what a worker reported to another control plane at `at`."""
        self._live.report(worker, health, at)
        self._refresh()

    def timings(self, timings: Iterable[Timing]) -> None:
        """Take successful attempts."""
        found = list(timings)
        if found:
            self._live.observe(found, self._clock())
            self._refresh()

    def _refresh(self) -> None:
        known = {deployment.name for deployment in self._snapshots.current.catalog.deployments}
        self._snapshots.refresh(self._live.merged(known.__contains__, self._clock()))
