"""Answers, events and receipts out of the contract's messages."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from turnout.inference.v1 import chat_pb2, inference_pb2
from turnout.outcome.v1 import receipt_pb2, usage_pb2
from turnout_client.answer import (
    Answer,
    Attempt,
    Delta,
    Event,
    Finish,
    Receipt,
    SkippedTarget,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from turnout_client.decision import Decision
from turnout_client.words import AttemptOutcome, FinishReason, RunResult, reader

_finish_reason = reader(FinishReason, usage_pb2.FinishReason, "FINISH_REASON")
_result = reader(RunResult, receipt_pb2.RunResult, "RUN_RESULT")
_outcome = reader(AttemptOutcome, receipt_pb2.AttemptOutcome, "ATTEMPT_OUTCOME")


def answer(decision: Decision, response: inference_pb2.GenerateResponse) -> Answer:
    """A whole answer."""
    said = response.response
    return Answer(
        text="".join(part.text for part in said.parts),
        tool_calls=tuple(_tool_calls(said.parts)),
        finish_reason=_finish_reason(said.finish_reason),
        usage=usage(said.usage),
        decision=decision,
        receipt=receipt(response.receipt),
        provider_model=said.provider_model,
        provider_response_id=said.provider_response_id,
        thinking=tuple(_thinking(part.thinking) for part in said.parts if part.HasField("thinking")),
    )


def _thinking(message: chat_pb2.Thinking) -> Thinking:
    return Thinking(
        text=message.text, signature=message.signature, redacted=message.redacted, protocol=message.protocol
    )


def _tool_calls(parts: Iterable[chat_pb2.Part]) -> Iterable[ToolCall]:
    for part in parts:
        if part.HasField("tool_call"):
            call = part.tool_call
            yield ToolCall(id=call.id, name=call.name, arguments=call.arguments.decode("utf-8", "replace"))


def event(message: inference_pb2.StreamGenerateResponse) -> Event | inference_pb2.StreamError | None:
    """One event; an error as it came, None for a kind that this client does not know."""
    match message.WhichOneof("event"):
        case "delta":
            return Delta(text=message.delta.text)
        case "tool_call_delta":
            return _tool_call_delta(message.tool_call_delta)
        case "thinking_delta":
            return _thinking_delta(message.thinking_delta)
        case "usage":
            return usage(message.usage)
        case "finish":
            return _finish(message.finish)
        case "error":
            return message.error
    return None


def _tool_call_delta(message: inference_pb2.ToolCallDelta) -> ToolCallDelta:
    arguments = message.arguments.decode("utf-8", "replace")
    return ToolCallDelta(index=message.index, id=message.id, name=message.name, arguments=arguments)


def _thinking_delta(message: chat_pb2.Thinking) -> ThinkingDelta:
    return ThinkingDelta(
        text=message.text, signature=message.signature, redacted=message.redacted, protocol=message.protocol
    )


def _finish(message: inference_pb2.Finish) -> Finish:
    return Finish(
        reason=_finish_reason(message.reason),
        receipt=receipt(message.receipt),
        provider_model=message.provider_model,
        provider_response_id=message.provider_response_id,
    )


def usage(message: usage_pb2.Usage) -> Usage:
    """Tokens of one call."""
    return Usage(
        input_tokens=message.input_tokens,
        cached_input_tokens=message.cached_input_tokens,
        cache_write_tokens=message.cache_write_tokens,
        output_tokens=message.output_tokens,
        reasoning_tokens=message.reasoning_tokens,
        estimated=message.estimated,
    )


def receipt(message: receipt_pb2.Receipt) -> Receipt:
    """A worker's statement about a run."""
    return Receipt(
        receipt_id=message.receipt_id,
        decision_id=message.decision_id,
        worker=message.worker,
        result=_result(message.result),
        error_reason=message.error_reason,
        attempts=tuple(map(_attempt, message.attempts)),
        skipped=tuple(SkippedTarget(deployment=one.deployment, reason=one.reason) for one in message.skipped),
        cost_nanousd=message.cost_nanousd,
        cost_estimated=message.cost_estimated,
        started_at=_time(message, message.started_at),
        duration=message.duration.ToTimedelta(),
        time_to_first_token=_to_first_token(message),
        finish_reason=_finish_reason(message.finish_reason),
        snapshot_version=message.snapshot_version,
    )


def _attempt(message: receipt_pb2.Attempt) -> Attempt:
    return Attempt(
        number=message.number,
        deployment=message.deployment,
        model=message.model,
        outcome=_outcome(message.outcome),
        error=message.error,
        http_status=message.http_status,
        started_at=_time(message, message.started_at),
        duration=message.duration.ToTimedelta(),
        time_to_first_token=_to_first_token(message),
        usage=usage(message.usage),
        cost_nanousd=message.cost_nanousd,
        cost_estimated=message.cost_estimated,
        provider_request_id=message.provider_request_id,
    )


def _time(message: Message, started_at: Timestamp) -> datetime | None:
    return started_at.ToDatetime(UTC) if message.HasField("started_at") else None


def _to_first_token(message: receipt_pb2.Receipt | receipt_pb2.Attempt) -> timedelta | None:
    return message.time_to_first_token.ToTimedelta() if message.HasField("time_to_first_token") else None
