"""What workers report, merged into the health and statistics that decisions read."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low
from types import MappingProxyType

from controlplane.catalog.model import DeploymentName
from controlplane.decision.balancing import RECOVERY
from controlplane.snapshot.model import Headroom, Health, HealthState, Live, Peak, Statistics, Streamed, Whole

WINDOW = 64
"""Attempts per deployment that statistics look back on."""

LEAST_TOKENS = 8
"""Tokens of an answer from which the time for each is told: of less, network and rounding are most of it."""

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
    in_flight: int = 0
    headroom: Headroom | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One successful attempt; `output_tokens` is 0 if nobody told them, `time_to_first_token` all its time if it came at once."""

    deployment: DeploymentName
    latency: timedelta
    time_to_first_token: timedelta
    output_tokens: int = 0


class LiveView:
    """Merges reports: a deployment is as healthy as the healthiest worker finds it, for a request may go there.

    Calls in flight are those of all workers; of what a provider said of its rate limits the newest counts.

    A worker that has not reported for `forget_after` no longer counts: it is gone or cut off, and others know better.
    """

    def __init__(self, forget_after: timedelta = timedelta(seconds=30), window: int = WINDOW) -> None:
        self._forget_after = forget_after
        self._window = window
        self._workers: dict[str, tuple[datetime, Mapping[DeploymentName, HealthReport]]] = {}
        self._timings: dict[DeploymentName, deque[Timing]] = {}
        self._statistics: dict[DeploymentName, Statistics] = {}
        self._peaks: dict[DeploymentName, Peak] = {}
        self._revision = 0

    def report(self, worker: str, reports: Iterable[HealthReport], now: datetime) -> bool:
        """Take a worker's whole view of its targets; whether it finds any of them in another state than before.

        A rate limit that runs out, or has room again, is such a change.
        """
        told = {report.deployment: report for report in reports}
        before = self._workers.get(worker)
        self._workers[worker] = (now, told)
        return before is None or _states(before[1]) != _states(told)

    def observe(self, timings: Iterable[Timing], now: datetime) -> None:
        """Take successful attempts that are told of at `now`."""
        for timing in timings:
            name = timing.deployment
            self._timings.setdefault(name, deque(maxlen=self._window)).append(timing)
            self._statistics.pop(name, None)
            self._peaks[name] = peak(self._peaks.get(name), timing.time_to_first_token, now)

    def merged(self, known: Callable[[DeploymentName], bool], now: datetime) -> Live:
        """The view of now, of deployments that are `known`; others are forgotten."""
        self._workers = {name: seen for name, seen in self._workers.items() if now - seen[0] < self._forget_after}
        self._timings = {name: timings for name, timings in self._timings.items() if known(name)}
        self._statistics = {name: found for name, found in self._statistics.items() if known(name)}
        self._peaks = {name: found for name, found in self._peaks.items() if known(name)}
        self._revision += 1
        told = self._told(known)
        return Live(
            revision=self._revision,
            health=MappingProxyType({name: _healthiest(views) for name, views in told.items()}),
            statistics=MappingProxyType({name: self._statistics_of(name) for name in self._timings}),
            headroom=MappingProxyType({name: found for name, views in told.items() if (found := _newest(views))}),
            in_flight=MappingProxyType(
                {name: calls for name, views in told.items() if (calls := sum(view.in_flight for view in views))}
            ),
            peaks=MappingProxyType(dict(self._peaks)),
        )

    def _statistics_of(self, name: DeploymentName) -> Statistics:
        """Worked out once for as long as nothing new is told."""
        found = self._statistics.get(name)
        if found is None:
            found = self._statistics[name] = _statistics(self._timings[name])
        return found

    def _told(self, known: Callable[[DeploymentName], bool]) -> dict[DeploymentName, list[HealthReport]]:
        found: dict[DeploymentName, list[HealthReport]] = {}
        for _, reports in self._workers.values():
            for deployment, report in reports.items():
                if known(deployment):
                    found.setdefault(deployment, []).append(report)
        return found


def peak(before: Peak | None, time: timedelta, now: datetime) -> Peak:
    """The moving average after one more time to the first token: what is slower counts at once, what is faster bit by bit.

    A peak EWMA as Finagle has it: the older the average, the less of it is left beside what is new.
    """
    if before is None or time >= before.time_to_first_token:
        return Peak(time_to_first_token=time, at=now)
    kept = math.exp(-max((now - before.at) / RECOVERY, 0.0))
    return Peak(time_to_first_token=time + (before.time_to_first_token - time) * kept, at=now)


def _states(told: Mapping[DeploymentName, HealthReport]) -> Mapping[DeploymentName, tuple[Health, bool]]:
    return {name: (report.health, _used_up(report.headroom)) for name, report in told.items()}


def _used_up(headroom: Headroom | None) -> bool:
    rooms = () if headroom is None else (headroom.requests, headroom.tokens)
    return any(room is not None and room.remaining == 0 for room in rooms)


def _healthiest(views: Iterable[HealthReport]) -> Health:
    return min((view.health for view in views), key=_badness)


def _newest(views: Iterable[HealthReport]) -> Headroom | None:
    return max((view.headroom for view in views if view.headroom), key=lambda found: found.as_of, default=None)


def _badness(health: Health) -> tuple[int, float]:
    return _BEST_FIRST.index(health.state), health.until.timestamp() if health.until else 0.0


def _statistics(timings: Iterable[Timing]) -> Statistics:
    rows = list(timings)
    told = [row for row in rows if row.output_tokens >= LEAST_TOKENS]
    return Statistics(
        samples=len(rows),
        latency=median_low(row.latency for row in rows),
        time_to_first_token=median_low(row.time_to_first_token for row in rows),
        streamed=_streamed([row for row in told if row.time_to_first_token < row.latency]),
        whole=_whole([row for row in told if row.time_to_first_token >= row.latency]),
    )


def _streamed(rows: Sequence[Timing]) -> Streamed | None:
    if not rows:
        return None
    return Streamed(
        samples=len(rows),
        time_to_first_token=median_low(row.time_to_first_token for row in rows),
        per_token=median_low((row.latency - row.time_to_first_token) / row.output_tokens for row in rows),
    )


def _whole(rows: Sequence[Timing]) -> Whole | None:
    if not rows:
        return None
    return Whole(
        samples=len(rows),
        latency=median_low(row.latency for row in rows),
        tokens=median_low(row.output_tokens for row in rows),
    )
