"""What workers report, put before the decisions that come."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from controlplane.outcome.live import HealthReport, LiveView, Timing
from controlplane.snapshot.holder import SnapshotHolder

Tell = Callable[[str, Sequence[HealthReport], datetime], None]
Later = Callable[[float, Callable[[], None]], object]
"""Calls something after so many seconds."""

PAUSE = timedelta(milliseconds=250)
"""How long decisions may go on with the view that they have while workers report all the time: every new view costs as much as
five decisions, and the log keeps each that was decided on."""


def _nobody(_worker: str, _health: Sequence[HealthReport], _at: datetime) -> None:
    return None


def _by_the_loop(seconds: float, call: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, call)


class Sight:
    """Merges health and timings into the current snapshot. Belongs to one event loop.

    A state of health that changed is seen at once, and so is a rate limit that ran out. Speeds, what else is left of rate limits
    and calls in flight are seen once in a `pause` at most: what comes sooner waits for its end.
    """

    def __init__(
        self,
        snapshots: SnapshotHolder,
        live: LiveView,
        clock: Callable[[], datetime],
        tell: Tell = _nobody,
        *,
        pause: timedelta = timedelta(0),
        later: Later = _by_the_loop,
    ) -> None:
        """`tell` hears of what each worker reports here."""
        self._snapshots = snapshots
        self._live = live
        self._clock = clock
        self._tell = tell
        self._pause = pause
        self._later = later
        self._shown_at = datetime.min.replace(tzinfo=UTC)
        self._waiting = False

    def health(self, worker: str, health: Sequence[HealthReport]) -> None:
        """Take a worker's whole view of its targets; one that says nothing of health changes nothing."""
        if health:
            now = self._clock()
            self._take(worker, health, now)
            self._tell(worker, health, now)

    def elsewhere(self, worker: str, health: Sequence[HealthReport], at: datetime) -> None:
        """Take what a worker reported to another control plane at `at`."""
        self._take(worker, health, at)

    def timings(self, timings: Iterable[Timing]) -> None:
        """Take successful attempts."""
        found = list(timings)
        if found:
            self._live.observe(found, self._clock())
            self._show_soon()

    def show(self) -> None:
        """Let decisions see all that was told so far."""
        self._waiting = False
        self._shown_at = self._clock()
        known = {deployment.name for deployment in self._snapshots.current.catalog.deployments}
        self._snapshots.refresh(self._live.merged(known.__contains__, self._shown_at))

    def _take(self, worker: str, health: Sequence[HealthReport], at: datetime) -> None:
        if self._live.report(worker, health, at):
            self.show()
        else:
            self._show_soon()

    def _show_soon(self) -> None:
        since = self._clock() - self._shown_at
        if not timedelta(0) <= since < self._pause:
            self.show()
        elif not self._waiting:
            self._waiting = True
            self._later((self._pause - since).total_seconds(), self._show_late)

    def _show_late(self) -> None:
        if self._waiting:
            self.show()
