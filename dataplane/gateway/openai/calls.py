"""Pieces of several tool calls, put in order: one call after the other."""

from collections.abc import Iterator
from dataclasses import replace

from dataplane.chat.model import ToolCallDelta
from dataplane.provider import json_text


class CallOrder:
    """Numbers calls from 0 and holds pieces of a next one until the arguments before it are whole.

    OpenAI's SDK takes a call for finished as soon as it hears of another one, and parses its arguments then. Providers
    seldom mix calls, and then nothing waits.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._arguments: list[str] = []
        self._open: int | None = None
        self._waiting: list[ToolCallDelta] = []

    def take(self, delta: ToolCallDelta) -> Iterator[ToolCallDelta]:
        """What may be written now; `index` is the call's number."""
        if self._open is None:
            yield self._begin(delta)
        elif delta.index in self._numbers:
            if delta.arguments:
                yield self._more(delta)
        else:
            self._waiting.append(delta)
        while self._waiting and self._is_whole():
            yield from self._next()

    def rest(self) -> Iterator[ToolCallDelta]:
        """What still waits when no more comes. A call without arguments gets an empty object for them."""
        yield from self._none_given()
        while self._waiting:
            yield from self._next()
            yield from self._none_given()
        self._open = None

    def _begin(self, delta: ToolCallDelta) -> ToolCallDelta:
        self._open = delta.index
        self._numbers.setdefault(delta.index, len(self._numbers))
        self._arguments.clear()
        return self._more(delta)

    def _more(self, delta: ToolCallDelta) -> ToolCallDelta:
        if delta.index == self._open and delta.arguments:
            self._arguments.append(delta.arguments)
        number = self._numbers[delta.index]
        return delta if number == delta.index else replace(delta, index=number)

    def _next(self) -> Iterator[ToolCallDelta]:
        """All that waits of the call that came first."""
        first = self._waiting[0].index
        ready = [delta for delta in self._waiting if delta.index == first]
        self._waiting = [delta for delta in self._waiting if delta.index != first]
        yield self._begin(ready[0])
        yield from map(self._more, ready[1:])

    def _none_given(self) -> Iterator[ToolCallDelta]:
        if self._open is not None and not self._arguments:
            yield self._more(ToolCallDelta(index=self._open, arguments="{}"))

    def _is_whole(self) -> bool:
        if not self._arguments or not self._arguments[-1].rstrip().endswith("}"):
            return False
        try:
            json_text.parse("".join(self._arguments))
        except ValueError:
            return False
        return True
