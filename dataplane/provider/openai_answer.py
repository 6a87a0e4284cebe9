"""Answers of OpenAI's chat completions, whole and as streams."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from dataplane.chat.model import (
    ChatResponse,
    Finished,
    FinishReason,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    UsageReport,
)
from dataplane.provider import json_text
from dataplane.provider.adapter import ErrorInAnswer
from dataplane.provider.error_body import has_error
from dataplane.provider.failure import malformed, stream_cut
from dataplane.provider.openai_thinking import ThinkingPieces, thinking_of
from dataplane.provider.openai_usage import usage_of
from dataplane.provider.shape import as_count, as_list, as_object, as_text
from dataplane.provider.sse import ServerEvent

FINISH_REASONS: Mapping[str, FinishReason] = MappingProxyType(
    {
        "stop": FinishReason.STOP,
        "eos": FinishReason.STOP,
        "length": FinishReason.LENGTH,
        "max_tokens": FinishReason.LENGTH,
        "model_length": FinishReason.LENGTH,
        "tool_calls": FinishReason.TOOL_CALLS,
        "function_call": FinishReason.TOOL_CALLS,
        "content_filter": FinishReason.CONTENT_FILTER,
    }
)
FAILED_REASONS = ("error", "insufficient_system_resource")
"""Reasons of OpenRouter, Mistral and DeepSeek that are no end of an answer."""
_PLAIN = frozenset(("role", "content"))


def read_answer(body: object) -> ChatResponse:
    """The first choice of a completion. Raises CallFailure `malformed`, or ErrorInAnswer."""
    answer = as_object(body)
    choices = as_list(answer.get("choices"))
    choice = as_object(choices[0] if choices else None)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise malformed("the answer has no choices[0].message")
    answer_id, reason = as_text(answer.get("id")), choice.get("finish_reason")
    if reason in FAILED_REASONS:
        raise ErrorInAnswer(choice if has_error(choice) else {"error": {"message": f"finish_reason {reason}"}})
    refusal = as_text(message.get("refusal"))
    text = content_text(message.get("content")) + refusal
    calls = [_tool_call(item, number, answer_id) for number, item in enumerate(as_list(message.get("tool_calls")))]
    thinking = thinking_of(message)
    return ChatResponse(
        parts=(*((thinking,) if thinking else ()), *((Text(text=text),) if text else ()), *calls),
        finish_reason=finish_reason(reason, refused=bool(refusal), called=bool(calls)),
        usage=usage_of(answer.get("usage")),
        provider_model=as_text(answer.get("model")),
        provider_response_id=answer_id,
    )


def finish_reason(value: object, *, refused: bool, called: bool) -> FinishReason:
    """Ours for theirs. A stop after tool calls is one for tool calls: so end forced calls at OpenAI, and all at some others."""
    reason = FINISH_REASONS.get(as_text(value), FinishReason.UNKNOWN)
    if reason is FinishReason.STOP and refused:
        return FinishReason.REFUSAL
    return FinishReason.TOOL_CALLS if reason is FinishReason.STOP and called else reason


def content_text(content: object) -> str:
    """The text of a message's content: a string, or the text parts of a list (Mistral puts its thinking beside them)."""
    if isinstance(content, str):
        return content
    parts = (as_object(part) for part in as_list(content))
    return "".join(as_text(part.get("text")) for part in parts if part.get("type") == "text")


def _tool_call(value: object, number: int, answer_id: str) -> ToolCall:
    call = as_object(value)
    function = as_object(call.get("function"))
    return ToolCall(
        id=as_text(call.get("id")) or _made_id(answer_id, number),
        name=as_text(function.get("name")),
        arguments=_arguments(function.get("arguments")),
    )


def _arguments(value: object) -> str:
    """JSON text; some servers send the object itself."""
    return as_text(value) if value is None or isinstance(value, str) else json_text.write(value)


def _made_id(answer_id: str, number: int) -> str:
    return f"call_{answer_id}_{number}"


