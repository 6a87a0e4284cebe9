"""Streams of responses."""

import json
import re
from dataclasses import replace

from dataplane.chat.model import (
    Finished,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    Verbatim,
)
from dataplane.execution.run import Content
from dataplane.gateway.event_text import named, quoted
from dataplane.gateway.model import Answering, Problem
from dataplane.gateway.openai.calls import CallOrder
from dataplane.gateway.openai.errors import error_of
from dataplane.gateway.openai.reasoning import reasoning_item
from dataplane.gateway.openai.responses_answer import INCOMPLETE, base, call_item, ended, message_item, text_part

Json = dict[str, object]

_NUMBER = re.compile(rb'"sequence_number":\s*(\d+)')
_LIMITED = "rate_limit_exceeded"


class _Open:
    """An item that is being written."""

    __slots__ = ("before", "item_id", "number", "pieces", "place", "tool_call")

    def __init__(self, item_id: str, place: int, delta: str, more: Json) -> None:
        self.item_id = item_id
        self.place = place
        self.pieces: list[str] = []
        self.number = 0
        self.tool_call = ToolCall(id="", name="", arguments="")
        told = json.dumps({"item_id": item_id, "output_index": place, **more}, separators=(",", ":"))[1:-1]
        self.before = f'event: {delta}\ndata: {{"type":"{delta}",{told},"sequence_number":'.encode()

    @property
    def at(self) -> Json:
        """Where it stands, as events name it."""
        return {"item_id": self.item_id, "output_index": self.place}

    @property
    def text(self) -> str:
        """All that was written of it."""
        return "".join(self.pieces)


