"""Asking the rollups for drift, and keeping which alarms there are."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.audit.leaf import from_microseconds, microseconds
from controlplane.insight.drift import Acknowledgement, Drift, Measure, Segment, Subject, judged, standing
from controlplane.insight.report import DAY, Dimension, Filters, Reports, Window, window
from controlplane.insight.rollups import as_int, inserted
from controlplane.insight.watched import Counted, watched
from controlplane.store.protocols import Database, Statement, Value

BY = (Dimension.TENANT, Dimension.WORKLOAD, Dimension.TASK_TYPE, Dimension.COMPLEXITY, Dimension.TIME)
_ALL: Filters = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How many days are compared, and with how many before them."""

    recent: int = 1
    reference: int = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """The days that a workload is compared with until it is let go: in seconds since 1970, whole days from `since` to before `until`.

    `by` pinned it, `at` that time.
    """

    workload: str
    since: int
    until: int
    by: str
    at: datetime


class Alarms:
    """Which alarms there are, and since when: so that they end in a narrower band, whoever looks, and are told of once.

    Every method raises StoreUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def held(self) -> Mapping[Subject, datetime]:
        """All of them."""
        rows = await self._database.fetch("SELECT tenant, workload, task_type, measure, since_us FROM drift_alarm")
        return {_subject(row): from_microseconds(as_int(row[-1])) for row in rows}

    async def change(self, begun: Collection[Subject], ended: Collection[Subject], at: datetime) -> None:
        """All at once. Raises what the database raises if somebody else wrote one that has begun; then nothing was written."""
        since = microseconds(at)
        statements = (
            Statement(sql=_PUT, rows=[(*_key(subject), since) for subject in begun]),
            Statement(sql=_DROP, rows=[_key(subject) for subject in ended]),
        )
        await self._database.write([statement for statement in statements if statement.rows])


class Drifts:
    """Tells drift from the rollups. Raises StoreUnavailable."""

    def __init__(
        self,
        reports: Reports,
        alarms: Alarms,
        pins: Callable[[], Awaitable[Mapping[str, Pin]]],
        acknowledged: Callable[[], Awaitable[Mapping[Subject, Acknowledgement]]],
    ) -> None:
        """`pins` tells which workloads have a pinned reference, `acknowledged` of which alarms somebody knows."""
        self._reports = reports
        self._alarms = alarms
        self.pins = pins
        self._acknowledged = acknowledged

    async def __call__(self, now: datetime, comparison: Comparison | None = None) -> Sequence[Drift]:
        """Everything that is watched. Another comparison than the usual one knows of no alarms that there are.

        A workload with a pinned reference is compared with that, and with nothing of it that is looked at.
        """
        asked = comparison or Comparison()
        span, before = spans(now, asked)
        recent, reference = await self._counted(span), await self._counted(before)
        for workload, pin in (await self.pins()).items():
            pinned = Window(since=pin.since, until=min(pin.until, before.until), bucket=DAY)
            reference = [row for row in reference if row.workload != workload]
            reference += await self._counted(pinned, {Dimension.WORKLOAD: [workload]})
        held = await self._alarms.held() if asked == Comparison() else {}
        # In a thread, for decisions are made in this loop and should not wait for figures.
        found = await asyncio.to_thread(lambda: judged(watched(recent, reference, asked.recent), held))
        known = await self._acknowledged() if held else {}
        return [
            replace(each, acknowledged=known[each.subject]) if standing(each, known.get(each.subject)) else each
            for each in found
        ]

    async def _counted(self, span: Window, of: Filters = _ALL) -> list[Counted]:
        return [
            Counted(
                tenant=str(tenant),
                workload=str(workload),
                kind=(str(task_type), str(complexity)),
                begins=int(begins),
                counters=counters,
            )
            for (tenant, workload, task_type, complexity, begins), counters in await self._reports.counted(span, BY, of)
            if counters["decided"] or counters["quality_count"]
        ]


def spans(now: datetime, comparison: Comparison) -> tuple[Window, Window]:
    """The latest time, up to now, and the whole days of UTC that end before it."""
    recent = window(now - timedelta(days=comparison.recent), now, now, DAY)
    until = recent.since - recent.since % DAY
    return recent, Window(since=until - comparison.reference * DAY, until=until, bucket=DAY)


_PUT = inserted("drift_alarm", ("tenant", "workload", "task_type", "measure", "since_us"))
_DROP = "DELETE FROM drift_alarm WHERE tenant = ? AND workload = ? AND task_type = ? AND measure = ?"


def _key(subject: Subject) -> tuple[str, str, str, str]:
    segment = subject.segment
    return segment.tenant, segment.workload, segment.task_type, subject.measure.value


def _subject(row: tuple[Value, ...]) -> Subject:
    tenant, workload, task_type, measure = map(str, row[:4])
    return Subject(segment=Segment(tenant=tenant, workload=workload, task_type=task_type), measure=Measure(measure))
