"""Answers of Bedrock's Converse, whole and as streams."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from dataplane.chat.model import (
    ChatResponse,
    Finished,
    FinishReason,
    StreamEvent,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    Usage,
    UsageReport,
)
from dataplane.provider import json_text
from dataplane.provider.adapter import ErrorInAnswer
from dataplane.provider.blocks import ToolBlocks, ending, tool_part
from dataplane.provider.failure import malformed, stream_cut
from dataplane.provider.shape import as_count, as_list, as_object, as_text
from dataplane.provider.sse import ServerEvent
from dataplane.snapshot.model import WireProtocol

FINISH_REASONS: Mapping[str, FinishReason] = MappingProxyType(
    {
        "end_turn": FinishReason.STOP,
        "stop_sequence": FinishReason.STOP,
        "max_tokens": FinishReason.LENGTH,
        "model_context_window_exceeded": FinishReason.LENGTH,
        "tool_use": FinishReason.TOOL_CALLS,
        "guardrail_intervened": FinishReason.CONTENT_FILTER,
        "content_filtered": FinishReason.CONTENT_FILTER,
    }
)
UNREADABLE = ("malformed_model_output", "malformed_tool_use")
"""Reasons that say that the model wrote what its provider could not read."""


def read_answer(body: object, answering: str, model: str) -> ChatResponse:
    """The answer of `model`; the arguments of the tool named `answering` are text. Raises CallFailure `malformed`."""
    answer = as_object(body)
    message = as_object(as_object(answer.get("output")).get("message"))
    if not isinstance(message.get("content"), list):
        raise malformed("the answer has no output.message.content")
    blocks = map(as_object, as_list(message.get("content")))
    parts = tuple(part for block in blocks for part in _parts(block, answering))
    called = any(isinstance(part, ToolCall) for part in parts)
    return ChatResponse(
        parts=parts,
        finish_reason=finish_reason(answer.get("stopReason"), answering=answering, called=called),
        usage=usage_of(answer.get("usage")),
        provider_model=model,
    )


def finish_reason(value: object, *, answering: str, called: bool) -> FinishReason:
    """Ours for theirs; a call of the answering tool alone is the end of the answer."""
    if value in UNREADABLE:
        raise malformed(f"the model's output could not be read: {value}")
    reason = FINISH_REASONS.get(as_text(value), FinishReason.UNKNOWN)
    return ending(reason, answering=answering, called=called)


def usage_of(value: object) -> Usage | None:
    """The tokens of a `usage` object, None where there is none; `inputTokens` leaves out what the cache served or took.

    Thinking is part of the output, and not told apart.
    """
    usage = as_object(value)
    if not usage:
        return None
    read, written = as_count(usage.get("cacheReadInputTokens")), as_count(usage.get("cacheWriteInputTokens"))
    return Usage(
        input_tokens=as_count(usage.get("inputTokens")) + read + written,
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=as_count(usage.get("outputTokens")),
    )


def _parts(block: Mapping[str, object], answering: str) -> Iterator[Text | ToolCall | Thinking]:
    """What the provider's own tools say is no part of the answer."""
    cited = as_list(as_object(block.get("citationsContent")).get("content"))
    text = as_text(block.get("text")) + "".join(as_text(as_object(piece).get("text")) for piece in cited)
    if text:
        yield Text(text=text)
    if "reasoningContent" in block:
        yield _thinking(as_object(block.get("reasoningContent")))
    call = as_object(block.get("toolUse"))
    if call and call.get("type") != "server_tool_use":
        yield tool_part(as_text(call.get("toolUseId")), as_text(call.get("name")), call.get("input"), answering)


def _thinking(block: Mapping[str, object]) -> Thinking:
    thought = as_object(block.get("reasoningText"))
    return Thinking(
        text=as_text(thought.get("text")),
        signature=as_text(thought.get("signature")),
        redacted=as_text(block.get("redactedContent")),
        protocol=WireProtocol.BEDROCK,
    )


class ConverseReader:
    """Reads a stream of Converse events: after the stop reason one event with the usage ends it."""

    def __init__(self, answering: str, model: str) -> None:
        self.done = False
        self._answering = answering
        self._model = model
        self._reason = ""
        self._tools = ToolBlocks(answering)

    def read(self, event: ServerEvent) -> Sequence[StreamEvent]:
        """The text, thinking, tool calls and usage of one event; kinds that are not known are read over."""
        try:
            value = as_object(json_text.parse(event.data))
        except ValueError:
            raise malformed("an event of the stream is no JSON") from None
        index = as_count(value.get("contentBlockIndex"))
        match event.name:
            case "contentBlockDelta":
                return self._delta(index, as_object(value.get("delta")))
            case "contentBlockStart":
                return self._block(index, as_object(as_object(value.get("start")).get("toolUse")))
            case "contentBlockStop":
                return self._tools.end(index)
            case "messageStop":
                self._reason = as_text(value.get("stopReason")) or self._reason
                return ()
            case "metadata":
                return self._counted(usage_of(value.get("usage")))
            case "error":
                raise ErrorInAnswer(value)
            case _:
                return ()

    def finish(self) -> Sequence[StreamEvent]:
        """The end, if the model gave a reason for it and only the usage is missing."""
        if not self._reason:
            raise stream_cut()
        self.done = True
        return (self._finished(),)

    def _counted(self, usage: Usage | None) -> Sequence[StreamEvent]:
        told: list[StreamEvent] = [] if usage is None else [UsageReport(usage=usage)]
        if self._reason:
            self.done = True
            told.append(self._finished())
        return told

    def _finished(self) -> Finished:
        reason = finish_reason(self._reason, answering=self._answering, called=self._tools.called)
        return Finished(reason=reason, provider_model=self._model)

    def _block(self, index: int, call: Mapping[str, object]) -> Sequence[StreamEvent]:
        if not call or call.get("type") == "server_tool_use":
            return ()
        return self._tools.begin(index, as_text(call.get("toolUseId")), as_text(call.get("name")))

    def _delta(self, index: int, delta: Mapping[str, object]) -> Sequence[StreamEvent]:
        text = as_text(delta.get("text"))
        if text:
            return (TextDelta(text=text),)
        if "reasoningContent" in delta:
            return _thought(as_object(delta.get("reasoningContent")))
        return self._tools.piece(index, as_text(as_object(delta.get("toolUse")).get("input")))


def _thought(piece: Mapping[str, object]) -> Sequence[StreamEvent]:
    delta = ThinkingDelta(
        text=as_text(piece.get("text")),
        signature=as_text(piece.get("signature")),
        redacted=as_text(piece.get("redactedContent")),
        protocol=WireProtocol.BEDROCK,
    )
    return (delta,) if delta.text or delta.signature or delta.redacted else ()
