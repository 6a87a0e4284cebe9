"""Days that a workload's drift is told from, until they are let go: kept in the store, one period for each workload."""

import json
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.audit.leaf import from_microseconds, microseconds
from controlplane.insight.drifts import Comparison, Pin, spans
from controlplane.insight.report import DAY
from controlplane.store.protocols import Database
from controlplane.store.settings import Settings
from turnout_wire.failure import Failure

LEAST_DAYS, MOST_DAYS = 7, 90
"""As many days tell something, and as few are read quickly."""
OLDEST_DAYS = 400
"""Days that figures are kept for, if nobody says otherwise."""
MOST_PINS = 64
"""Each is a query of every look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repinned:
    """A reference that was pinned, or let go: then `pin` is None."""

    workload: str
    pin: Pin | None
    by: str
    at: datetime


class Pins:
    """What is pinned. Every method raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._kept = Settings(database, "drift_pin")

    async def __call__(self) -> Mapping[str, Pin]:
        """All, by workload."""
        kept = await self._kept.all()
        return {workload: _read(workload, kept[workload]) for workload in sorted(kept)}

    async def put(self, pin: Pin) -> None:
        """Pin it, in place of what the workload had."""
        await self._kept.change({pin.workload: _written(pin)})

    async def drop(self, workload: str) -> None:
        """Let it go."""
        await self._kept.change({}, [workload])


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What both use cases need. `written` has a change in the audit log when it returns; it raises StoreUnavailable."""

    pins: Pins
    workloads: Callable[[], Container[str]]
    written: Callable[[Repinned], Awaitable[None]]
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class PinReference:
    """Makes a past period what a workload is compared with, whatever comes after it."""

    around: Around

    async def __call__(self, workload: str, since: datetime, until: datetime, *, by: str) -> Pin:
        """The entry of the log comes first, so that nothing changes without one.

        Raises Failure WORKLOAD_UNKNOWN or INVALID_FIELD, and StoreUnavailable.
        """
        around, now = self.around, self.around.clock()
        if workload not in around.workloads():
            raise Failure("WORKLOAD_UNKNOWN", f"workload: the catalog has none named {workload!r}", field="workload")
        first, last = (microseconds(moment) // 1_000_000 for moment in (since, until))
        _check(first, last, now)
        known = await around.pins()
        if workload not in known and len(known) >= MOST_PINS:
            told = f"workload: {MOST_PINS} workloads have a pinned reference, and no more may: unpin one"
            raise Failure("INVALID_FIELD", told, field="workload")
        pin = Pin(workload=workload, since=first, until=last, by=by, at=now)
        await around.written(Repinned(workload=workload, pin=pin, by=by, at=now))
        await around.pins.put(pin)
        return pin


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpinReference:
    """Lets a workload be compared with the time before it again."""

    around: Around

    async def __call__(self, workload: str, *, by: str) -> None:
        """Raises Failure NOT_FOUND if it has no pinned reference, and StoreUnavailable."""
        around = self.around
        if workload not in await around.pins():
            raise Failure("NOT_FOUND", f"workload: {workload!r} has no pinned reference", field="workload")
        await around.written(Repinned(workload=workload, pin=None, by=by, at=around.clock()))
        await around.pins.drop(workload)


def _check(first: int, last: int, now: datetime) -> None:
    """Raises Failure INVALID_FIELD for a period that cannot be compared with."""
    if first % DAY or last % DAY:
        raise _refused("since", "a reference is whole days of UTC: give midnights")
    if not LEAST_DAYS <= (last - first) // DAY <= MOST_DAYS:
        raise _refused(
            "until", f"a reference has {LEAST_DAYS} to {MOST_DAYS} days, and this has {(last - first) // DAY}"
        )
    latest = spans(now, Comparison())[1].until
    if last > latest:
        day = f"{from_microseconds((latest - DAY) * 1_000_000):%Y-%m-%d}"
        raise _refused(
            "until", f"a reference ends before the day that is looked at: {day} is the last that it may have"
        )
    if first < latest - OLDEST_DAYS * DAY:
        raise _refused("since", f"figures are kept for {OLDEST_DAYS} days; give a later day")


def _refused(field: str, why: str) -> Failure:
    return Failure("INVALID_FIELD", f"{field}: {why}", field=field)


def _written(pin: Pin) -> bytes:
    form = {"since": pin.since, "until": pin.until, "by": pin.by, "at_us": microseconds(pin.at)}
    return json.dumps(form, sort_keys=True).encode()


def _read(workload: str, body: bytes) -> Pin:
    form = json.loads(body)
    return Pin(
        workload=workload,
        since=int(form["since"]),
        until=int(form["until"]),
        by=str(form["by"]),
        at=from_microseconds(int(form["at_us"])),
    )
