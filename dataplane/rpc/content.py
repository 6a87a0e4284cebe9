"""Prompts and answers on the span of a run, for operators who asked for that; nothing otherwise.

Names and shape are those of OpenTelemetry's GenAI conventions (github.com/open-telemetry/semantic-conventions-genai).
"""

import json
from collections.abc import Iterable, Sequence

from opentelemetry.trace import Span

from dataplane.chat.model import (
    ChatRequest,
    ChatResponse,
    Image,
    Part,
    Role,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolCallDelta,
    ToolResult,
)
from dataplane.execution.run import Completed, RunEvent

ASKED = "gen_ai.input.messages"
ANSWERED = "gen_ai.output.messages"


class Content:
    """Writes what is said on spans if it is `wanted`. An image is named, its bytes stay off."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted

    def asked(self, span: Span, request: ChatRequest) -> None:
        """The conversation that is to be answered."""
        if self._wanted and span.is_recording():
            said = [_message(message.role, message.parts) for message in request.messages]
            span.set_attribute(ASKED, _text(said))

    def answered(self, span: Span, response: ChatResponse) -> None:
        """A whole answer."""
        if self._wanted and span.is_recording():
            span.set_attribute(ANSWERED, _text([_answer(response.parts, str(response.finish_reason))]))

    def listen(self, span: Span) -> "Listener":
        """What takes an answer that comes in events."""
        return Listener(span if self._wanted and span.is_recording() else None)


class Listener:
    """Puts an answer together, so much of it as came; keeps nothing without a span."""

    def __init__(self, span: Span | None) -> None:
        self._span = span
        self._texts: list[str] = []
        self._calls: dict[int, ToolCall] = {}
        self._finish = ""

    def hear(self, event: RunEvent) -> None:
        """The next event."""
        if self._span is None:
            return
        match event:
            case TextDelta(text=text):
                self._texts.append(text)
            case ToolCallDelta():
                self._calls[event.index] = _longer(self._calls.get(event.index), event)
            case Completed():
                self._finish = str(event.finished.reason)

    def end(self) -> None:
        """Nothing more comes."""
        if self._span is not None:
            text = "".join(self._texts)
            parts: list[Part] = [Text(text=text)] if text else []
            self._span.set_attribute(ANSWERED, _text([_answer([*parts, *self._calls.values()], self._finish)]))


def _longer(call: ToolCall | None, more: ToolCallDelta) -> ToolCall:
    if call is None:
        return ToolCall(id=more.id, name=more.name, arguments=more.arguments)
    return ToolCall(id=call.id or more.id, name=call.name or more.name, arguments=call.arguments + more.arguments)


def _answer(parts: Sequence[Part], finish: str) -> dict[str, object]:
    return {**_message(Role.ASSISTANT, parts), "finish_reason": finish}


def _message(role: Role, parts: Iterable[Part]) -> dict[str, object]:
    return {"role": str(role), "parts": [_part(part) for part in parts]}


def _part(part: Part) -> dict[str, object]:
    match part:
        case Text(text=text):
            return {"type": "text", "content": text}
        case ToolCall():
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments}
        case ToolResult():
            return {"type": "tool_call_response", "id": part.tool_call_id, "response": part.content}
        case Image(url=url) if url:
            return {"type": "uri", "modality": "image", "uri": url}
        case Image():
            return {"type": "blob", "modality": "image", "mime_type": part.media_type}
        case Thinking(text=text):
            return {"type": "reasoning", "content": text}


def _text(messages: Sequence[dict[str, object]]) -> str:
    return json.dumps(messages, ensure_ascii=False)
