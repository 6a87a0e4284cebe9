"""Asking a control plane for figures; they come as plain values."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from turnout.insight.v1 import insight_pb2
from turnout_wire.control_line import ControlLine, M
from turnout_wire.failure import Failure

Plain = Mapping[str, Any]
DIMENSIONS = tuple(name.removeprefix("DIMENSION_").lower() for name in insight_pb2.Dimension.keys()[1:])
"""What figures can be grouped by."""


class Insights:
    """Calls InsightService. Every method raises Failure."""

    def __init__(self, line: ControlLine) -> None:
        self._line = line

    async def report(
        self,
        *,
        since: datetime,
        until: datetime,
        group_by: Sequence[str] = (),
        filters: Mapping[str, Any] | None = None,
        bucket: timedelta | None = None,
        limit: int = 1000,
    ) -> Plain:
        """Figures over a window: `totals`, and `rows` with `group` and `figures`, at most `limit` of them.

        `group_by` are names of `DIMENSIONS`; `filters` are fields of the contract's Filter, such as `models`. Fields are as in
        the contract: times are datetimes, durations seconds, closed sets words, counts by name a dict, what is absent None.
        """
        request = insight_pb2.GetReportRequest(
            group_by=[_dimension(name) for name in group_by],
            filter=insight_pb2.Filter(**dict(filters or {})),
            page_size=limit,
        )
        request.since.FromDatetime(since)
        request.until.FromDatetime(until)
        if bucket is not None:
            request.bucket.FromTimedelta(bucket)
        return plain(await self._call("GetReport", request, insight_pb2.GetReportResponse))

    async def segments(self, limit: int = 1000) -> Plain:
        """What was learned: `segments`, by weight, at most `limit` of them."""
        request = insight_pb2.GetSegmentsRequest(page_size=limit)
        return plain(await self._call("GetSegments", request, insight_pb2.GetSegmentsResponse))

    async def drift(
        self,
        *,
        workloads: Sequence[str] = (),
        tenants: Sequence[str] = (),
        recent: timedelta | None = None,
        reference: timedelta | None = None,
    ) -> Plain:
        """Whether traffic is as it was: `drifts`, alarms first. Of `recent` whole days up to now, a day if None, beside those of
        `reference` before them, four weeks if None.
        """
        request = insight_pb2.GetDriftRequest(workloads=workloads, tenants=tenants)
        if recent is not None:
            request.recent.FromTimedelta(recent)
        if reference is not None:
            request.reference.FromTimedelta(reference)
        return plain(await self._call("GetDrift", request, insight_pb2.GetDriftResponse))

    async def pin_drift(self, workload: str, since: datetime, until: datetime) -> Plain:
        """Compare a workload with the days from `since` to before `until`, midnights of UTC, until that is let go: as it is pinned."""
        request = insight_pb2.PinDriftReferenceRequest(workload=workload)
        request.since.FromDatetime(since)
        request.until.FromDatetime(until)
        answer = await self._call("PinDriftReference", request, insight_pb2.PinDriftReferenceResponse)
        return plain(answer.pinned)

    async def acknowledge_drift(
        self, workload: str, tenants: Sequence[str] = (), measures: Sequence[str] = ()
    ) -> Sequence[Plain]:
        """Say that somebody knows of the alarms of a workload, of all tenants and measures where none is named: as they are known."""
        request = insight_pb2.AcknowledgeDriftRequest(
            workload=workload, tenants=tenants, measures=[_measure(name) for name in measures]
        )
        answer = await self._call("AcknowledgeDrift", request, insight_pb2.AcknowledgeDriftResponse)
        return [plain(drift) for drift in answer.drifts]

    async def unpin_drift(self, workload: str) -> None:
        """Compare it with the weeks before again."""
        request = insight_pb2.UnpinDriftReferenceRequest(workload=workload)
        await self._call("UnpinDriftReference", request, insight_pb2.UnpinDriftReferenceResponse)

    async def _call(self, method: str, request: Message, response: type[M]) -> M:
        return await self._line.call(f"turnout.insight.v1.InsightService/{method}", request, response)


def _measure(name: str) -> insight_pb2.DriftMeasure.ValueType:
    known = [word.removeprefix("DRIFT_MEASURE_").lower() for word in insight_pb2.DriftMeasure.keys()[1:]]
    if name not in known:
        raise Failure("INVALID_FIELD", f"measures: {name!r} is none; they are {', '.join(known)}", field="measures")
    return insight_pb2.DriftMeasure.Value(f"DRIFT_MEASURE_{name.upper()}")


def _dimension(name: str) -> insight_pb2.Dimension.ValueType:
    if name not in DIMENSIONS:
        raise Failure("INVALID_FIELD", f"by: {name!r} is none of {', '.join(DIMENSIONS)}", field="group_by")
    return insight_pb2.Dimension.Value(f"DIMENSION_{name.upper()}")


def plain(message: Message) -> dict[str, Any]:
    """A message as plain values by field name; optional fields and messages that are absent are None."""
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def _field(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        if field.message_type is not None and field.message_type.name in ("Count", "Dropped"):
            return {getattr(each, each.DESCRIPTOR.fields[0].name): each.count for each in value}
        return [_value(each, field) for each in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(value, field)


def _value(value: Any, field: Any) -> Any:
    if isinstance(value, Timestamp):
        return value.ToDatetime(tzinfo=UTC)
    if isinstance(value, Duration):
        return value.ToMicroseconds() / 1e6
    if isinstance(value, Message):
        return plain(value)
    if field.enum_type is not None:
        return _word(field.enum_type.values_by_number[value].name, field.enum_type.values_by_number[0].name)
    return value


def _word(name: str, zero: str) -> str:
    """A value of a closed set: without the prefix that all of it have, and `unknown` for none."""
    prefix = zero.removesuffix("UNSPECIFIED")
    return "unknown" if name == zero else name.removeprefix(prefix).lower()
