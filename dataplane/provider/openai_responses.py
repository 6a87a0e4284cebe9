"""Answers of OpenAI's responses, whole and as streams: read to be understood while they are passed on."""

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
from dataplane.provider.failure import malformed, stream_cut
from dataplane.provider.shape import as_count, as_list, as_object, as_text
from dataplane.provider.sse import ServerEvent
from dataplane.snapshot.model import WireProtocol

INCOMPLETE: Mapping[str, FinishReason] = MappingProxyType(
    {"max_output_tokens": FinishReason.LENGTH, "content_filter": FinishReason.CONTENT_FILTER}
)
_CALLS = ("function_call", "custom_tool_call")
_TEXT_DELTAS = ("response.output_text.delta", "response.refusal.delta")
_THINKING_DELTAS = ("response.reasoning_text.delta", "response.reasoning_summary_text.delta")
_CALL_DELTAS = ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta")
_ENDS = ("response.completed", "response.incomplete", "response.cancelled")


def read_answer(body: object) -> ChatResponse:
    """A response; what the provider's own tools did is no part of it. Raises CallFailure `malformed`, or ErrorInAnswer."""
    answer = as_object(body)
    if not isinstance(answer.get("output"), list):
        raise malformed("the answer has no output")
    if answer.get("status") == "failed":
        raise ErrorInAnswer({"error": answer.get("error") or {"message": "the response failed"}})
    items = [as_object(item) for item in as_list(answer.get("output"))]
    parts = tuple(part for item in items for part in _parts(item))
    return ChatResponse(
        parts=parts,
        finish_reason=_finish_reason(
            answer,
            called=any(isinstance(part, ToolCall) for part in parts),
            refused=any(_refusals(item) for item in items),
        ),
        usage=usage_of(answer.get("usage")),
        provider_model=as_text(answer.get("model")),
        provider_response_id=as_text(answer.get("id")),
    )


def usage_of(value: object) -> Usage | None:
    """The tokens of a `usage` object, None where there is none."""
    usage = as_object(value)
    if not usage:
        return None
    read, written = as_object(usage.get("input_tokens_details")), as_object(usage.get("output_tokens_details"))
    given, output = as_count(usage.get("input_tokens")), as_count(usage.get("output_tokens"))
    return Usage(
        input_tokens=given,
        cached_input_tokens=min(as_count(read.get("cached_tokens")), given),
        cache_write_tokens=min(as_count(read.get("cache_write_tokens")), given),
        output_tokens=output,
        reasoning_tokens=min(as_count(written.get("reasoning_tokens")), output),
    )


def _finish_reason(answer: Mapping[str, object], *, called: bool, refused: bool) -> FinishReason:
    match answer.get("status"):
        case "incomplete":
            reason = as_object(answer.get("incomplete_details")).get("reason")
            return INCOMPLETE.get(as_text(reason), FinishReason.UNKNOWN)
        case "completed" | "complete" if called:
            return FinishReason.TOOL_CALLS
        case "completed" | "complete":
            return FinishReason.REFUSAL if refused else FinishReason.STOP
        case _:
            return FinishReason.UNKNOWN


def _parts(item: Mapping[str, object]) -> Iterator[Text | ToolCall | Thinking]:
    match item.get("type"):
        case "message":
            text = "".join(_texts(item.get("content"), "output_text", "text")) + "".join(_refusals(item))
            if text:
                yield Text(text=text)
        case "reasoning":
            text = _thought(item)
            if text:
                yield Thinking(text=text, protocol=WireProtocol.OPENAI)
        case kind if kind in _CALLS:
            yield ToolCall(id=as_text(item.get("call_id")), name=as_text(item.get("name")), arguments=_arguments(item))
        case _:
            pass


def _thought(item: Mapping[str, object]) -> str:
    texts = list(_texts(item.get("content"), "reasoning_text", "text"))
    return "".join(texts) or "\n\n".join(_texts(item.get("summary"), "summary_text", "text"))


def _refusals(item: Mapping[str, object]) -> list[str]:
    return list(_texts(item.get("content"), "refusal", "refusal"))


def _texts(content: object, kind: str, key: str) -> Iterator[str]:
    for part in map(as_object, as_list(content)):
        if part.get("type") == kind:
            yield as_text(part.get(key))


def _arguments(item: Mapping[str, object]) -> str:
    return as_text(item.get("arguments")) or as_text(item.get("input"))


class ResponseReader:
    """Reads a stream of response events, up to the one that has the whole response in it."""

    def __init__(self) -> None:
        self.done = False
        self._calls: dict[int, int] = {}
        self._started: set[int] = set()
        self._refused = False

    def read(self, event: ServerEvent) -> Sequence[StreamEvent]:
        """The text, thinking, tool calls and usage of one event; kinds that are not known are read over."""
        if event.data == "[DONE]":
            return ()
        try:
            value = as_object(json_text.parse(event.data))
        except ValueError:
            raise malformed("an event of the stream is no JSON") from None
        kind = as_text(value.get("type")) or event.name
        if kind == "error":
            raise ErrorInAnswer(value if isinstance(value.get("error"), dict) else {"error": value})
        if kind == "response.failed":
            raise ErrorInAnswer({"error": as_object(value.get("response")).get("error") or {"message": kind}})
        return self._end(as_object(value.get("response"))) if kind in _ENDS else self._piece(kind, value)

    def finish(self) -> Sequence[StreamEvent]:
        """Nothing: the API always says itself when it is done."""
        if not self.done:
            raise stream_cut()
        return ()

    def _piece(self, kind: str, value: Mapping[str, object]) -> Sequence[StreamEvent]:
        piece = as_text(value.get("delta"))
        if kind in _TEXT_DELTAS:
            self._refused = self._refused or kind == "response.refusal.delta"
            return (TextDelta(text=piece),) if piece else ()
        if kind in _THINKING_DELTAS:
            return (ThinkingDelta(text=piece, protocol=WireProtocol.OPENAI),) if piece else ()
        place = as_count(value.get("output_index"))
        if kind in _CALL_DELTAS:
            return self._argument(place, piece)
        if kind == "response.output_item.added":
            return self._item(place, as_object(value.get("item")))
        if kind == "response.output_item.done" and place not in self._started:
            return self._argument(place, _arguments(as_object(value.get("item"))))
        return ()

    def _item(self, place: int, item: Mapping[str, object]) -> Sequence[StreamEvent]:
        if item.get("type") not in _CALLS:
            return ()
        number = self._calls[place] = len(self._calls)
        return (ToolCallDelta(index=number, id=as_text(item.get("call_id")), name=as_text(item.get("name"))),)

    def _argument(self, place: int, piece: str) -> Sequence[StreamEvent]:
        if not piece or place not in self._calls:
            return ()
        self._started.add(place)
        return (ToolCallDelta(index=self._calls[place], arguments=piece),)

    def _end(self, response: Mapping[str, object]) -> Sequence[StreamEvent]:
        self.done = True
        usage = usage_of(response.get("usage"))
        finished = Finished(
            reason=_finish_reason(response, called=bool(self._calls), refused=self._refused),
            provider_model=as_text(response.get("model")),
            provider_response_id=as_text(response.get("id")),
        )
        return (finished,) if usage is None else (UsageReport(usage=usage), finished)
