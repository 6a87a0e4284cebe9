"""Feedback between the wire, the use case and the log."""

from collections.abc import Mapping
from datetime import datetime

from google.protobuf.message import DecodeError

from controlplane.access.model import Role
from controlplane.outcome.feedback import Feedback, Label
from controlplane.store.protocols import StoredEntry
from turnout.audit.v1 import record_pb2
from turnout.outcome.v1 import outcome_pb2
from turnout.routing.v1 import decision_pb2
from turnout_wire.server import Principal

MILLION = 1_000_000

LABELS: Mapping[int, Label] = {outcome_pb2.FeedbackLabel.Value(f"FEEDBACK_LABEL_{each.name}"): each for each in Label}


def feedback_from(request: outcome_pb2.SubmitFeedbackRequest, giver: Principal) -> Feedback:
    """What `giver` says."""
    return Feedback(
        decision_id=request.decision_id,
        giver=giver.name,
        tenant=None if Role.OPERATOR in giver.roles else giver.tenant,
        quality=request.quality if request.HasField("quality") else None,
        success=request.success if request.HasField("success") else None,
        label=LABELS.get(request.label),
        comment=request.comment,
        request_id=request.request_id,
    )


def feedback_record(feedback: Feedback, given_at: datetime) -> bytes:
    """The body of its entry in the log."""
    record = record_pb2.FeedbackRecord(
        decision_id=feedback.decision_id,
        source=feedback.giver,
        quality_ppm=None if feedback.quality is None else round(feedback.quality * MILLION),
        success=feedback.success,
        label=feedback.label or "",
        comment=feedback.comment,
    )
    record.given_at.FromDatetime(given_at)
    return record.SerializeToString()


def tenant_of(entry: StoredEntry) -> str | None:
    """The tenant of a decision's entry; None if its body was erased or cannot be read."""
    if entry.body is None:
        return None
    try:
        record = record_pb2.DecisionRecord.FromString(entry.body)
        return decision_pb2.RouteDecision.FromString(record.decision.payload).tenant or None
    except DecodeError:
        return None
