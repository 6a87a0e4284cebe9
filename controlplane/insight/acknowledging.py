"""Alarms of drift that somebody knows of: kept in the store, each until it ends or shifts further."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from controlplane.audit.leaf import from_microseconds, microseconds
from controlplane.insight.drift import Acknowledgement, Drift, Measure, Segment, State, Subject, shift
from controlplane.store.protocols import Database
from controlplane.store.settings import Settings
from turnout_wire.failure import Failure


class Acknowledgements:
    """Those that are kept. Every method raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._kept = Settings(database, "drift_ack")

    async def __call__(self) -> Mapping[Subject, Acknowledgement]:
        """All, whether they still stand or not."""
        return {_subject(name): _read(body) for name, body in (await self._kept.all()).items()}

    async def put(self, found: Mapping[Subject, Acknowledgement], ended: Collection[Subject]) -> None:
        """Keep them, in place of what their subjects had, and forget those of alarms that `ended`."""
        await self._kept.change({_name(subject): _written(each) for subject, each in found.items()}, map(_name, ended))


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """Says of alarms that are kept that somebody knows of them. `drifts` tells what there is; `written` has them in the audit log."""

    drifts: Callable[[datetime], Awaitable[Sequence[Drift]]]
    kept: Acknowledgements
    written: Callable[[Sequence[Drift]], Awaitable[None]]
    clock: Callable[[], datetime]

    async def __call__(
        self, workload: str, tenants: Collection[str], measures: Collection[Measure], *, by: str
    ) -> Sequence[Drift]:
        """Those of `workload`; of all tenants, or measures, where none is named. The entry of the log comes first.

        Raises Failure NOT_FOUND, and StoreUnavailable.
        """
        now = self.clock()
        alarms = [each for each in await self.drifts(now) if each.since is not None and each.state is State.ALARM]
        asked = [
            replace(each, acknowledged=Acknowledgement(by=by, at=now, since=each.since, shift=shift(each.band)))
            for each in alarms
            if each.since is not None
            and each.band is not None
            and each.subject.segment.workload == workload
            and (not tenants or each.subject.segment.tenant in tenants)
            and (not measures or each.subject.measure in measures)
        ]
        if not asked:
            told = f"workload: no alarm of {workload!r} is kept; one that has just begun is, ten minutes later at most"
            raise Failure("NOT_FOUND", told, field="workload")
        await self.written(asked)
        standing = {each.subject for each in alarms}
        ended = [subject for subject in await self.kept() if subject not in standing]
        await self.kept.put({each.subject: each.acknowledged for each in asked if each.acknowledged}, ended)
        return asked


def _name(subject: Subject) -> str:
    segment = subject.segment
    return json.dumps([segment.tenant, segment.workload, segment.task_type, subject.measure.value])


def _subject(name: str) -> Subject:
    tenant, workload, task_type, measure = json.loads(name)
    return Subject(segment=Segment(tenant=tenant, workload=workload, task_type=task_type), measure=Measure(measure))


def _written(found: Acknowledgement) -> bytes:
    times = {"at_us": microseconds(found.at), "since_us": microseconds(found.since)}
    return json.dumps({**times, "by": found.by, "shift": found.shift}, sort_keys=True).encode()


def _read(body: bytes) -> Acknowledgement:
    form = json.loads(body)
    return Acknowledgement(
        by=str(form["by"]),
        at=from_microseconds(int(form["at_us"])),
        since=from_microseconds(int(form["since_us"])),
        shift=float(form["shift"]),
    )
