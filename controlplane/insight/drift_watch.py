"""Tells once when a segment leaves its band, and when it is back: a line of the process's log, a count, a gauge."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from controlplane.insight.drift import Drift, State, Subject
from controlplane.insight.drifts import Alarms, Drifts
from controlplane.store.protocols import StoreUnavailable

_log = logging.getLogger(__name__)

EVERY = 600.0
"""Seconds between two looks: what is looked at is a day."""
AGAIN = 10.0
"""Seconds until it is tried again to look, by whoever does not lead yet or found no store."""


class Metrics(Protocol):
    """Where counters and gauges go."""

    def count(self, name: str, attributes: Mapping[str, str | int], value: int = 1, unit: str = "1") -> None:
        """Add to the counter `name`."""
        ...

    def gauge(
        self, name: str, read: Callable[[], Iterable[tuple[float, Mapping[str, str | int]]]], unit: str = "1"
    ) -> None:
        """Report what `read` gives."""
        ...


class DriftWatch:
    """Looks every ten minutes, in the control plane that folds the figures.

    Alarms are kept in the store, so that each is told of once over restarts and whoever leads. The gauge has of each workload
    and measure 1 if there is an alarm for any tenant or kind of work, else 0 if any could be told; nothing where nobody leads.
    """

    def __init__(
        self,
        drifts: Drifts,
        alarms: Alarms,
        metrics: Metrics,
        *,
        leading: Callable[[], bool],
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._drifts = drifts
        self._alarms = alarms
        self._metrics = metrics
        self._leading = leading
        self._clock = clock
        self._sleep = sleep
        self._states: Mapping[tuple[str, str], int] = {}
        metrics.gauge("turnout.drift", self._read)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._sleep(await self.turn())

    async def turn(self) -> float:
        """Look, if this process leads and the store is there; how many seconds to wait before the next look."""
        if not self._leading():
            self._states = {}
            return AGAIN
        try:
            await self.look()
        except StoreUnavailable as unavailable:
            _log.warning("drift was not looked for", extra={"cause": str(unavailable)})
            return AGAIN
        except Exception:  # noqa: BLE001 - such as another process that wrote the same alarm first
            _log.exception("drift was not looked for")
        return EVERY

    async def look(self) -> None:
        """Look once, and tell of what has changed. Raises StoreUnavailable."""
        now = self._clock()
        held, found = await self._alarms.held(), await self._drifts(now)
        alarms = {drift.subject: drift for drift in found if drift.state is State.ALARM}
        begun = [drift for subject, drift in alarms.items() if subject not in held]
        ended = [subject for subject in held if subject not in alarms]
        if begun or ended:
            await self._alarms.change([drift.subject for drift in begun], ended, now)
        self._states = _states(found)
        self._tell(begun, ended, {drift.subject: drift for drift in found})

    def _tell(self, begun: Sequence[Drift], ended: Sequence[Subject], found: Mapping[Subject, Drift]) -> None:
        for drift in begun:
            self._count(drift.subject, State.ALARM)
            _log.warning("a segment has left its band", extra=_facts(drift.subject, drift))
        for subject in ended:
            now = found.get(subject)
            self._count(subject, now.state if now else State.UNKNOWN)
            back = now is not None and now.state is State.STEADY
            _log.warning(
                "a segment is back in its band" if back else "a segment can no longer be judged",
                extra=_facts(subject, now),
            )

    def _count(self, subject: Subject, state: State) -> None:
        self._metrics.count("turnout.drift.changes", {**_labels(*_series(subject)), "turnout.state": state.value})

    def _read(self) -> Iterable[tuple[float, Mapping[str, str | int]]]:
        return [(value, _labels(*series)) for series, value in self._states.items()]


def _series(subject: Subject) -> tuple[str, str]:
    """Tenants and kinds of work would be too many."""
    return subject.segment.workload, subject.measure.value


def _labels(workload: str, measure: str) -> Mapping[str, str | int]:
    return {"turnout.workload": workload, "turnout.measure": measure}


def _states(found: Iterable[Drift]) -> Mapping[tuple[str, str], int]:
    states: dict[tuple[str, str], int] = {}
    for drift in found:
        if drift.state is not State.UNKNOWN:
            series = _series(drift.subject)
            states[series] = max(states.get(series, 0), int(drift.state is State.ALARM))
    return states


def _facts(subject: Subject, drift: Drift | None) -> Mapping[str, object]:
    segment, band = subject.segment, drift.band if drift else None
    facts: dict[str, object] = {
        "tenant": segment.tenant,
        "workload": segment.workload,
        "task_type": segment.task_type,
        "measure": subject.measure.value,
        "detail": drift.detail if drift else "there was no such request for weeks",
    }
    if band is not None:
        facts |= {"value": round(band.value, 4), "low": round(band.low, 4), "high": round(band.high, 4)}
    return facts
