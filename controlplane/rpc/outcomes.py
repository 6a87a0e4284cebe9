"""OutcomeService."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from controlplane.outcome.commands import Report, ReportReceipts
from controlplane.outcome.feedback import SubmitFeedback
from controlplane.rpc.feedback_codec import feedback_from
from controlplane.rpc.receipt_reading import ReadReceipt, health_report, started_run
from turnout.outcome.v1 import outcome_pb2
from turnout_wire.failure import Failure
from turnout_wire.server import Call
from turnout_wire.telemetry import Telemetry

Sent = TypeVar("Sent")
Read = TypeVar("Read")
_log = logging.getLogger(__name__)


class OutcomeServicer:
    """Takes receipts and health, and feedback."""

    def __init__(
        self,
        report: ReportReceipts,
        read: ReadReceipt,
        telemetry: Telemetry,
        feedback: SubmitFeedback | None = None,
    ) -> None:
        """Without `feedback` there is no store, and none is taken."""
        self._feedback = feedback
        self._report = report
        self._read = read
        self._metrics = telemetry.metrics

    async def ReportReceipts(
        self, request: outcome_pb2.ReportReceiptsRequest, call: Call
    ) -> outcome_pb2.ReportReceiptsResponse:
        """One batch."""
        receipts, unreadable = _each(
            request.receipts, lambda receipt: self._read(receipt, request.worker), "receipt_id"
        )
        health, doubtful = _each(request.health, health_report, "deployment")
        started, unclear = _each(request.started, started_run, "receipt_id")
        for name, reason in (*unreadable, *doubtful, *unclear):
            told = {"worker": request.worker, "about": name, "reason": reason, "request_id": call.request_id}
            _log.warning("part of a report cannot be read", extra=told)
        taken = await self._report(
            Report(worker=request.worker, receipts=receipts, health=health, started=started, dropped=request.dropped)
        )
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
