"""One connection of a caller: its requests one after another, each in a task of the application."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import unquote

import httptools

from dataplane.gateway.http1.cycle import Cycle

Application = Callable[[Any, Any, Any], Awaitable[None]]

KEEP_ALIVE_S = 30.0
"""Seconds that a connection stays open without a request that is whole up to its body."""
MOST_HEAD = 32 * 1024
"""Bytes of a request's head at most."""

_log = logging.getLogger(__name__)


class Shop:
    """What the connections of one server have in common."""

    def __init__(self, application: Application, loop: asyncio.AbstractEventLoop, date: Callable[[], bytes]) -> None:
        self.application = application
        self.loop = loop
        self.date = date
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.closing = False


class Connection(asyncio.Protocol):
    """Implements dataplane.gateway.http1.cycle.Line. It has one timer, which is looked at when it rings and not moved before."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.date = shop.date
        self._parser = httptools.HttpRequestParser(self)
        self._cycle: Cycle | None = None  # that is answered
        self._reading: Cycle | None = None  # whose body comes
        self._behind: deque[Cycle] = deque()
        self._head_bytes = 0
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._blocked: asyncio.Future[None] | None = None
        self._full = self._held = False
        self._method = ""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects = False

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See Protocol."""
        self._transport = cast("asyncio.Transport", transport)
        self._shop.connections.add(self)
        self._rest()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it was lost
        """See Protocol."""
        self._shop.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        for cycle in (self._cycle, self._reading, *self._behind):
            if cycle is not None:
                cycle.lose()
        self._behind.clear()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """See Protocol."""
        if self._reading is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (
            httptools.HttpParserUpgrade
        ):  # nothing else is spoken here: the request is answered, and nothing behind it
            if self._behind or self._cycle is not None:
                (self._behind[-1] if self._behind else cast("Cycle", self._cycle)).keep = False
        except httptools.HttpParserError:
            self._refuse(b"400 Bad Request", b"the request is no HTTP/1.1")
            return
        if self._reading is None and self._head_bytes > MOST_HEAD:
            self._refuse(b"431 Request Header Fields Too Large", b"the head of the request is too large")

    def pause_writing(self) -> None:
        """See Protocol."""
        self._full = True

    def resume_writing(self) -> None:
        """See Protocol."""
        self._full = False
        if self._blocked is not None and not self._blocked.done():
            self._blocked.set_result(None)
        self._blocked = None

    # --- httptools ---

    def on_message_begin(self) -> None:
        """See httptools."""
        self._url, self._headers, self._expects = b"", [], False

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        name = name.lower()
        if name == b"expect":
            self._expects = value.lower() == b"100-continue"
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._head_bytes = 0
        url = httptools.parse_url(self._url)
        path = url.path.decode("ascii")
        version = self._parser.get_http_version()
        scope = {
            "type": "http",
            "http_version": version,
            "method": self._parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "query_string": url.query or b"",
            "headers": self._headers,
        }
        keep = version != "1.0" and self._parser.should_keep_alive() and not self._shop.closing
        self._reading = cycle = Cycle(self, scope, keep=keep, expects=self._expects)
        if self._cycle is None:
            self._serve(cycle)
        else:
            self._behind.append(cycle)
            self.hold()

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        if self._reading is not None:
            self._reading.feed(body)

    def on_message_complete(self) -> None:
        """See httptools."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.end()

    # --- Line ---

    def write(self, data: bytes) -> None:
        """Send."""
        if data:
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the caller has read enough."""
        if self._full and not self._transport.is_closing():
            if self._blocked is None:
                self._blocked = self._shop.loop.create_future()
            await self._blocked

    def hold(self) -> None:
        """Read no more for now."""
        if not self._held and not self._transport.is_closing():
            self._held = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on, unless a further request waits already."""
        if self._held and not self._behind and not self._transport.is_closing():
            self._held = False
            self._transport.resume_reading()

    def done(self, cycle: Cycle) -> None:
        """The answer is whole: on to the next request, or the end."""
        if not cycle.keep or self._shop.closing:
            self._transport.close()
            return
        self._cycle = None
        if self._behind:
            self._serve(self._behind.popleft())
        else:
            self._rest()
        self.resume()

    # --- the application ---

    def finish(self) -> None:
        """Take no further request; hang up at once where none is under way."""
        if self._cycle is None:
            self._transport.close()
        else:
            self._cycle.keep = False

    def abort(self) -> None:
        """Hang up at once."""
        self._transport.abort()

    def _serve(self, cycle: Cycle) -> None:
        self._cycle = cycle
        task = self._shop.loop.create_task(self._answered(cycle))
        self._shop.tasks.add(task)
        task.add_done_callback(self._shop.tasks.discard)

    async def _answered(self, cycle: Cycle) -> None:
        try:
            await self._shop.application(cycle.scope, cycle.receive, cycle.send)
        except Exception as error:  # noqa: BLE001 - the application tells its own faults; this is for what it does not know of
            _log.error("a request crashed: %s", type(error).__name__)
        finally:
            if not cycle.complete:
                self._broken(cycle)

    def _broken(self, cycle: Cycle) -> None:
        """An answer without an end is cut, so that nobody takes it for whole."""
        if cycle.gone:
            return
        if cycle.begun:
            self._transport.close()
        else:
            self._refuse(b"500 Internal Server Error", b"a fault of the gateway; its log knows it")

    def _refuse(self, status: bytes, told: bytes) -> None:
        head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n" % len(told)
        self.write(b"HTTP/1.1 %b\r\n%b%b\r\n%b" % (status, self.date(), head, told))
        self._transport.close()

    # --- time ---

    def _rest(self) -> None:
        self._since = self._shop.loop.time()
        if self._timer is None:
            self._timer = self._shop.loop.call_at(self._since + KEEP_ALIVE_S, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._cycle is not None:
            return
        due = self._since + KEEP_ALIVE_S
        if self._shop.loop.time() < due:
            self._timer = self._shop.loop.call_at(due, self._ring)
        else:
            self._transport.close()
