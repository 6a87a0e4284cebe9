"""InsightService."""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from controlplane.access.model import Role
from controlplane.insight.acknowledging import Acknowledge
from controlplane.insight.contribution import BUCKET
from controlplane.insight.drift import Drift
from controlplane.insight.drifts import Comparison
from controlplane.insight.pins import PinReference, Pins, UnpinReference
from controlplane.insight.projector import Progress
from controlplane.insight.report import DAY, HOUR, Dimension, Filters, Report, Window, window
from controlplane.insight.segments import HALF_LIFE, Segment
from controlplane.rpc.drift_codec import comparison_from, drift_message, drift_messages, measures_from, pinned_message
from controlplane.rpc.insight_codec import DIMENSIONS, figures_message, filters_from, row_message, segment_message
from controlplane.store.protocols import StoreUnavailable
from turnout.insight.v1 import insight_pb2
from turnout_wire.failure import Failure
from turnout_wire.server import Call
from turnout_wire.times import delta, duration, moment

T = TypeVar("T")
PAGE = 100
LONGEST = timedelta(days=400)


class AsksReport(Protocol):
    """See Reports.report."""

    async def __call__(self, span: Window, group_by: Sequence[Dimension], filters: Filters) -> Report:
        """Totals and groups. Raises StoreUnavailable."""
        ...


class AsksSegments(Protocol):
    """See Segments."""

    async def __call__(self, now: datetime, filters: Filters) -> Sequence[Segment]:
        """All that occurred. Raises StoreUnavailable."""
        ...


class AsksDrift(Protocol):
    """See Drifts."""

    async def __call__(self, now: datetime, comparison: Comparison) -> Sequence[Drift]:
        """Everything that is watched. Raises StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What is pinned, and what operators change about drift."""

    pins: Pins
    pin: PinReference
    unpin: UnpinReference
    acknowledge: Acknowledge


