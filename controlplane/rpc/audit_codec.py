"""What is recorded, for the wire."""

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from controlplane.audit.decisions import DecisionFilter, DecisionSummary
from controlplane.budget.model import Reservation
from controlplane.decision.contrast import why_not
from controlplane.decision.model import Decision
from controlplane.rpc.decision_codec import candidate_message
from controlplane.rpc.reconcile import Discovered, Reconciled
from controlplane.rpc.replay import Replayed
from controlplane.store.protocols import StoredEntry
from turnout.audit.v1 import audit_pb2
from turnout.routing.v1 import routing_pb2
from turnout_wire.times import moment


def explained_message(replayed: Replayed, models: Sequence[str]) -> audit_pb2.Explained:
    """A decision that was made again with every candidate."""
    plan: Decision = replayed.plan
    floor = routing_pb2.QualityFloor(quality_ppm=round(plan.floor.quality * 1_000_000), source=plan.floor.source)
    return audit_pb2.Explained(
        candidates=map(candidate_message, plan.candidates),
        quality_floor=floor,
        steps=plan.steps,
        why_not=[why_not(plan, model) for model in models],
        difference=replayed.difference,
    )


def reservation_message(reservation: Reservation) -> audit_pb2.ReservationStatus:
    """What is held for a decision."""
    message = audit_pb2.ReservationStatus(
        state=reservation.state.value,
        runs_left=reservation.runs_left,
        holds=[
            audit_pb2.Held(
                account=hold.account.id,
                window_start=hold.account.window_start,
                measure=hold.measure.value,
                model=hold.model,
                limit=hold.limit,
                amount=hold.amount,
                estimate=hold.estimate,
            )
            for hold in reservation.holds
        ],
        runs=[audit_pb2.HeldRun(receipt_id=run.run_id, state=run.state.value) for run in reservation.runs],
    )
    message.expires_at.FromDatetime(reservation.expires_at)
    return message


def filter_from(message: audit_pb2.DecisionFilter) -> DecisionFilter:
    """Which decisions. Raises Failure if a time is out of range."""
    return DecisionFilter(
        since=moment(message.since, "filter.since") if message.HasField("since") else None,
        until=moment(message.until, "filter.until") if message.HasField("until") else None,
        tenant=message.tenant,
        workload=message.workload,
        owner=message.owner,
        feature=message.feature,
        policy=message.policy,
        model=message.model,
        deployment=message.deployment,
        reason=message.reason,
        result=message.result,
        min_cost_nanousd=message.min_cost_nanousd,
        id_prefix=message.id_prefix,
    )


def summary_message(summary: DecisionSummary) -> audit_pb2.DecisionSummary:
    """A decision in a line."""
    message = audit_pb2.DecisionSummary(
        decision_id=summary.decision_id,
        tenant=summary.tenant,
        workload=summary.workload,
        owner=summary.owner,
        feature=summary.feature,
        policy=summary.policy,
        model=summary.model,
        deployment=summary.deployment,
        reason=summary.reason,
        result=summary.result,
        cost_nanousd=summary.cost_nanousd,
    )
    message.decided_at.FromDatetime(summary.at)
    return message


def entry_message(entry: StoredEntry) -> audit_pb2.LogEntry:
    """An entry that has its place."""
    at = Timestamp()
    at.FromDatetime(entry.at)
    return audit_pb2.LogEntry(
        leaf_index=entry.index or 0,
        leaf=entry.leaf,
        kind=entry.kind,
        ref=entry.ref,
        decision_id=entry.decision_id,
        at=at,
        salt=entry.salt or b"",
        body=entry.body or b"",
        erased=entry.body is None,
    )


def reconciled_message(found: Reconciled, limit: int) -> audit_pb2.ReconcileResponse:
    """What was compared, with the first `limit` discrepancies."""
    return audit_pb2.ReconcileResponse(
        decisions=found.decisions,
        receipts=found.receipts,
        open=found.open,
        stated_nanousd=found.stated_nanousd,
        worked_out_nanousd=found.worked_out_nanousd,
        estimated_nanousd=found.estimated_nanousd,
        discrepancies=map(_discrepancy, found.discovered[:limit]),
        total=len(found.discovered),
        unreadable=found.unreadable,
    )


def _discrepancy(one: Discovered) -> audit_pb2.Discrepancy:
    message = audit_pb2.Discrepancy(
        kind=one.kind.value,
        decision_id=one.decision_id,
        ref=one.ref,
        tenant=one.tenant,
        workload=one.workload,
        detail=one.detail,
        nanousd=one.nanousd,
    )
    message.at.FromDatetime(one.at)
    return message
