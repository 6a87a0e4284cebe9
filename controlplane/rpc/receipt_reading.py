"""What workers report, as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from google.protobuf.message import DecodeError

from controlplane.catalog.model import DeploymentName
from controlplane.outcome.commands import rejection
from controlplane.outcome.live import HealthReport
from controlplane.outcome.model import AttemptFacts, Decided, ReceiptFacts, StartedRun
from controlplane.rpc.recording import EntryMaker
from controlplane.snapshot.model import Headroom, Health, HealthState, Room
from turnout.outcome.v1 import outcome_pb2, receipt_pb2
from turnout.routing.v1 import decision_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.batch import signed_message
from turnout_wire.envelope import signatures_of
from turnout_wire.payload_type import PayloadType
from turnout_wire.signature import Verifier
from turnout_wire.times import delta, moment

_STATES: Mapping[int, HealthState] = {
    receipt_pb2.TARGET_STATE_CLOSED: HealthState.READY,
    receipt_pb2.TARGET_STATE_OPEN: HealthState.OPEN,
    receipt_pb2.TARGET_STATE_HALF_OPEN: HealthState.HALF_OPEN,
    receipt_pb2.TARGET_STATE_NO_CREDENTIAL: HealthState.NO_CREDENTIAL,
    receipt_pb2.TARGET_STATE_MISCONFIGURED: HealthState.MISCONFIGURED,
}
_OUTCOMES: Mapping[int, str] = {
    value.number: value.name.removeprefix("ATTEMPT_OUTCOME_").lower()
    for value in receipt_pb2.AttemptOutcome.DESCRIPTOR.values
}
"""Words for outcomes; a newer worker may send one that is not here."""
_MOST = 2**53
"""More than any limit has: what is told above it is taken for it."""
_SUCCEEDED = receipt_pb2.ATTEMPT_OUTCOME_SUCCEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReceipt:
    """Reads receipts and checks the decisions that they carry. `public_key` gives None for a key that is not ours."""

    public_key: Callable[[str], bytes | None]
    verify: Verifier
    entries: EntryMaker

    def __call__(self, receipt: receipt_pb2.Receipt, reporter: str) -> ReceiptFacts:
        """A receipt, and what is recorded of it. Raises Failure if a time in it is out of range."""
        decided = self._decided(receipt.decision, receipt.decision_id)
        attempts = tuple(_attempt(attempt) for attempt in receipt.attempts)
        reason = rejection(decided, attempts)
        return ReceiptFacts(
            receipt_id=receipt.receipt_id,
            decision_id=receipt.decision_id,
            worker=receipt.worker,
            result=receipt_pb2.RunResult.Name(receipt.result).removeprefix("RUN_RESULT_").lower(),
            attempts=attempts,
            cost_nanousd=receipt.cost_nanousd,
            decided=decided,
            entry=self.entries.stray(receipt, reporter, reason) if reason else self.entries.receipt(receipt, reporter),
            decision=self.entries.adopted(receipt),
        )

    def _decided(self, envelope: envelope_pb2.Envelope, decision_id: str) -> Decided | None:
        """What the decision that a receipt carries says; None unless it is ours and the one that the receipt names."""
        if envelope.payload_type != PayloadType.DECISION or len(envelope.signatures) != 1:
            return None
        (signature,) = signatures_of(envelope)
        key = self.public_key(signature.key_id)
        message = signed_message(envelope.payload_type, envelope.payload, signature.inclusion)
        if key is None or message is None or not self.verify(key, message, signature.value):
            return None
        try:
            decision = decision_pb2.RouteDecision.FromString(envelope.payload)
        except DecodeError:
            return None
        return _decided(decision) if decision.decision_id == decision_id else None


def started_run(started: outcome_pb2.StartedRun) -> StartedRun:
    """A run that has begun. Raises Failure if its time is out of range."""
    return StartedRun(
        decision_id=started.decision_id, receipt_id=started.receipt_id, until=moment(started.until, "started.until")
    )


def _decided(decision: decision_pb2.RouteDecision) -> Decided:
    return Decided(
        targets=frozenset(target.deployment for target in decision.targets),
        tenant=decision.tenant,
        presenter=decision.presenter,
        workload=decision.workload,
        issued_at=moment(decision.issued_at, "decision.issued_at"),
        reserved=decision.HasField("reservation"),
        unrecorded=decision_pb2.NOTICE_UNRECORDED in decision.reason.notices,
        checkpoint=decision.checkpoint,
    )


def _attempt(attempt: receipt_pb2.Attempt) -> AttemptFacts:
    first: timedelta | None = None
    if attempt.HasField("time_to_first_token"):
        first = delta(attempt.time_to_first_token, "attempt.time_to_first_token")
    return AttemptFacts(
        deployment=DeploymentName(attempt.deployment),
        model=attempt.model,
        succeeded=attempt.outcome == _SUCCEEDED,
        outcome=_OUTCOMES.get(attempt.outcome, "unknown"),
        duration=delta(attempt.duration, "attempt.duration"),
        time_to_first_token=first,
        input_tokens=attempt.usage.input_tokens,
        output_tokens=attempt.usage.output_tokens,
        cost_nanousd=attempt.cost_nanousd,
    )


def health_report(report: receipt_pb2.TargetHealth) -> HealthReport:
    """A worker's word on one target. Raises Failure if a time in it is out of range."""
    return HealthReport(
        deployment=DeploymentName(report.deployment),
        health=Health(
            state=_STATES.get(report.state, HealthState.READY),
            until=moment(report.until, "health.until") if report.HasField("until") else None,
            cause=report.cause,
        ),
        in_flight=report.in_flight,
        headroom=_headroom(report.headroom) if report.HasField("headroom") else None,
    )


def _headroom(told: receipt_pb2.Headroom) -> Headroom:
    return Headroom(
        as_of=moment(told.as_of, "health.headroom.as_of"),
        requests=_room(told, "requests"),
        tokens=_room(told, "tokens"),
    )


def _room(told: receipt_pb2.Headroom, what: str) -> Room | None:
    """What is left of one limit; None where the provider does not tell it."""
    limit, remaining = getattr(told, f"{what}_limit"), getattr(told, f"{what}_remaining")
    if not limit and not remaining:
        return None
    field: Any = f"{what}_reset_at"
    known = told.HasField(field)
    return Room(
        limit=_bounded(limit),
        remaining=_bounded(remaining),
        reset_at=moment(getattr(told, field), f"health.headroom.{field}") if known else None,
    )


def _bounded(count: int) -> int:
    """At most what a document of the log can keep."""
    return min(count, _MOST)
