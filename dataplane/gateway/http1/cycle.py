"""One request and its answer, between a connection and the application; see ASGI 3."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Protocol

from dataplane.gateway.exchange import DEPARTURE

Message = MutableMapping[str, Any]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
HIGH_WATER = 64 * 1024
"""Bytes of a body that wait for the application before the caller has to wait too."""
_LINES: Mapping[int, bytes] = MappingProxyType(
    {status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus}
)


class Line(Protocol):
    """What a cycle needs of its connection."""

    def date(self) -> bytes:
        """The header `date`, as a whole line."""
        ...

    def write(self, data: bytes) -> None:
        """Send."""
        ...

    async def drained(self) -> None:
        """Wait until the caller has read enough."""
        ...

    def hold(self) -> None:
        """Read no more for now."""
        ...

    def resume(self) -> None:
        """Read on."""
        ...

    def done(self, cycle: "Cycle") -> None:
        """The answer is whole."""
        ...


class Cycle:
    """`keep` is whether the connection is kept behind the answer. The head of an answer goes with its first bytes, in one write."""

    __slots__ = (
        "_body", "_chunked", "_continue", "_departure", "_handed", "_head", "_line", "_more", "_waiter", "begun", "complete",
        "gone", "keep", "scope",
    )  # fmt: skip

    def __init__(self, line: Line, scope: Mapping[str, Any], *, keep: bool, expects: bool) -> None:
        self._line = line
        self.scope = {**scope, "extensions": {DEPARTURE: self.tell}}
        self._departure: Callable[[], None] | None = None
        self.keep = keep
        self._continue = expects
        self._body: list[bytes] = []
        self._more = True
        self._handed = False
        self._waiter: asyncio.Future[None] | None = None
        self._head = b""
        self._chunked = False
        self.begun = self.complete = self.gone = False

    # --- from the connection ---

    def feed(self, data: bytes) -> None:
        """More of the body."""
        if not self.complete:
            self._body.append(data)
            if len(data) >= HIGH_WATER or sum(map(len, self._body)) > HIGH_WATER:
                self._line.hold()
            self._wake()

    def end(self) -> None:
        """The body is whole."""
        self._more = False
        self._wake()

    def lose(self) -> None:
        """The caller went away."""
        self.gone = True
        self._wake()
        if self._departure is not None:
            self._departure()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- from the application ---

    def tell(self, departure: Callable[[], None] | None) -> None:
        """Call `departure` when the caller goes away: the extension `DEPARTURE`, for which nobody has to wait in a task."""
        self._departure = departure
        if self.gone and departure is not None:
            departure()

    async def receive(self) -> Message:
        """See ASGI: the body in pieces, then that the caller went away or the answer is whole."""
        if self._continue and not self.gone:
            self._continue = False
            self._line.write(CONTINUE)
        while not (self._ready() or self.gone or self.complete):
            await self._wait()
        if self.gone or self.complete:
            return {"type": "http.disconnect"}
        body = b"".join(self._body)
        self._body.clear()
        self._handed = not self._more
        self._line.resume()
        return {"type": "http.request", "body": body, "more_body": self._more}

    def _ready(self) -> bool:
        """Whether there is something of the body that was not handed over."""
        return not self._handed and (bool(self._body) or not self._more)

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def send(self, message: Message) -> None:
        """See ASGI. What comes when the caller is gone goes nowhere."""
        if self.gone:
            return
        if message["type"] == "http.response.start":
            self._begin(message["status"], message["headers"])
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        head, self._head = self._head, b""
        if self._chunked:
            piece = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            self._line.write(head + piece + (b"" if more else LAST_CHUNK))
        else:
            self._line.write(head + (b"" if self.scope["method"] == "HEAD" else body))
        if more:
            await self._line.drained()
        else:
            self._finish()

    def _begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.begun = True
        self._continue = False
        lines = [_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, self._line.date()]
        sized = False
        for name, value in headers:
            lines.append(b"%b: %b\r\n" % (name, value))
            sized = sized or name == b"content-length"
        self._chunked = not sized and self.scope["method"] != "HEAD" and self.scope["http_version"] == "1.1"
        if self._chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        elif not sized:
            self.keep = False  # the end of the connection is the end of the answer
        if not self.keep:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        self._head = b"".join(lines)

    def _finish(self) -> None:
        self.complete = True
        self._body.clear()
        self._wake()
        self._line.done(self)
