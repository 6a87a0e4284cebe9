"""One connection to a provider: a request goes out in one write, its answer comes in as it comes."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from dataplane.provider.http1.encoding import Decode, decoder
from dataplane.provider.transport import TransportFailure, Trouble

MOST_BUFFERED = 256 * 1024
"""Bytes of a body that wait to be read before the provider has to wait too."""
MOST_HEAD = 64 * 1024
"""Bytes of a head at most."""
_INFORMATION = 200
_NO_BODY = (204, 304)
_SWITCHING = 101


class Connection(asyncio.Protocol):
    """Carries one exchange after another. `lost` hears once that it is of no more use.

    An exchange goes `send`, `head`, then `read` until it gives nothing; `reusable` says whether there may be another one. It has one
    timer, which moves on when it rings early: a limit that is not reached costs nothing but a comparison.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, lost: Callable[["Connection"], None]) -> None:
        self._loop = loop
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._late = Trouble.TIMEOUT_TOTAL
        self._failure: TransportFailure | None = None
        self._idle = True
        self.idle_since = 0.0
        self._clear()

    def _clear(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._head_bytes = 0
        self._headed = self._whole = self._kept = self._paused = False
        self._pieces: list[bytes] = []
        self._buffered = 0
        self._decode: Decode | None = None

    # --- the exchange ---

    @property
    def open(self) -> bool:
        """Whether a request may be sent."""
        return self._idle and self._failure is None and self._transport is not None and not self._transport.is_closing()

    @property
    def reusable(self) -> bool:
        """Whether the exchange is over and both sides keep the connection."""
        if not self._whole or not self._kept or self._failure is not None or self._transport is None:
            return False
        return not self._pieces and not self._transport.is_closing() and not self._transport.get_write_buffer_size()

    def send(self, request: bytes) -> None:
        """Begin an exchange."""
        self._clear()
        self._idle = False
        if self._transport is not None:
            self._transport.write(request)

    async def head(self, due: float, late: Trouble) -> None:
        """Wait for the head of the answer until `due`, by the loop's clock. Raises TransportFailure."""
        while not self._headed:
            await self._wait(due, late)

    async def read(self, due: float, late: Trouble) -> bytes:
        """What came of the body, or the first of it that comes until `due`; nothing at its end. Raises TransportFailure."""
        while not self._pieces and not self._whole:
            await self._wait(due, late)
        return self.take()

    def take(self) -> bytes:
        """What came of the body."""
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces, self._buffered = [], 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def whole(self) -> bool:
        """Whether all of the body came."""
        return self._whole

    def rest(self, now: float) -> None:
        """Keep the connection for another exchange."""
        self._idle = True
        self.idle_since = now
        self._unset()

    def abort(self) -> None:
        """Hang up."""
        self._spoilt(TransportFailure(Trouble.DISCONNECTED, "hung up"))

    async def _wait(self, due: float, late: Trouble) -> None:
        if self._failure is not None:
            raise self._failure
        self._set(due, late)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._failure is not None:
            raise self._failure

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: TransportFailure) -> None:
        if self._failure is None:
            self._failure = failure
            self._unset()
            self._wake()
            self._lost(self)

    # --- time ---

    def _set(self, due: float, late: Trouble) -> None:
        self._due, self._late = due, late
        if self._timer is None or due < self._timer.when():
            self._unset()
            self._timer = self._loop.call_at(due, self._ring)

    def _unset(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._ring)
            return
        self._spoilt(TransportFailure(self._late))

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See Protocol. A body whose length nobody told ends with its connection."""
        if self._headed and not self._whole and exc is None and self._endless():
            self._whole = True
            self._kept = False
        if not self._whole:
            self._fail(TransportFailure(Trouble.DISCONNECTED, str(exc or "the server hung up")))
        else:
            self._kept = False
            self._wake()
            self._lost(self)

    def data_received(self, data: bytes) -> None:
        """See Protocol."""
        if self._idle or self._whole:  # nobody asked for it
            self.abort()
            return
        expected = not self._headed
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            cause = error.__context__
            self._spoilt(cause if isinstance(cause, TransportFailure) else _malformed(str(error)))
            return
        if expected and self._swells(len(data)):
            self._spoilt(_malformed(f"the head is larger than {MOST_HEAD} bytes"))
            return
        self._relieve()
        if self._headed:
            self._wake()

    def _relieve(self) -> None:
        """Let the provider wait where more came than is read."""
        if self._buffered > MOST_BUFFERED and not (self._whole or self._paused) and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _swells(self, size: int) -> bool:
        """Whether the head is longer than one may be, and has no end yet."""
        self._head_bytes += size
        return not self._headed and self._head_bytes > MOST_HEAD

    def _spoilt(self, failure: TransportFailure) -> None:
        self._fail(failure)
        if self._transport is not None:
            self._transport.abort()

    def _endless(self) -> bool:
        return "content-length" not in self.headers and "transfer-encoding" not in self.headers

    # --- httptools ---

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. Of a header that comes twice the first counts."""
        self.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """See httptools."""
        self.status = self._parser.get_status_code()
        if self.status < _INFORMATION:
            if self.status == _SWITCHING:
                raise _malformed("the server switches protocols, and was not asked to")
            return
        self._headed = True
        self._decode = decoder(self.headers.get("content-encoding", ""))

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        data = body if self._decode is None else self._decode(body)
        if data:
            self._pieces.append(data)
            self._buffered += len(data)

    def on_message_complete(self) -> None:
        """See httptools. What comes before the answer itself is put aside."""
        if self.status < _INFORMATION:
            self._clear()
            return
        self._whole = True
        self._kept = self._parser.should_keep_alive()


def _malformed(message: str) -> TransportFailure:
    return TransportFailure(Trouble.MALFORMED, message)
