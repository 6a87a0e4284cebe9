"""Answers of Anthropic's messages, whole and as streams."""

from collections.abc import Mapping, Sequence
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
    UsageReport,
)
from dataplane.provider import json_text
from dataplane.provider.adapter import ErrorInAnswer
from dataplane.provider.anthropic_usage import usage_of
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
        # The provider's own tools ran for as long as one call allows; the answer can be carried on.
        "pause_turn": FinishReason.LENGTH,
        "compaction": FinishReason.LENGTH,
        "tool_use": FinishReason.TOOL_CALLS,
        "refusal": FinishReason.REFUSAL,
    }
)


def read_answer(body: object, answering: str) -> ChatResponse:
    """The answer in a message; the arguments of the tool named `answering` are text. Raises CallFailure `malformed`."""
    message = as_object(body)
    if not isinstance(message.get("content"), list):
        raise malformed("the answer has no content")
    blocks = [as_object(block) for block in as_list(message.get("content"))]
    parts = tuple(part for block in blocks if (part := _part(block, answering)) is not None)
    called = any(isinstance(part, ToolCall) for part in parts)
    return ChatResponse(
        parts=parts,
        finish_reason=finish_reason(message.get("stop_reason"), answering=answering, called=called),
        usage=usage_of(message.get("usage")),
        provider_model=as_text(message.get("model")),
        provider_response_id=as_text(message.get("id")),
    )


def finish_reason(value: object, *, answering: str, called: bool) -> FinishReason:
    """Ours for theirs; a call of the answering tool alone is the end of the answer."""
    reason = FINISH_REASONS.get(as_text(value), FinishReason.UNKNOWN)
    return ending(reason, answering=answering, called=called)


def _part(block: Mapping[str, object], answering: str) -> Text | ToolCall | Thinking | None:
    """What the provider's own tools say is no part of the answer."""
    match block.get("type"):
        case "thinking":
            text, signature = as_text(block.get("thinking")), as_text(block.get("signature"))
            return Thinking(text=text, signature=signature, protocol=WireProtocol.ANTHROPIC)
        case "redacted_thinking":
            return Thinking(redacted=as_text(block.get("data")), protocol=WireProtocol.ANTHROPIC)
        case "text":
            text = as_text(block.get("text"))
            return Text(text=text) if text else None
        case "tool_use":
            return tool_part(as_text(block.get("id")), as_text(block.get("name")), block.get("input"), answering)
        case _:
            return None


class MessageReader:
    """Reads a stream of message events, up to `message_stop`."""

    def __init__(self, answering: str) -> None:
        self.done = False
        self._answering = answering
        self._id = ""
        self._model = ""
        self._reason: object = None
        self._usage: dict[str, object] = {}
        self._tools = ToolBlocks(answering)

    def read(self, event: ServerEvent) -> Sequence[StreamEvent]:
        """The text, tool calls and usage of one event; kinds that are not known are read over, as the API's rules say."""
        try:
            value = as_object(json_text.parse(event.data))
        except ValueError:
            raise malformed("an event of the stream is no JSON") from None
        match value.get("type") or event.name:
            case "content_block_delta":
                return self._delta(as_count(value.get("index")), as_object(value.get("delta")))
            case "content_block_start":
                return self._block(as_count(value.get("index")), as_object(value.get("content_block")))
            case "content_block_stop":
                return self._tools.end(as_count(value.get("index")))
            case "message_start":
                return self._start(as_object(value.get("message")))
            case "message_delta":
                self._reason = as_object(value.get("delta")).get("stop_reason") or self._reason
                return self._counted(value.get("usage"))
            case "message_stop":
                return self._stop()
            case "error":
                raise ErrorInAnswer(value)
            case _:
                return ()

    def finish(self) -> Sequence[StreamEvent]:
        """Nothing: the API always says itself when it is done."""
        if not self.done:
            raise stream_cut()
        return ()

    def _start(self, message: Mapping[str, object]) -> Sequence[StreamEvent]:
        self._id, self._model = as_text(message.get("id")), as_text(message.get("model"))
        return self._counted(message.get("usage"))

    def _counted(self, value: object) -> Sequence[StreamEvent]:
        """Counts are cumulative, and each event brings only some of them."""
        self._usage.update({key: count for key, count in as_object(value).items() if count is not None})
        usage = usage_of(self._usage)
        return () if usage is None else (UsageReport(usage=usage),)

    def _block(self, index: int, block: Mapping[str, object]) -> Sequence[StreamEvent]:
        if block.get("type") == "text":
            return _text(block.get("text"))
        if block.get("type") in ("thinking", "redacted_thinking"):
            return _thinking(block)
        if block.get("type") != "tool_use":
            return ()
        return self._tools.begin(index, as_text(block.get("id")), as_text(block.get("name")))

    def _delta(self, index: int, delta: Mapping[str, object]) -> Sequence[StreamEvent]:
        kind = delta.get("type")
        if kind == "text_delta":
            return _text(delta.get("text"))
        if kind in ("thinking_delta", "signature_delta"):
            return _thinking(delta)
        if kind != "input_json_delta":
            return ()
        return self._tools.piece(index, as_text(delta.get("partial_json")))

    def _stop(self) -> Sequence[StreamEvent]:
        self.done = True
        reason = finish_reason(self._reason, answering=self._answering, called=self._tools.called)
        return (Finished(reason=reason, provider_model=self._model, provider_response_id=self._id),)


def _text(value: object) -> Sequence[StreamEvent]:
    text = as_text(value)
    return (TextDelta(text=text),) if text else ()


def _thinking(piece: Mapping[str, object]) -> Sequence[StreamEvent]:
    """A piece of text, the seal, or all of what is redacted; blocks may begin with none of them."""
    delta = ThinkingDelta(
        text=as_text(piece.get("thinking")),
        signature=as_text(piece.get("signature")),
        redacted=as_text(piece.get("data")),
        protocol=WireProtocol.ANTHROPIC,
    )
    return (delta,) if delta.text or delta.signature or delta.redacted else ()
