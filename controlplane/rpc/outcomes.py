"""OutcomeService."""

from collections.abc import Callable, Mapping
from datetime import UTC, timedelta

from google.protobuf.message import DecodeError

from controlplane.catalog.model import DeploymentName
from controlplane.outcome.commands import ReportReceipts
from controlplane.outcome.live import HealthReport
from controlplane.outcome.model import AttemptFacts, ReceiptFacts
from controlplane.snapshot.model import Health, HealthState
from turnout.outcome.v1 import outcome_pb2, receipt_pb2
from turnout.routing.v1 import decision_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.pae import pae
from turnout_wire.payload_type import PayloadType
from turnout_wire.server import Call
from turnout_wire.signature import Verifier
from turnout_wire.telemetry import Telemetry

_STATES: Mapping[int, HealthState] = {
    receipt_pb2.TARGET_STATE_CLOSED: HealthState.READY,
    receipt_pb2.TARGET_STATE_OPEN: HealthState.OPEN,
    receipt_pb2.TARGET_STATE_HALF_OPEN: HealthState.HALF_OPEN,
    receipt_pb2.TARGET_STATE_NO_CREDENTIAL: HealthState.NO_CREDENTIAL,
    receipt_pb2.TARGET_STATE_MISCONFIGURED: HealthState.MISCONFIGURED,
}
_SUCCEEDED = receipt_pb2.ATTEMPT_OUTCOME_SUCCEEDED


class OutcomeServicer:
    """Takes receipts and health."""

    def __init__(
        self,
        report: ReportReceipts,
        public_key: Callable[[str], bytes | None],
        verify: Verifier,
        telemetry: Telemetry,
    ) -> None:
        self._report = report
        self._public_key = public_key
        self._verify = verify
        self._metrics = telemetry.metrics

    async def ReportReceipts(
        self, request: outcome_pb2.ReportReceiptsRequest, call: Call
    ) -> outcome_pb2.ReportReceiptsResponse:
        """One batch."""
        receipts = [self._facts(receipt) for receipt in request.receipts]
        taken = self._report(request.worker, receipts, [_health(report) for report in request.health])
        for receipt in taken.accepted:
            self._metrics.count("turnout.receipts", {"turnout.result": receipt.result})
        return outcome_pb2.ReportReceiptsResponse(
            accepted=len(taken.accepted),
            duplicates=taken.duplicates,
            rejected=[outcome_pb2.RejectedReceipt(receipt_id=name, reason=reason) for name, reason in taken.rejected],
        )

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


def _attempt(attempt: receipt_pb2.Attempt) -> AttemptFacts:
    first: timedelta | None = None
    if attempt.HasField("time_to_first_token"):
        first = attempt.time_to_first_token.ToTimedelta()
    return AttemptFacts(
        deployment=DeploymentName(attempt.deployment),
        model=attempt.model,
        succeeded=attempt.outcome == _SUCCEEDED,
        outcome=receipt_pb2.AttemptOutcome.Name(attempt.outcome).removeprefix("ATTEMPT_OUTCOME_").lower(),
        duration=attempt.duration.ToTimedelta(),
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
            until=report.until.ToDatetime(tzinfo=UTC) if report.HasField("until") else None,
            cause=report.cause,
        ),
    )
