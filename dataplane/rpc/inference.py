"""InferenceService: verify, run, answer."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

from google.protobuf.message import Message

from dataplane.chat.model import TextDelta, ThinkingDelta, ToolCallDelta, UsageReport, Verbatim
from dataplane.execution.receipt import Receipt
from dataplane.execution.run import Broken, Completed, Failed, Run, RunEvent
from dataplane.execution.runner import Runner
from dataplane.permit.context import Context
from dataplane.permit.refusal import Refusal
from dataplane.permit.verify import verify
from dataplane.report.receipt_codec import receipt_message
from dataplane.rpc.chat_codec import (
    FINISH_REASON,
    chat_request,
    response_message,
    thinking_message,
    usage_message,
    without_thinking,
)
from dataplane.rpc.content import Content
from dataplane.rpc.decision_codec import presented
from dataplane.rpc.tracing import link_to_decision
from dataplane.snapshot.holder import SnapshotHolder
from turnout.inference.v1 import inference_pb2
from turnout.outcome.v1 import receipt_pb2
from turnout_wire.chat_payload import parse_chat
from turnout_wire.failure import Failure
from turnout_wire.layers import Validation
from turnout_wire.server import Call
from turnout_wire.status import to_status

Asked = inference_pb2.GenerateRequest | inference_pb2.StreamGenerateRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What turns a presented decision into a run."""

    snapshots: SnapshotHolder
    permit: Context
    rules: Validation
    clock: Callable[[], datetime]
    draining: Callable[[], bool]


class InferenceServicer:
    """Runs what was decided, and nothing else."""

    def __init__(self, admission: Admission, runner: Runner, content: Content) -> None:
        self._admission = admission
        self._runner = runner
        self._content = content

    async def Generate(self, request: inference_pb2.GenerateRequest, call: Call) -> inference_pb2.GenerateResponse:
        """The whole answer."""
        run = await self._admit(request, call)
        outcome = await self._runner.generate(run)
        receipt = receipt_message(outcome.receipt, with_decision=False)
        _tell(call, outcome.receipt, run.decision.reason)
        if outcome.response is None:
            raise _with_receipt(outcome.failure, receipt)
        self._content.answered(call.span, outcome.response)
        response = outcome.response if _wants_thinking(run) else without_thinking(outcome.response)
        return inference_pb2.GenerateResponse(response=response_message(response), receipt=receipt)

    async def StreamGenerate(self, request: inference_pb2.StreamGenerateRequest, call: Call) -> None:
        """The answer as it comes."""
        run = await self._admit(request, call)
        listener, wants_thinking = self._content.listen(call.span), _wants_thinking(run)
        try:
            async with aclosing(self._runner.stream(run)) as events:
                async for event in events:
                    listener.hear(event)
                    if isinstance(event, Completed | Failed | Broken):
                        _tell(call, event.receipt, run.decision.reason)
                    if wants_thinking or not isinstance(event, ThinkingDelta):
                        await call.send(_event_message(event))
        finally:
            listener.end()

    async def _admit(self, request: Asked, call: Call) -> Run:
        if self._admission.draining():
            raise Failure("DRAINING", "this worker is going down; try another one")
        snapshot = self._admission.snapshots.fresh()
        caller = call.principal
        shown = presented(request.decision, request.payload, tenant=caller.tenant, presenter=caller.name)
        decision = verify(shown, snapshot.keys, self._admission.permit, self._admission.clock())
        if isinstance(decision, Refusal):
            raise decision.failure()
        call.decision_id = decision.decision_id
        link_to_decision(call.span, decision)
        try:
            chat = parse_chat(request.payload)
            self._admission.rules.check(chat)
            asked = chat_request(chat)
            await call.context.send_initial_metadata((("x-turnout-decision-id", decision.decision_id),))
        except BaseException:
            self._admission.permit.guard.release(decision)
            raise
        self._content.asked(call.span, asked)
        return Run(
            decision=decision,
            request=asked,
            snapshot=snapshot,
            time_left=_time_left(call),
            envelope=request.decision.SerializeToString(),
        )


def _wants_thinking(run: Run) -> bool:
    """Whether the caller asked for what the model thinks."""
    asked = run.request.reasoning
    return asked is not None and asked.include


def _time_left(call: Call) -> timedelta | None:
    left = call.time_left()
    return None if left is None else timedelta(seconds=left)


def _tell(call: Call, receipt: Receipt, reason: str) -> None:
    """The answer's facts as trailing metadata, for those who read no receipts."""
    model = receipt.attempts[-1].model if receipt.attempts else ""
    call.context.set_trailing_metadata(
        (
            ("x-turnout-model", model),
            ("x-turnout-attempts", str(len(receipt.attempts))),
            ("x-turnout-cost-nanousd", str(receipt.cost_nanousd)),
            ("x-turnout-reason", reason),
        )
    )


def _with_receipt(failure: Failure | None, receipt: receipt_pb2.Receipt) -> Failure:
    """The failure of a run, with its receipt as a detail."""
    if failure is None:
        raise AssertionError("a run ended with neither an answer nor a failure")
    return Failure(
        failure.reason,
        failure.message,
        field=failure.field,
        metadata=failure.metadata,
        retry_after=failure.retry_after,
        details=(receipt,),
    )


def _event_message(event: RunEvent) -> Message:
    """An event for the wire. Raises the failure of a run that ended before any content."""
    match event:
        case TextDelta(text=text):
            return inference_pb2.StreamGenerateResponse(delta=inference_pb2.Delta(text=text))
        case ToolCallDelta():
            return inference_pb2.StreamGenerateResponse(tool_call_delta=_tool_call_delta(event))
        case ThinkingDelta():
            return inference_pb2.StreamGenerateResponse(thinking_delta=thinking_message(event))
        case Verbatim():
            raise AssertionError("a chat request of the contract has no original to be passed on")
        case UsageReport(usage=usage):
            return inference_pb2.StreamGenerateResponse(usage=usage_message(usage))
        case Completed():
            return inference_pb2.StreamGenerateResponse(finish=_finish(event))
        case Failed(failure=failure, receipt=receipt):
            raise _with_receipt(failure, receipt_message(receipt, with_decision=False))
        case Broken(failure=failure, receipt=receipt):
            error = inference_pb2.StreamError(
                status=to_status(failure), receipt=receipt_message(receipt, with_decision=False)
            )
            return inference_pb2.StreamGenerateResponse(error=error)


def _tool_call_delta(event: ToolCallDelta) -> inference_pb2.ToolCallDelta:
    return inference_pb2.ToolCallDelta(
        index=event.index, id=event.id, name=event.name, arguments=event.arguments.encode()
    )


def _finish(event: Completed) -> inference_pb2.Finish:
    return inference_pb2.Finish(
        reason=FINISH_REASON[event.finished.reason],
        receipt=receipt_message(event.receipt, with_decision=False),
        provider_model=event.finished.provider_model,
        provider_response_id=event.finished.provider_response_id,
    )
