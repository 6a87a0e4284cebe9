"""Streams of message events."""

from dataplane.chat.model import Finished, TextDelta, ThinkingDelta, ToolCallDelta, Usage, Verbatim
from dataplane.execution.run import Content
from dataplane.gateway.anthropic.answer import STOP_REASONS, Json, call_id, counted, message, redacted, wants_thinking
from dataplane.gateway.anthropic.errors import error_body
from dataplane.gateway.event_text import named, quoted
from dataplane.gateway.foreign import sealed
from dataplane.gateway.model import Answering, Problem
from dataplane.snapshot.model import WireProtocol

_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_ENDING = b"}}\n\n"


class MessageWriter:
    """Writes one message; what comes as it is passes through.

    A block of text or thinking ends when another one begins. Tool calls stay open until the end: pieces of several may come
    in turn, and every event names its block.
    """

    __slots__ = ("_answering", "_begun", "_calls", "_ended", "_index", "_open", "_prefix", "_protocol", "_thinking")

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._thinking = wants_thinking(answering)
        self._begun = False
        self._ended = False
        self._open = ""
        self._index = -1
        self._prefix = b""
        self._protocol = ""
        self._calls: dict[int, int] = {}

    def content(self, event: Content) -> bytes:
        """More of the message."""
        if isinstance(event, TextDelta):
            if self._open == "text":
                return self._prefix + quoted(event.text) + _ENDING
            begun = self._start() + self._begin("text", {"type": "text", "text": ""}, "text_delta", "text")
            return begun + self._prefix + quoted(event.text) + _ENDING
        if isinstance(event, Verbatim):
            self._begun = True
            self._ended = self._ended or any(isinstance(told, Finished) for told in event.tells)
            return event.data
        if isinstance(event, ToolCallDelta):
            return self._start() + self._call(event)
        return self._start() + (self._think(event) if self._thinking else b"")

    def end(self, finished: Finished, usage: Usage) -> bytes:
        """The last events; none if the message's own end was passed on."""
        if self._ended:
            return b""
        calls = b"".join(_stopped(index) for index in self._calls.values())
        last: Json = {
            "type": "message_delta",
            "delta": {"stop_reason": STOP_REASONS[finished.reason], "stop_sequence": None},
            "usage": counted(usage),
        }
        return self._start() + self._close() + calls + named("message_delta", last) + _STOP

    def fail(self, problem: Problem) -> bytes:
        """The error event, which ends a stream without `message_stop`."""
        return b"event: error\ndata: " + error_body(problem) + b"\n\n"

    def _start(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return named("message_start", {"type": "message_start", "message": message(self._answering, [], None, Usage())})

    def _begin(self, kind: str, block: Json, delta: str, member: str) -> bytes:
        """Close what is open, and begin the next block, whose pieces come as `member` of a `delta`."""
        closed = self._close()
        self._open, self._prefix = kind, _prefix(self._next(), delta, member)
        return closed + _started(self._index, block)

    def _next(self) -> int:
        self._index += 1
        return self._index

    def _close(self) -> bytes:
        """End the block of text or thinking. Another protocol's thinking says so in its seal, even where it has none."""
        if not self._open:
            return b""
        unsealed = self._open == "thinking" and self._protocol not in ("", WireProtocol.ANTHROPIC)
        seal = self._signed("") if unsealed else b""
        self._open = ""
        return seal + _stopped(self._index)

    def _call(self, event: ToolCallDelta) -> bytes:
        begun = b""
        if event.index not in self._calls:
            begun = self._close()
            self._calls[event.index] = self._next()
            block_id = call_id(event.id, self._answering, event.index)
            block: Json = {"type": "tool_use", "id": block_id, "name": event.name, "input": {}}
            begun += _started(self._index, block)
        if not event.arguments:
            return begun
        prefix = _prefix(self._calls[event.index], "input_json_delta", "partial_json")
        return begun + prefix + quoted(event.arguments) + _ENDING

    def _think(self, event: ThinkingDelta) -> bytes:
        if event.redacted:
            closed = self._close()
            return closed + _started(self._next(), redacted(event.redacted, event.protocol)) + _stopped(self._index)
        out = b""
        if self._open != "thinking":
            block: Json = {"type": "thinking", "thinking": "", "signature": ""}
            out = self._begin("thinking", block, "thinking_delta", "thinking")
        self._protocol = event.protocol
        if event.text:
            out += self._prefix + quoted(event.text) + _ENDING
        if event.signature:
            out += self._signed(event.signature) + _stopped(self._index)
            self._open = ""
        return out

    def _signed(self, signature: str) -> bytes:
        seal = sealed(signature, self._protocol, WireProtocol.ANTHROPIC)
        return _prefix(self._index, "signature_delta", "signature") + quoted(seal) + _ENDING


def _prefix(index: int, delta: str, member: str) -> bytes:
    """Everything of a piece's event up to the piece itself."""
    event = f'{{"type":"content_block_delta","index":{index},"delta":{{"type":"{delta}","{member}":'
    return f"event: content_block_delta\ndata: {event}".encode("ascii")


def _started(index: int, block: Json) -> bytes:
    return named("content_block_start", {"type": "content_block_start", "index": index, "content_block": block})


def _stopped(index: int) -> bytes:
    event = f'{{"type":"content_block_stop","index":{index}}}'
    return f"event: content_block_stop\ndata: {event}\n\n".encode("ascii")
