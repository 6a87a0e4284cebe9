"""What workers report, merged into the health and statistics that decisions read."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low
from types import MappingProxyType

from controlplane.catalog.model import DeploymentName
from controlplane.snapshot.model import Health, HealthState, Live, Statistics

WINDOW = 64
"""Attempts per deployment that statistics look back on."""
_BEST_FIRST = (
    HealthState.READY,
    HealthState.HALF_OPEN,
    HealthState.OPEN,
    HealthState.MISCONFIGURED,
    HealthState.NO_CREDENTIAL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """What one worker says of one deployment."""

    deployment: DeploymentName
    health: Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One successful attempt."""

    deployment: DeploymentName
    latency: timedelta
    time_to_first_token: timedelta


class LiveView:
    """Merges reports: a deployment is as healthy as the healthiest worker finds it, for a request may go there.

    A worker that has not reported for `forget_after` no longer counts: it is gone or cut off, and others know better.
    """

    def __init__(self, forget_after: timedelta = timedelta(seconds=30), window: int = WINDOW) -> None:
        self._forget_after = forget_after
        self._window = window
        self._workers: dict[str, tuple[datetime, Mapping[DeploymentName, Health]]] = {}
        self._timings: dict[DeploymentName, deque[Timing]] = {}
        self._revision = 0

    def report(self, worker: str, reports: Iterable[HealthReport], now: datetime) -> None:
        """Take a worker's whole view of its targets."""
        self._workers[worker] = (now, {report.deployment: report.health for report in reports})

    def observe(self, timings: Iterable[Timing]) -> None:
        """Take successful attempts."""
        for timing in timings:
            self._timings.setdefault(timing.deployment, deque(maxlen=self._window)).append(timing)

    def merged(self, known: Callable[[DeploymentName], bool], now: datetime) -> Live:
        """The view of now, of deployments that are `known`; others are forgotten."""
        self._workers = {name: seen for name, seen in self._workers.items() if now - seen[0] < self._forget_after}
        self._timings = {name: timings for name, timings in self._timings.items() if known(name)}
        self._revision += 1
        return Live(
            revision=self._revision,
            health=MappingProxyType(self._health(known)),
            statistics=MappingProxyType({name: _statistics(timings) for name, timings in self._timings.items()}),
        )

    def _health(self, known: Callable[[DeploymentName], bool]) -> dict[DeploymentName, Health]:
        found: dict[DeploymentName, list[Health]] = {}
        for _, reports in self._workers.values():
            for deployment, health in reports.items():
                if known(deployment):
                    found.setdefault(deployment, []).append(health)
        return {deployment: min(views, key=_badness) for deployment, views in found.items()}


def _badness(health: Health) -> tuple[int, float]:
    return _BEST_FIRST.index(health.state), health.until.timestamp() if health.until else 0.0


def _statistics(timings: Iterable[Timing]) -> Statistics:
    rows = list(timings)
    return Statistics(
        samples=len(rows),
        latency=median_low(row.latency for row in rows),
        time_to_first_token=median_low(row.time_to_first_token for row in rows),
    )
