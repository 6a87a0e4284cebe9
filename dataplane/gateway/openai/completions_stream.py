"""Streams of chat completions."""

import json

from dataplane.chat.model import (
    Finished,
    FinishReason,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
    Verbatim,
)
from dataplane.execution.run import Content
from dataplane.gateway.event_text import event, quoted
from dataplane.gateway.model import Answering, Problem
from dataplane.gateway.openai.calls import CallOrder
from dataplane.gateway.openai.completions_answer import FINISH_REASONS, answer_id, calls_functions, created
from dataplane.gateway.openai.errors import error_of
from dataplane.gateway.openai.thought import detail
from dataplane.gateway.openai.usage import of_completion

Json = dict[str, object]

DONE = b"data: [DONE]\n\n"


class CompletionWriter:
    """Writes `chat.completion.chunk` events; see StreamWriter.

    Chunks with text are put together around it: there are thousands of them, and nothing else in them changes.
    """

    def __init__(self, answering: Answering) -> None:
        self._include_usage = answering.asked.include_usage
        self._functions = calls_functions(answering.asked)
        self._head: Json = {
            "id": answer_id(answering),
            "object": "chat.completion.chunk",
            "created": created(answering),
            "model": answering.model,
        }
        before, _, self._behind = self._chunk({"": ""}).rpartition(b'"":""')
        self._text = before + b'"content":'
        self._thought = before + b'"reasoning_content":'
        self._opened = self._passed = self._done = False
        self._calls = CallOrder()
        around = (before.replace(b"%", b"%%"), self._behind)
        self._argued = b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]'.join(around)
        self._thinking: list[str] = []
        self._sealed = 0

    def content(self, event: Content) -> bytes:
        """The next chunks; the first one gives the role."""
        if isinstance(event, Verbatim):
            return self._passed_on(event)
        opening = b"" if self._opened else self._open("" if isinstance(event, TextDelta) else None)
        if isinstance(event, TextDelta):
            return opening + self._text + quoted(event.text) + self._behind if event.text else opening
        if isinstance(event, ThinkingDelta):
            return opening + self._thinks(event)
        return opening + b"".join(map(self._called, self._calls.take(event)))

    def end(self, finished: Finished, usage: Usage) -> bytes:
        """The finish reason, usage if it was asked for, and `[DONE]`."""
        if self._passed:
            return b"" if self._done else DONE
        opening = b"" if self._opened else self._open("")
        calls = b"".join(map(self._called, self._calls.rest()))
        reason = FINISH_REASONS[finished.reason]
        if self._functions and finished.reason is FinishReason.TOOL_CALLS:
            reason = "function_call"
        return opening + calls + self._chunk({}, reason) + self._counted(usage) + DONE

    def fail(self, problem: Problem) -> bytes:
        """The error, by which the SDK raises APIError; no `[DONE]`."""
        return event({"error": error_of(problem)})

    def _open(self, content: str | None) -> bytes:
        self._opened = True
        return self._chunk({"role": "assistant", "content": content})

    def _chunk(self, delta: Json, reason: str | None = None) -> bytes:
        choice: Json = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        usage: Json = {"usage": None} if self._include_usage else {}
        return event({**self._head, "choices": [choice], **usage})

    def _counted(self, usage: Usage) -> bytes:
        if not self._include_usage:
            return b""
        return event({**self._head, "choices": [], "usage": of_completion(usage)})

    def _thinks(self, thought: ThinkingDelta) -> bytes:
        """More of a thought; where it is sealed, at its end the whole of it, in the form in which it can come back."""
        said = self._thought + quoted(thought.text) + self._behind if thought.text else b""
        self._thinking.append(thought.text)
        if not thought.signature and not thought.redacted:
            return said
        sealed = Thinking(
            text="".join(self._thinking),
            signature=thought.signature,
            redacted=thought.redacted,
            protocol=thought.protocol,
        )
        self._thinking.clear()
        self._sealed += 1
        return said + self._chunk({"reasoning_details": [detail(sealed, self._sealed - 1)]})

    def _called(self, call: ToolCallDelta) -> bytes:
        begins = bool(call.id or call.name)
        if not begins and not self._functions:
            return self._argued % (call.index, quoted(call.arguments))
        function: Json = {"name": call.name} if begins else {}
        function["arguments"] = call.arguments
        if self._functions:  # they are called one at a time
            return b"" if call.index else self._chunk({"function_call": function})
        return self._chunk(
            {"tool_calls": [{"index": call.index, "id": call.id, "type": "function", "function": function}]}
        )

    def _passed_on(self, event: Verbatim) -> bytes:
        """The bytes, less the usage that nobody asked for."""
        self._passed = True
        if not event.tells:
            return event.data
        kinds = set(map(type, event.tells))
        if Finished in kinds:
            self._done = b"[DONE]" in event.data
        if self._include_usage or UsageReport not in kinds:
            return event.data
        return b"" if len(kinds) == 1 else _without_usage(event.data)


def _without_usage(data: bytes) -> bytes:
    """Several events without those that tell usage alone."""
    events = [each for each in data.replace(b"\r\n", b"\n").split(b"\n\n") if each]
    return b"".join(each + b"\n\n" for each in events if not _tells_usage_alone(each))


def _tells_usage_alone(event: bytes) -> bool:
    lines = [line.removeprefix(b"data:") for line in event.split(b"\n") if line.startswith(b"data:")]
    try:
        value = json.loads(b"\n".join(lines))
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("choices") == [] and bool(value.get("usage"))
