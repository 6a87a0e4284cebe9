"""Server-sent events from bytes that arrive in any pieces."""

from dataclasses import dataclass

EVENT_STREAM = "text/event-stream"
MAX_EVENT_BYTES = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class EventTooLarge(Exception):
    """An event, or a line of it, is longer than the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event: its `event` field, empty if there is none, and its `data` lines, joined by line feeds."""

    name: str
    data: str


class SseDecoder:
    """Decodes a `text/event-stream` as the WHATWG HTML standard (9.2.6) says, in time linear in the bytes.

    Any split of the bytes gives the same events. `id` and `retry` are read over: nobody reconnects to a model's answer.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        self._after_return = False
        self._first_line = True
        self._name = b""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that `chunk` completes. Raises EventTooLarge."""
        if not chunk:
            return []
        if self._after_return or b"\r" in chunk:
            chunk = self._with_line_feeds(chunk)
        lines = chunk.split(b"\n")
        rest = lines.pop()
        events: list[ServerEvent] = []
        if lines:
            lines[0] = self._completed(lines[0])
        for line in lines:
            if line:
                self._take(line)
            elif self._data:
                events.append(self._event())
            else:
                self._name = b""
        self._keep(rest)
        return events

    def end(self) -> list[ServerEvent]:
        """What is still to come when the bytes end: an event whose lines are whole and that only lacks its empty line."""
        self._partial.clear()
        return [self._event()] if self._data else []

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_return = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _keep(self, rest: bytes) -> None:
        if rest:
            self._partial.append(rest)
            self._partial_bytes += len(rest)
            self._check()

    def _completed(self, line: bytes) -> bytes:
        if self._partial:
            line = b"".join((*self._partial, line))
            self._partial.clear()
            self._partial_bytes = 0
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        return line

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
            self._data_bytes += len(line)
            self._check()
        elif field == b"event":
            self._name = value.removeprefix(b" ")

    def _check(self) -> None:
        if self._partial_bytes + self._data_bytes > self._limit:
            raise EventTooLarge(f"more than {self._limit} bytes in one event")

    def _event(self) -> ServerEvent:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = ServerEvent(name=self._name.decode("utf-8", "replace"), data=data.decode("utf-8", "replace"))
        self._name = b""
        self._data.clear()
        self._data_bytes = 0
        return event
