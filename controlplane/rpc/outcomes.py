"""OutcomeService."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TypeVar

from google.protobuf.message import DecodeError

from controlplane.catalog.model import DeploymentName
from controlplane.outcome.commands import ReportReceipts
from controlplane.outcome.feedback import SubmitFeedback
from controlplane.outcome.live import HealthReport
from controlplane.outcome.model import AttemptFacts, ReceiptFacts
from controlplane.rpc.feedback_codec import feedback_from
from controlplane.snapshot.model import Health, HealthState
from turnout.outcome.v1 import outcome_pb2, receipt_pb2
from turnout.routing.v1 import decision_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.failure import Failure
from turnout_wire.pae import pae
from turnout_wire.payload_type import PayloadType
from turnout_wire.server import Call
from turnout_wire.signature import Verifier
from turnout_wire.telemetry import Telemetry
from turnout_wire.times import delta, moment

Sent = TypeVar("Sent")
Read = TypeVar("Read")
_log = logging.getLogger(__name__)

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
_SUCCEEDED = receipt_pb2.ATTEMPT_OUTCOME_SUCCEEDED


class OutcomeServicer:
    """Takes receipts and health, and feedback."""

    def __init__(
        self,
        report: ReportReceipts,
        public_key: Callable[[str], bytes | None],
        verify: Verifier,
        telemetry: Telemetry,
        feedback: SubmitFeedback | None = None,
    ) -> None:
        """Without `feedback` there is no store, and none is taken."""
        self._feedback = feedback
        self._report = report
        self._public_key = public_key
        self._verify = verify
        self._metrics = telemetry.metrics

    async def ReportReceipts(
        self, request: outcome_pb2.ReportReceiptsRequest, call: Call
    ) -> outcome_pb2.ReportReceiptsResponse:
        """One batch."""
        receipts, unreadable = _each(request.receipts, self._facts, "receipt_id")
        health, doubtful = _each(request.health, _health, "deployment")
        for name, reason in (*unreadable, *doubtful):
            told = {"worker": request.worker, "about": name, "reason": reason, "request_id": call.request_id}
            _log.warning("part of a report cannot be read", extra=told)
        taken = self._report(request.worker, receipts, health, request.dropped)
        for receipt in taken.accepted:
            self._metrics.count("turnout.receipts", {"turnout.result": receipt.result})
        return outcome_pb2.ReportReceiptsResponse(
            accepted=len(taken.accepted),
            duplicates=taken.duplicates,
            rejected=[_rejected(name, reason) for name, reason in (*taken.rejected, *unreadable)],
        )

    async def SubmitFeedback(
        self, request: outcome_pb2.SubmitFeedbackRequest, call: Call
    ) -> outcome_pb2.SubmitFeedbackResponse:
        """What somebody says of an answer."""
        call.decision_id = request.decision_id
        if self._feedback is None:
            raise Failure("STORE_UNAVAILABLE", "this control plane keeps no log, so feedback has nowhere to go")
        fresh = await self._feedback(feedback_from(request, call.principal))
        self._metrics.count("turnout.feedback", {"turnout.fresh": fresh})
        return outcome_pb2.SubmitFeedbackResponse(fresh=fresh)

    def _facts(self, receipt: receipt_pb2.Receipt) -> ReceiptFacts:
        return ReceiptFacts(
            receipt_id=receipt.receipt_id,
            decision_id=receipt.decision_id,
            worker=receipt.worker,
            result=receipt_pb2.RunResult.Name(receipt.result).removeprefix("RUN_RESULT_").lower(),
            attempts=tuple(_attempt(attempt) for attempt in receipt.attempts),
            cost_nanousd=receipt.cost_nanousd,
            planned=self._planned(receipt.decision, receipt.decision_id),
        )

    def _planned(self, envelope: envelope_pb2.Envelope, decision_id: str) -> frozenset[str] | None:
        """The deployments of the decision that a receipt carries; None unless it is ours and the one that it names."""
        if envelope.payload_type != PayloadType.DECISION or len(envelope.signatures) != 1:
            return None
        signature = envelope.signatures[0]
        key = self._public_key(signature.key_id)
        if key is None or not self._verify(key, pae(envelope.payload_type, envelope.payload), signature.value):
            return None
        try:
            decision = decision_pb2.RouteDecision.FromString(envelope.payload)
        except DecodeError:
            return None
        return (
            frozenset(target.deployment for target in decision.targets) if decision.decision_id == decision_id else None
        )


def _each(
    messages: Iterable[Sent], read: Callable[[Sent], Read], name: str
) -> tuple[list[Read], list[tuple[str, str]]]:
    """What can be read of `messages`; of the others the field `name`, and the reason. One must not spoil the rest."""
    taken: list[Read] = []
    unreadable: list[tuple[str, str]] = []
    for message in messages:
        try:
            taken.append(read(message))
        except Failure as failure:
            unreadable.append((getattr(message, name), failure.reason))
    return taken, unreadable


def _rejected(receipt_id: str, reason: str) -> outcome_pb2.RejectedReceipt:
    return outcome_pb2.RejectedReceipt(receipt_id=receipt_id, reason=reason)


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


def _health(report: receipt_pb2.TargetHealth) -> HealthReport:
    return HealthReport(
        deployment=DeploymentName(report.deployment),
        health=Health(
            state=_STATES.get(report.state, HealthState.READY),
            until=moment(report.until, "health.until") if report.HasField("until") else None,
            cause=report.cause,
        ),
    )