class CompletionReader:
    """Reads a stream of `chat.completion.chunk`, up to `[DONE]`.

    Not every server sends that: a finish reason and then the end of the HTTP body will do.
    """

    def __init__(self) -> None:
        self.done = False
        self._id = ""
        self._model = ""
        self._reason: object = None
        self._refused = False
        self._thinking = ThinkingPieces()
        self._calls: list[str] = []
        self._call_at: dict[int, int] = {}

    def read(self, event: ServerEvent) -> Sequence[StreamEvent]:
        """The text, tool calls and usage of one chunk."""
        if event.data == "[DONE]":
            self.done = True
            return (self._finished(),)
        try:
            chunk = json_text.parse(event.data)
        except ValueError:
            raise malformed("an event of the stream is no JSON") from None
        if not isinstance(chunk, dict):
            raise malformed("an event of the stream is no JSON object")
        if event.name == "error" or chunk.get("error"):
            raise ErrorInAnswer(chunk)
        text = self._text_alone(chunk)
        if text is not None:
            return (TextDelta(text=text),) if text else ()
        return list(self._chunk(chunk))

    def finish(self) -> Sequence[StreamEvent]:
        """The end, if the model gave a reason for it."""
        if self.done:
            return ()
        if self._reason is None:
            raise stream_cut()
        self.done = True
        return (self._finished(),)

    def _text_alone(self, chunk: dict[str, object]) -> str | None:
        """The text of a chunk that says nothing else and follows others, as nearly all of a stream are; else None."""
        choices = chunk.get("choices")
        if not self._model or chunk.get("usage") or "x_groq" in chunk:
            return None
        if not isinstance(choices, list) or len(choices) != 1:
            return None
        choice = choices[0]
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if not isinstance(delta, dict) or not delta.keys() <= _PLAIN or choice.get("finish_reason") is not None:
            return None
        text = delta.get("content")
        return text if isinstance(text, str) and not choice.get("index") and not self._thinking.pending else None

    def _chunk(self, chunk: Mapping[str, object]) -> Iterator[StreamEvent]:
        self._id = self._id or as_text(chunk.get("id"))
        self._model = self._model or as_text(chunk.get("model"))
        for value in as_list(chunk.get("choices")):
            choice = as_object(value)
            if not choice.get("index"):
                yield from self._choice(choice)
        usage = chunk.get("usage") or as_object(chunk.get("x_groq")).get("usage")
        counted = usage_of(usage) if usage else None
        if counted is not None:
            yield UsageReport(usage=counted)

    def _choice(self, choice: Mapping[str, object]) -> Iterator[StreamEvent]:
        delta = as_object(choice.get("delta"))
        text = content_text(delta.get("content"))
        refusal = as_text(delta.get("refusal"))
        calls, reason = delta.get("tool_calls"), choice.get("finish_reason")
        yield from self._thinking.read(delta)
        if text or refusal or calls or reason is not None:
            yield from self._thinking.sealed()
        if text or refusal:
            self._refused = self._refused or bool(refusal)
            yield TextDelta(text=text + refusal)
        if calls:
            for call in as_list(calls):
                yield self._tool_call(as_object(call))
        if reason is not None:
            if reason in FAILED_REASONS:
                raise ErrorInAnswer({"error": {"message": f"finish_reason {reason}"}})
            self._reason = reason

    def _tool_call(self, call: Mapping[str, object]) -> ToolCallDelta:
        """One piece. Some servers give several calls the same index, or none, and tell them apart by id."""
        theirs = as_count(call.get("index"))
        given = as_text(call.get("id"))
        ours = self._call_at.get(theirs)
        function = as_object(call.get("function"))
        arguments = _arguments(function.get("arguments"))
        if ours is not None and given in ("", self._calls[ours]):
            return ToolCallDelta(index=ours, arguments=arguments)
        number = self._call_at[theirs] = len(self._calls)
        self._calls.append(given or _made_id(self._id, number))
        return ToolCallDelta(
            index=number, id=self._calls[number], name=as_text(function.get("name")), arguments=arguments
        )

    def _finished(self) -> Finished:
        return Finished(
            reason=finish_reason(self._reason, refused=self._refused, called=bool(self._calls)),
            provider_model=self._model,
            provider_response_id=self._id,
        )
