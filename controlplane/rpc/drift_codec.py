"""Drift for the wire, and what is asked about it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from google.protobuf.duration_pb2 import Duration

from controlplane.catalog.model import TaskType
from controlplane.insight.drift import Drift, Measure, State
from controlplane.insight.drifts import Comparison, Pin
from controlplane.insight.pins import Repinned
from controlplane.rpc.enums import TASK_TYPE
from turnout.audit.v1 import record_pb2
from turnout.catalog.v1 import catalog_pb2
from turnout.insight.v1 import insight_pb2
from turnout_wire.failure import Failure
from turnout_wire.times import delta, timestamp

_MEASURES: Mapping[Measure, insight_pb2.DriftMeasure.ValueType] = MappingProxyType(
    {measure: insight_pb2.DriftMeasure.Value(f"DRIFT_MEASURE_{measure.name}") for measure in Measure}
)
_STATES: Mapping[State, insight_pb2.DriftState.ValueType] = MappingProxyType(
    {state: insight_pb2.DriftState.Value(f"DRIFT_STATE_{state.name}") for state in State}
)


def comparison_from(request: insight_pb2.GetDriftRequest) -> Comparison:
    """What is compared with what. Raises Failure INVALID_FIELD."""
    usual = Comparison()
    recent, reference = usual.recent, usual.reference
    if request.HasField("recent"):
        recent = _days(request.recent, "recent", 1, 14)
    if request.HasField("reference"):
        reference = _days(request.reference, "reference", 7, 90)
    return Comparison(recent=recent, reference=reference)


def _days(given: Duration, field: str, least: int, most: int) -> int:
    days, rest = divmod(delta(given, field), timedelta(days=1))
    if rest or not least <= days <= most:
        raise Failure("INVALID_FIELD", f"{field}: it must be {least} to {most} whole days (of 86,400 s)", field=field)
    return days


def drift_messages(
    drifts: Iterable[Drift], request: insight_pb2.GetDriftRequest, tenant: str | None
) -> Sequence[insight_pb2.Drift]:
    """Those that are asked for; `tenant` is the only one that may be seen, None if all may."""
    return [drift_message(drift, whole=tenant is None) for drift in drifts if _is_asked(drift, request, tenant)]


def _task_type(word: str) -> catalog_pb2.TaskType.ValueType:
    number: catalog_pb2.TaskType.ValueType = TASK_TYPE[TaskType(word)] if word else catalog_pb2.TASK_TYPE_UNSPECIFIED
    return number


def _is_asked(drift: Drift, request: insight_pb2.GetDriftRequest, tenant: str | None) -> bool:
    segment = drift.subject.segment
    named = not request.workloads or segment.workload in request.workloads
    theirs = not request.tenants or segment.tenant in request.tenants
    return named and theirs and tenant in (None, segment.tenant)


def pinned_message(pin: Pin, *, whole: bool) -> insight_pb2.PinnedReference:
    """A pinned reference; who pinned it only if `whole`."""
    message = insight_pb2.PinnedReference(workload=pin.workload, pinned_by=pin.by if whole else "")
    message.since.FromSeconds(pin.since)
    message.until.FromSeconds(pin.until)
    message.pinned_at.FromDatetime(pin.at)
    return message


def drift_reference_record(change: Repinned) -> bytes:
    """The body of the entry of a change."""
    record = record_pb2.DriftReferenceRecord(
        workload=change.workload, changed_by=change.by, changed_at=timestamp(change.at)
    )
    if change.pin is not None:
        record.since.FromSeconds(change.pin.since)
        record.until.FromSeconds(change.pin.until)
    return record.SerializeToString(deterministic=True)


def measures_from(request: insight_pb2.AcknowledgeDriftRequest) -> Sequence[Measure]:
    """Those that are named."""
    return [measure for measure, number in _MEASURES.items() if number in request.measures]


def drift_acknowledgement_record(drifts: Iterable[Drift]) -> bytes:
    """The body of the entry of alarms that somebody knows of."""
    record = record_pb2.DriftAcknowledgementRecord(drifts=[drift_message(drift, whole=True) for drift in drifts])
    return record.SerializeToString(deterministic=True)


def drift_message(drift: Drift, *, whole: bool) -> insight_pb2.Drift:
    """How it is with a subject; who knows of an alarm only if `whole`."""
    segment, band = drift.subject.segment, drift.band
    message = insight_pb2.Drift(
        tenant=segment.tenant,
        workload=segment.workload,
        task_type=_task_type(segment.task_type),
        measure=_MEASURES[drift.subject.measure],
        state=_STATES[drift.state],
        recent_count=drift.recent,
        reference_count=drift.reference,
        detail=drift.detail,
    )
    if band is not None:
        message.value, message.reference, message.low, message.high = band.value, band.reference, band.low, band.high
    if drift.since is not None:
        message.since.FromDatetime(drift.since)
    if drift.acknowledged is not None:
        message.acknowledged_at.FromDatetime(drift.acknowledged.at)
        message.acknowledged_by = drift.acknowledged.by if whole else ""
    return message
