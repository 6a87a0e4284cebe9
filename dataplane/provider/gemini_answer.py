"""Answers of Gemini's generateContent, whole and as streams."""

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
    ToolCallDelta,
    Usage,
    UsageReport,
)
from dataplane.provider import json_text
from dataplane.provider.adapter import ErrorInAnswer
from dataplane.provider.error_body import has_error
from dataplane.provider.failure import malformed, stream_cut
from dataplane.provider.gemini_usage import usage_of
from dataplane.provider.shape import as_list, as_object, as_text
from dataplane.provider.sse import ServerEvent
from dataplane.snapshot.model import WireProtocol

FINISH_REASONS: Mapping[str, FinishReason] = MappingProxyType(
    {
        "STOP": FinishReason.STOP,
        "MAX_TOKENS": FinishReason.LENGTH,
        "SAFETY": FinishReason.CONTENT_FILTER,
        "RECITATION": FinishReason.CONTENT_FILTER,
        "BLOCKLIST": FinishReason.CONTENT_FILTER,
        "PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
        "SPII": FinishReason.CONTENT_FILTER,
        "IMAGE_SAFETY": FinishReason.CONTENT_FILTER,
        "IMAGE_PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
        "IMAGE_RECITATION": FinishReason.CONTENT_FILTER,
    }
)
UNREADABLE = ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE")
"""Reasons that say that the model wrote what its provider could not read."""


def read_answer(body: object, turn: int) -> ChatResponse:
    """The first candidate; a blocked prompt is an empty answer of the content filter. Raises CallFailure `malformed`.

    `turn` is the number of messages so far: it makes ids for calls that come without one.
    """
    answer = as_object(body)
    if not as_list(answer.get("candidates")) and not _is_blocked(answer):
        raise malformed("the answer has neither candidates nor a reason for blocking the prompt")
    candidate = _candidate(answer)
    answer_id = as_text(answer.get("responseId"))
    parts = _whole(_parts(candidate), answer_id, turn)
    called = any(isinstance(part, ToolCall) for part in parts)
    return ChatResponse(
        parts=parts,
        finish_reason=finish_reason(_reason(answer, candidate), called=called),
        usage=usage_of(answer.get("usageMetadata")),
        provider_model=as_text(answer.get("modelVersion")),
        provider_response_id=answer_id,
    )


def finish_reason(value: str, *, called: bool) -> FinishReason:
    """Ours for theirs; function calls end with a plain STOP."""
    if value in UNREADABLE:
        raise malformed(f"the model's output could not be read: {value}")
    reason = FINISH_REASONS.get(value, FinishReason.UNKNOWN)
    return FinishReason.TOOL_CALLS if reason is FinishReason.STOP and called else reason


def _candidate(answer: Mapping[str, object]) -> Mapping[str, object]:
    candidates = as_list(answer.get("candidates"))
    return as_object(candidates[0] if candidates else None)


def _is_blocked(answer: Mapping[str, object]) -> bool:
    return bool(as_object(answer.get("promptFeedback")).get("blockReason"))


def _reason(answer: Mapping[str, object], candidate: Mapping[str, object]) -> str:
    return "SAFETY" if _is_blocked(answer) else as_text(candidate.get("finishReason"))


def _parts(candidate: Mapping[str, object]) -> Iterator[str | ThinkingDelta | Mapping[str, object]]:
    """Texts, thoughts and function calls. What the provider's own tools say is no part of the answer.

    The signature of a thought comes with what follows it; here it stands before that.
    """
    for value in as_list(as_object(candidate.get("content")).get("parts")):
        part = as_object(value)
        call, text, signature = (
            part.get("functionCall"),
            as_text(part.get("text")),
            as_text(part.get("thoughtSignature")),
        )
        if part.get("thought"):
            yield ThinkingDelta(text=text, signature=signature, protocol=WireProtocol.GEMINI)
            continue
        if signature and (isinstance(call, dict) or "text" in part):
            yield ThinkingDelta(signature=signature, protocol=WireProtocol.GEMINI)
        if isinstance(call, dict):
            yield call
        elif text:
            yield text


def _whole(
    found: Iterator[str | ThinkingDelta | Mapping[str, object]], answer_id: str, turn: int
) -> tuple[Text | ToolCall | Thinking, ...]:
    """Thoughts up to their signature are one."""
    parts: list[Text | ToolCall | Thinking] = []
    calls = 0
    for part in found:
        last = parts[-1] if parts else None
        match part:
            case str():
                parts.append(Text(text=part))
            case ThinkingDelta(text=text, signature=signature):
                if isinstance(last, Thinking) and not last.signature:
                    text = last.text + text
                    parts.pop()
                parts.append(Thinking(text=text, signature=signature, protocol=WireProtocol.GEMINI))
            case _:
                parts.append(_tool_call(part, calls, answer_id, turn))
                calls += 1
    return tuple(parts)


def _tool_call(call: Mapping[str, object], number: int, answer_id: str, turn: int) -> ToolCall:
    """A call without an id gets one from its place, so that it is the same in each reading and no other in its conversation."""
    try:
        arguments = json_text.write(as_object(call.get("args")))
    except ValueError:
        raise malformed("the arguments of a function call are no JSON") from None
    made = f"call_{answer_id or turn}_{number}"
    return ToolCall(id=as_text(call.get("id")) or made, name=as_text(call.get("name")), arguments=arguments)


class ContentReader:
    """Reads a stream of partial answers. The last one has a finish reason; then the HTTP body ends."""

    def __init__(self, turn: int) -> None:
        self.done = False
        self._turn = turn
        self._id = ""
        self._model = ""
        self._reason = ""
        self._calls = 0
        self._usage: Usage | None = None

    def read(self, event: ServerEvent) -> Sequence[StreamEvent]:
        """The texts, calls and usage of one partial answer."""
        try:
            answer = json_text.parse(event.data)
        except ValueError:
            raise malformed("an event of the stream is no JSON") from None
        if has_error(answer):
            raise ErrorInAnswer(answer)
        if not isinstance(answer, dict):
            raise malformed("an event of the stream is no JSON object")
        return list(self._answer(answer))

    def finish(self) -> Sequence[StreamEvent]:
        """The end, if the model gave a reason for it."""
        if not self._reason:
            raise stream_cut()
        self.done = True
        reason = finish_reason(self._reason, called=self._calls > 0)
        return (Finished(reason=reason, provider_model=self._model, provider_response_id=self._id),)

    def _answer(self, answer: Mapping[str, object]) -> Iterator[StreamEvent]:
        self._id = self._id or as_text(answer.get("responseId"))
        self._model = self._model or as_text(answer.get("modelVersion"))
        candidate = _candidate(answer)
        for part in _parts(candidate):
            yield self._part(part)
        self._reason = _reason(answer, candidate) or self._reason
        usage = usage_of(answer.get("usageMetadata"))
        if usage is not None and usage != self._usage:
            self._usage = usage
            yield UsageReport(usage=usage)

    def _part(self, part: str | ThinkingDelta | Mapping[str, object]) -> StreamEvent:
        if isinstance(part, ThinkingDelta):
            return part
        if isinstance(part, str):
            return TextDelta(text=part)
        call = _tool_call(part, self._calls, self._id, self._turn)
        self._calls += 1
        return ToolCallDelta(index=self._calls - 1, id=call.id, name=call.name, arguments=call.arguments)