class ResponseWriter:
    """Writes the events of a response; see StreamWriter.

    One item is open at a time: a text, a thought or a call.
    """

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._response: Json = {}
        self._sequence = 0
        self._output: list[Json] = []
        self._message: _Open | None = None
        self._thought: _Open | None = None
        self._call: _Open | None = None
        self._calls = CallOrder()
        self._passed = b""
        self._last = b""

    def content(self, event: Content) -> bytes:
        """The next events."""
        if isinstance(event, Verbatim):
            self._passed = self._passed or event.data
            self._last = event.data
            return event.data
        opening = b"" if self._response else self._begin()
        match event:
            case TextDelta():
                return opening + self._says(event.text) if event.text else opening
            case ThinkingDelta():
                return opening + self._thinks(event)
            case _:
                return opening + b"".join(map(self._calls_tool, self._calls.take(event)))

    def end(self, finished: Finished, usage: Usage) -> bytes:
        """Everything that is open is done, and so is the response."""
        if self._passed:
            return b""
        opening = b"" if self._response else self._begin()
        closing = opening + self._close_all()
        incomplete = INCOMPLETE.get(finished.reason)
        response = ended(self._response, self._output, usage, incomplete)
        return closing + self._event(f"response.{'incomplete' if incomplete else 'completed'}", {"response": response})

    def fail(self, problem: Problem) -> bytes:
        """The error, and the response as failed.

        The error stands in the event as it is documented, and in a member of its own as OpenAI's servers send it: by that the
        SDKs raise, where a loop over deltas alone would take half an answer for the whole.
        """
        error = error_of(problem)
        response = self._response or self._begun_elsewhere() or base(self._answering)
        told: Json = {
            "code": _LIMITED if error["code"] == _LIMITED else "server_error",
            "message": error["message"],
        }
        failed = {**response, "status": "failed", "error": told}
        details: Json = {**{name: error[name] for name in ("code", "message", "param")}, "error": error}
        return self._event("error", details) + self._event("response.failed", {"response": failed})

    def _event(self, name: str, more: Json) -> bytes:
        number = self._sequence
        self._sequence += 1
        return named(name, {"type": name, **more, "sequence_number": number})

    def _delta(self, item: _Open, text: str) -> bytes:
        """A piece of text, put together around it: there are thousands of them."""
        item.pieces.append(text)
        number = self._sequence
        self._sequence = number + 1
        return b'%b%d,"delta":%b}\n\n' % (item.before, number, quoted(text))

    def _begin(self) -> bytes:
        self._response = base(self._answering)
        begun: Json = {"response": self._response}
        return self._event("response.created", begun) + self._event("response.in_progress", begun)

    def _begun_elsewhere(self) -> Json:
        """The response that was passed on, as far as its first event told it; numbers go on from its last one."""
        numbers = _NUMBER.findall(self._last)
        self._sequence = int(numbers[-1]) + 1 if numbers else self._sequence
        for line in self._passed.splitlines():
            if line.startswith(b"data:"):
                try:
                    value = json.loads(line.removeprefix(b"data:"))
                except ValueError:
                    return {}
                response = value.get("response") if isinstance(value, dict) else None
                return response if isinstance(response, dict) else {}
        return {}

    def _add(self, kind: str, item: Json, delta: str, more: Json) -> tuple[_Open, bytes]:
        place = len(self._output)
        item_id = f"{kind}_{self._answering.answer_id}_{place}"
        item["id"] = item_id
        self._output.append(item)
        added = self._event("response.output_item.added", {"output_index": place, "item": item})
        return _Open(item_id, place, delta, more), added

    def _done(self, item: _Open, value: Json) -> bytes:
        self._output[item.place] = value
        return self._event("response.output_item.done", {"output_index": item.place, "item": value})

    def _says(self, text: str) -> bytes:
        opening = b""
        if self._message is None:
            opening = self._close_all()
            self._message, added = self._add(
                "msg",
                message_item("", (), "in_progress"),
                "response.output_text.delta",
                {"content_index": 0, "logprobs": []},
            )
            part: Json = {**self._message.at, "content_index": 0, "part": text_part("")}
            opening += added + self._event("response.content_part.added", part)
        return opening + self._delta(self._message, text)

    def _thinks(self, thought: ThinkingDelta) -> bytes:
        said = b""
        if self._thought is None:
            said = self._close_all()
            item: Json = {"id": "", "type": "reasoning", "summary": []}
            self._thought, added = self._add("rs", item, "response.reasoning_summary_text.delta", {"summary_index": 0})
            said += added
        if thought.text:
            said += b"" if self._thought.pieces else self._summary(self._thought, "added", "")
            said += self._delta(self._thought, thought.text)
        if thought.signature or thought.redacted:
            said += self._close_thought(self._thought, thought)
        return said

    def _summary(self, item: _Open, what: str, text: str) -> bytes:
        part: Json = {**item.at, "summary_index": 0, "part": {"type": "summary_text", "text": text}}
        return self._event(f"response.reasoning_summary_part.{what}", part)

    def _close_thought(self, item: _Open, seal: ThinkingDelta) -> bytes:
        self._thought = None
        closing = b""
        if item.pieces:
            text: Json = {**item.at, "summary_index": 0, "text": item.text}
            closing = self._event("response.reasoning_summary_text.done", text)
            closing += self._summary(item, "done", item.text)
        thought = Thinking(
            text=item.text, signature=seal.signature, redacted=seal.redacted, protocol=seal.protocol or "openai"
        )
        return closing + self._done(item, reasoning_item(thought, item.item_id))

    def _close_all(self) -> bytes:
        """What is open is done, and calls that wait behind it are written."""
        return b"".join(map(self._calls_tool, self._calls.rest())) + self._close()

    def _close(self) -> bytes:
        """What is open is done."""
        if self._thought is not None:
            return self._close_thought(self._thought, ThinkingDelta())
        if self._call is not None:
            call, self._call = self._call, None
            return self._close_call(call)
        if self._message is None:
            return b""
        item, self._message = self._message, None
        at: Json = {**item.at, "content_index": 0}
        part = text_part(item.text)
        done = self._event("response.output_text.done", {**at, "text": item.text, "logprobs": []})
        done += self._event("response.content_part.done", {**at, "part": part})
        return done + self._done(item, message_item(item.item_id, [part]))

    def _calls_tool(self, delta: ToolCallDelta) -> bytes:
        opening = b""
        if self._call is None or self._call.number != delta.index:
            opening = self._close()
            call = ToolCall(id=delta.id, name=delta.name, arguments="")
            item = call_item("", call, "in_progress")
            self._call, added = self._add("fc", item, "response.function_call_arguments.delta", {})
            self._call.number, self._call.tool_call = delta.index, call
            opening += added
        return opening + self._delta(self._call, delta.arguments) if delta.arguments else opening

    def _close_call(self, item: _Open) -> bytes:
        call = replace(item.tool_call, arguments=item.text)
        told: Json = {**item.at, "name": call.name, "arguments": call.arguments}
        done = self._event("response.function_call_arguments.done", told)
        return done + self._done(item, call_item(item.item_id, call))
