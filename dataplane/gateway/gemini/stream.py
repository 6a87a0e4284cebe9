"""Streams of partial responses."""

from collections.abc import Mapping

from dataplane.chat.model import (
    Finished,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    Verbatim,
)
from dataplane.execution.run import Content
from dataplane.gateway.event_text import event, json_bytes, quoted
from dataplane.gateway.gemini.answer import Json, arguments, finish, rendered, response, wants_thoughts
from dataplane.gateway.gemini.errors import error_body
from dataplane.gateway.gemini.thoughts import seal
from dataplane.gateway.model import Answering, Problem
from dataplane.snapshot.model import WireProtocol


class ResponseWriter:
    """Writes one answer in pieces; what comes as it is passes through.

    Function calls are told whole: their arguments are gathered until the end, or until a text comes after them. A signature
    of Gemini's own waits for the part that it stands on.
    """

    __slots__ = ("_answering", "_calls", "_foreign", "_include", "_passed", "_prefix", "_signature", "_suffix")

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._include = wants_thoughts(answering)
        self._prefix = b'data: {"candidates":[{"content":{"parts":[{"text":'
        model = json_bytes({"modelVersion": answering.model, "responseId": answering.answer_id})
        self._suffix = b'}],"role":"model"},"index":0}],' + model[1:] + b"\n\n"
        self._calls: dict[int, ToolCall] = {}
        self._signature = ""
        self._foreign = ""
        self._passed = False

    def content(self, event: Content) -> bytes:
        """More of the answer."""
        if isinstance(event, TextDelta):
            if self._calls or self._signature or self._foreign:
                return self._after(event)
            return self._prefix + quoted(event.text) + self._suffix
        if isinstance(event, Verbatim):
            self._passed = True
            return event.data
        if isinstance(event, ToolCallDelta):
            return self._call(event)
        return self._think(event)

    def end(self, finished: Finished, usage: Usage) -> bytes:
        """The last piece, with calls, reason and usage; none if the answer was passed on."""
        if self._passed:
            return b""
        closed, calls = self._close(), list(self._calls.values())
        parts = list(rendered((*self._held(), *calls), include=self._include))
        readable = all(arguments(call) is not None for call in calls)
        last = response(self._answering, parts, finish(finished.reason, readable=readable), usage)
        return closed + event(last)

    def fail(self, problem: Problem) -> bytes:
        """The error as a piece of its own, after which no reason to finish comes."""
        return b"data: " + error_body(problem) + b"\n\n"

    def _after(self, event: TextDelta) -> bytes:
        """A text after something that must come first; calls that are not whole yet come later."""
        closed = self._close()
        calls: tuple[ToolCall, ...] = ()
        if all(arguments(call) is not None for call in self._calls.values()):
            calls = tuple(self._calls.values())
            self._calls = {}
        told: tuple[Text | ToolCall | Thinking, ...] = (*self._held(), *calls, Text(text=event.text))
        return closed + b"".join(self._piece(part) for part in rendered(told, include=self._include))

    def _call(self, event: ToolCallDelta) -> bytes:
        closed = self._close()
        known = self._calls.get(event.index)
        if known is None:
            self._calls[event.index] = ToolCall(id=event.id, name=event.name, arguments=event.arguments)
        elif event.arguments:
            self._calls[event.index] = ToolCall(
                id=known.id, name=known.name, arguments=known.arguments + event.arguments
            )
        return closed

    def _think(self, event: ThinkingDelta) -> bytes:
        own = event.protocol in ("", WireProtocol.GEMINI)
        if own:
            self._signature = event.signature or self._signature
        if not self._include or (own and not event.text):
            return b""
        part: Json = {"text": event.text, "thought": True}
        closed = self._close() if event.protocol != self._foreign else b""
        if not own and (event.signature or event.redacted):
            self._foreign = ""
            part["thoughtSignature"] = _seal(event)
        elif not own:
            self._foreign = event.protocol
        return closed + self._piece(part)

    def _close(self) -> bytes:
        """Say whose the thought was that ends here without a seal."""
        if not self._foreign:
            return b""
        last = ThinkingDelta(protocol=self._foreign)
        self._foreign = ""
        return self._piece({"text": "", "thought": True, "thoughtSignature": _seal(last)})

    def _held(self) -> tuple[Thinking, ...]:
        signature, self._signature = self._signature, ""
        return (Thinking(signature=signature, protocol=WireProtocol.GEMINI),) if signature else ()

    def _piece(self, part: Mapping[str, object]) -> bytes:
        return self._prefix[: -len(b'{"text":')] + json_bytes(part) + self._suffix[1:]


def _seal(event: ThinkingDelta) -> str:
    return seal(Thinking(signature=event.signature, redacted=event.redacted, protocol=event.protocol))
