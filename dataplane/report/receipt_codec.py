"""Receipts and health for the wire."""

from collections.abc import Mapping

from dataplane.execution.output import OutputCheck
from dataplane.execution.receipt import AttemptRecord, Receipt, RunResult, SkippedTarget
from dataplane.execution.run import Begun
from dataplane.provider.model import Verdict
from dataplane.rpc.chat_codec import FINISH_REASON, usage_message
from turnout.outcome.v1 import outcome_pb2, receipt_pb2
from turnout_wire.times import duration, put_moment

_RESULTS: Mapping[RunResult, receipt_pb2.RunResult.ValueType] = {
    result: receipt_pb2.RunResult.Value(f"RUN_RESULT_{result.name}") for result in RunResult
}
_OUTCOMES: Mapping[Verdict, receipt_pb2.AttemptOutcome.ValueType] = {
    verdict: receipt_pb2.AttemptOutcome.Value(f"ATTEMPT_OUTCOME_{verdict.name}") for verdict in Verdict
}
_CHECKS: Mapping[OutputCheck, receipt_pb2.OutputCheck.ValueType] = {
    check: receipt_pb2.OutputCheck.Value(f"OUTPUT_CHECK_{check.name}") for check in OutputCheck
}
MOST_DETAIL = 512
"""Characters of the detail of a skipped target, as the contract says."""


def receipt_message(receipt: Receipt, *, with_decision: bool) -> receipt_pb2.Receipt:
    """A receipt for the wire; the signed decision goes along to the control plane, and not back to the caller who has it."""
    message = receipt_pb2.Receipt(
        receipt_id=receipt.receipt_id,
        decision_id=receipt.decision_id,
        worker=receipt.worker,
        result=_RESULTS[receipt.result],
        error_reason=receipt.error_reason,
        attempts=[_attempt(attempt) for attempt in receipt.attempts],
        cost_nanousd=receipt.cost_nanousd,
        cost_estimated=receipt.cost_estimated,
        duration=duration(receipt.duration),
        snapshot_version=receipt.snapshot_version,
        finish_reason=FINISH_REASON[receipt.finish_reason],
        request_digest=receipt.request_digest,
        skipped=[_skipped(one) for one in receipt.skipped],
        output_check=_CHECKS[receipt.output_check],
        from_cache=receipt.from_cache,
    )
    put_moment(message.started_at, receipt.started_at)
    if receipt.time_to_first_token is not None:
        message.time_to_first_token.FromTimedelta(receipt.time_to_first_token)
    if with_decision:
        message.decision.MergeFromString(receipt.envelope)
    return message


def started_message(begun: Begun) -> outcome_pb2.StartedRun:
    """A run that begins, for the wire."""
    message = outcome_pb2.StartedRun(decision_id=begun.decision_id, receipt_id=begun.receipt_id)
    put_moment(message.until, begun.until)
    return message


def _skipped(skipped: SkippedTarget) -> receipt_pb2.SkippedTarget:
    return receipt_pb2.SkippedTarget(
        deployment=skipped.deployment, reason=skipped.reason, detail=skipped.detail[:MOST_DETAIL]
    )


def _attempt(attempt: AttemptRecord) -> receipt_pb2.Attempt:
    message = receipt_pb2.Attempt(
        number=attempt.number,
        deployment=attempt.deployment,
        model=attempt.model,
        outcome=_OUTCOMES[attempt.outcome],
        error=attempt.error,
        http_status=attempt.http_status,
        duration=duration(attempt.duration),
        usage=usage_message(attempt.usage) if attempt.usage else None,
        cost_nanousd=attempt.cost_nanousd,
        cost_estimated=attempt.cost_estimated,
        provider_request_id=attempt.provider_request_id,
        hedged=attempt.hedged,
    )
    put_moment(message.started_at, attempt.started_at)
    if attempt.time_to_first_token is not None:
        message.time_to_first_token.FromTimedelta(attempt.time_to_first_token)
    if attempt.retry_after is not None:
        message.retry_after.FromTimedelta(attempt.retry_after)
    return message