class InsightServicer:
    """Figures over a window, what was learned, and whether traffic is as it was."""

    def __init__(
        self,
        report: AsksReport,
        segments: AsksSegments,
        drifts: AsksDrift,
        references: References,
        *,
        progress: Callable[[], Awaitable[tuple[Progress, Mapping[str, int]]]],
        clock: Callable[[], datetime],
    ) -> None:
        """`progress` tells how far the figures follow the log, and how much of what was dropped."""
        self._report = report
        self._segments = segments
        self._drifts = drifts
        self._references = references
        self._progress = progress
        self._clock = clock

    async def GetReport(self, request: insight_pb2.GetReportRequest, call: Call) -> insight_pb2.GetReportResponse:
        """Totals and a page of rows."""
        span, by = self._window(request), [DIMENSIONS[number] for number in request.group_by]
        report = await _told(self._report(span, by, filters_from(request.filter, _only(call))))
        first, last, token = _page(len(report.rows), request.page_size, request.page_token)
        decided = report.totals["decided"]
        response = insight_pb2.GetReportResponse(
            totals=figures_message(report.totals, decided),
            rows=[row_message(by, group, figures, decided) for group, figures in report.rows[first:last]],
            next_page_token=token,
            progress=await self._message(),
            bucket=duration(timedelta(seconds=span.bucket)),
            row_count=len(report.rows),
        )
        response.since.FromSeconds(span.since)
        response.until.FromSeconds(span.until)
        return response

    async def GetSegments(self, request: insight_pb2.GetSegmentsRequest, call: Call) -> insight_pb2.GetSegmentsResponse:
        """A page of segments."""
        found = await _told(self._segments(self._clock(), filters_from(request.filter, _only(call))))
        first, last, token = _page(len(found), request.page_size, request.page_token)
        return insight_pb2.GetSegmentsResponse(
            segments=[segment_message(segment) for segment in found[first:last]],
            next_page_token=token,
            half_life=duration(HALF_LIFE),
            progress=await self._message(),
        )

    async def GetDrift(self, request: insight_pb2.GetDriftRequest, call: Call) -> insight_pb2.GetDriftResponse:
        """All that is watched of what was asked for: bands are the same whoever asks, so everything is looked at first."""
        comparison, only = comparison_from(request), _only(call)
        drifts = drift_messages(await _told(self._drifts(self._clock(), comparison)), request, only)
        return insight_pb2.GetDriftResponse(
            drifts=drifts,
            pinned=await self._pinned({drift.workload for drift in drifts}, request, only),
            progress=await self._message(),
            recent=duration(timedelta(days=comparison.recent)),
            reference=duration(timedelta(days=comparison.reference)),
        )

    async def _pinned(
        self, workloads: Container[str], request: insight_pb2.GetDriftRequest, only: str | None
    ) -> Sequence[insight_pb2.PinnedReference]:
        operator = only is None
        return [
            pinned_message(pin, whole=operator)
            for name, pin in (await _told(self._references.pins())).items()
            if name in workloads or (operator and (not request.workloads or name in request.workloads))
        ]

    async def PinDriftReference(
        self, request: insight_pb2.PinDriftReferenceRequest, call: Call
    ) -> insight_pb2.PinDriftReferenceResponse:
        """Another reference of a workload."""
        since, until = moment(request.since, "since"), moment(request.until, "until")
        pin = await _told(self._references.pin(request.workload, since, until, by=call.principal.name))
        return insight_pb2.PinDriftReferenceResponse(pinned=pinned_message(pin, whole=True))

    async def UnpinDriftReference(
        self, request: insight_pb2.UnpinDriftReferenceRequest, call: Call
    ) -> insight_pb2.UnpinDriftReferenceResponse:
        """The usual one again."""
        await _told(self._references.unpin(request.workload, by=call.principal.name))
        return insight_pb2.UnpinDriftReferenceResponse()

    async def AcknowledgeDrift(
        self, request: insight_pb2.AcknowledgeDriftRequest, call: Call
    ) -> insight_pb2.AcknowledgeDriftResponse:
        """Alarms that somebody knows of."""
        asked = self._references.acknowledge(
            request.workload, request.tenants, measures_from(request), by=call.principal.name
        )
        return insight_pb2.AcknowledgeDriftResponse(
            drifts=[drift_message(drift, whole=True) for drift in await _told(asked)]
        )

    def _window(self, request: insight_pb2.GetReportRequest) -> Window:
        until = moment(request.until, "until") if request.HasField("until") else self._clock()
        since = moment(request.since, "since") if request.HasField("since") else until - timedelta(days=1)
        if since >= until:
            raise Failure("INVALID_FIELD", "since: it must be before until", field="since")
        if until - since > LONGEST:
            told = f"since: figures are kept for {LONGEST.days} days; ask for a shorter window"
            raise Failure("INVALID_FIELD", told, field="since")
        return window(since, until, self._clock(), _bucket(request))

    async def _message(self) -> insight_pb2.Progress:
        progress, dropped = await _told(self._progress())
        return insight_pb2.Progress(
            folded=progress.folded,
            behind=progress.behind,
            dropped=[insight_pb2.Dropped(kind=kind, count=count) for kind, count in sorted(dropped.items())],
        )


def _only(call: Call) -> str | None:
    """The only tenant that the caller may see; None for operators."""
    return None if Role.OPERATOR in call.principal.roles else call.principal.tenant


def _bucket(request: insight_pb2.GetReportRequest) -> int:
    if not request.HasField("bucket"):
        return 0
    seconds = delta(request.bucket, "bucket") / timedelta(seconds=1)
    if seconds == BUCKET or (seconds and seconds % HOUR == 0 and (seconds < DAY and DAY % seconds == 0)):
        return int(seconds)
    if seconds and seconds % DAY == 0:
        return int(seconds)
    told = (
        "bucket: buckets are 5 minutes, hours of which a day has a whole number (1, 2, 3, 4, 6, 8, 12), or whole days"
    )
    raise Failure("INVALID_FIELD", told, field="bucket")


async def _told(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except StoreUnavailable as unavailable:
        raise Failure(
            "STORE_UNAVAILABLE", "the store does not answer, and figures are in it; try again"
        ) from unavailable


def _page(count: int, size: int, token: str) -> tuple[int, int, str]:
    """From which row to before which, and the token for those after them."""
    first = _place(token) if token else 0
    last = min(first + (size or PAGE), count)
    return first, last, base64.urlsafe_b64encode(json.dumps(["rows", last]).encode()).decode() if last < count else ""


def _place(token: str) -> int:
    try:
        match json.loads(base64.b64decode(token, altchars=b"-_", validate=True)):
            case ["rows", int(place)] if place > 0:
                return place
    except (binascii.Error, ValueError):
        pass
    way_out = "give the token of the answer before, or none to begin again"
    raise Failure("PAGE_TOKEN_INVALID", f"this is no page token of a report: {way_out}", field="page_token")
