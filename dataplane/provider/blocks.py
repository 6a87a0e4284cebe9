"""What answers in content blocks have in common: Anthropic's messages and Bedrock's Converse."""

from collections.abc import Sequence

from dataplane.chat.model import FinishReason, StreamEvent, Text, TextDelta, ToolCall, ToolCallDelta
from dataplane.provider import json_text
from dataplane.provider.failure import malformed
from dataplane.provider.shape import as_object


def tool_part(call_id: str, name: str, arguments: object, answering: str) -> Text | ToolCall:
    """A whole call; what the tool named `answering` is given is text. Raises CallFailure `malformed`."""
    try:
        written = json_text.write(as_object(arguments))
    except ValueError:
        raise malformed("the arguments of a tool call are no JSON") from None
    return Text(text=written) if answering and name == answering else ToolCall(id=call_id, name=name, arguments=written)


def ending(reason: FinishReason, *, answering: str, called: bool) -> FinishReason:
    """Why an answer ended; a call of the tool named `answering` alone is its plain end."""
    return FinishReason.STOP if reason is FinishReason.TOOL_CALLS and answering and not called else reason


class ToolBlocks:
    """The tool calls of a stream, whose pieces name their block; what the tool named `answering` is given is text."""

    __slots__ = ("_answer_block", "_answering", "_calls", "_started")

    def __init__(self, answering: str) -> None:
        self._answering = answering
        self._calls: dict[int, int] = {}
        self._started: set[int] = set()
        self._answer_block = -1

    @property
    def called(self) -> bool:
        """Whether a tool was called, other than that."""
        return bool(self._calls)

    def begin(self, index: int, call_id: str, name: str) -> Sequence[StreamEvent]:
        """A block that calls a tool."""
        if self._answering and name == self._answering:
            self._answer_block = index
            return ()
        number = self._calls[index] = len(self._calls)
        return (ToolCallDelta(index=number, id=call_id, name=name),)

    def piece(self, index: int, text: str) -> Sequence[StreamEvent]:
        """A piece of the arguments; nothing where the block is no call of ours."""
        if not text:
            return ()
        if index == self._answer_block:
            return (TextDelta(text=text),)
        if index not in self._calls:
            return ()
        self._started.add(index)
        return (ToolCallDelta(index=self._calls[index], arguments=text),)

    def end(self, index: int) -> Sequence[StreamEvent]:
        """The end of any block: a tool without arguments may get no piece of JSON at all."""
        if index in self._calls and index not in self._started:
            self._started.add(index)
            return (ToolCallDelta(index=self._calls[index], arguments="{}"),)
        return ()
