"""One HTTP connection: reads requests, plays the steps of their answers at their time."""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from dataplane.provider.sandbox import http1
from dataplane.provider.sandbox.admin import answer
from dataplane.provider.sandbox.clock import Cancellable
from dataplane.provider.sandbox.exchange import Ending, Exchange
from dataplane.provider.sandbox.http1 import HttpError, Request, RequestReader
from dataplane.provider.sandbox.script import Begin, Break, Chunk, End, Hang, Reply, Step
from dataplane.provider.sandbox.service import Sandbox

_BURST = 64  # steps that are due at once before other connections have their turn
_BUFFERED = 256 * 1024  # bytes of further requests before the socket is left unread
_GRACE_S = 2.0
_LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class _Playing:
    """The answer that is being sent."""

    exchange: Exchange
    keep_alive: bool
    next_step: Step | None = None
    status: int | None = None
    chunks: int = 0


class Connection(asyncio.Protocol):
    """Answers the requests of one client one after another.

    It runs on callbacks alone: an answer that is due at once needs no task and no future, which is what keeps a
    request cheap enough for a benchmark's upstream.
    """

    def __init__(
        self, sandbox: Sandbox, opened: Callable[["Connection"], None], lost: Callable[["Connection"], None]
    ) -> None:
        self._sandbox, self._opened, self._lost = sandbox, opened, lost
        self._reader = RequestReader(sandbox.config.settings.max_body_bytes)
        self._playing: _Playing | None = None
        self._timer: Cancellable | None = None
        self._blocked = self._unread = self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it was lost
        """Ends what was being answered: the client has left."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._finish(cancelled=True)
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        """Takes bytes, and answers the requests in them."""
        if self._closing:
            return
        self._reader.feed(data)
        if self._playing is None:
            self._advance()
        elif self._reader.buffered > _BUFFERED and not self._unread:
            self._unread = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The client reads too slowly: no further step until it has caught up."""
        self._blocked = True

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._blocked = False
        if self._timer is None:
            self._advance()

    def abort(self) -> None:
        """Drops the connection at once."""
        self._transport.abort()

    def _advance(self) -> None:
        self._timer = None
        for _ in range(_BURST):
            if self._closing or self._blocked:
                return
            if self._playing is None and not self._begin():
                return
            if not self._step():
                return
        self._wait(self._sandbox.clock.now())

    def _begin(self) -> bool:
        """Whether a further request has come whole; if so its answer is played next."""
        try:
            request = self._reader.next()
        except HttpError as error:
            self._reject(error)
            return False
        if request is None:
            if self._reader.wants_continue:
                self._reader.wants_continue = False
                self._transport.write(http1.CONTINUE)
            self._read_on()
            return False
        self._playing = _Playing(exchange=self._exchange(request), keep_alive=request.keep_alive)
        return True

    def _exchange(self, request: Request) -> Exchange:
        return self._sandbox.exchange(request) or answer(self._sandbox, request)

    def _read_on(self) -> None:
        if self._unread:
            self._unread = False
            self._transport.resume_reading()

    def _step(self) -> bool:
        """Plays the next step if it is due; whether to go on at once."""
        playing = self._playing
        if playing is None:
            return True
        step = playing.next_step or next(playing.exchange.steps, None)
        if step is None:
            self._finish(cancelled=False)
            return True
        due = playing.exchange.started_s + step.at_s
        if step.at_s > 0.0 and due > self._sandbox.clock.now():
            playing.next_step = step
            self._wait(due)
            return False
        playing.next_step = None
        return self._play(playing, step)

    def _wait(self, until: float) -> None:
        self._timer = self._sandbox.clock.call_at(until, self._advance)

    def _play(self, playing: _Playing, step: Step) -> bool:
        match step:
            case Chunk(_, data):
                playing.chunks += 1
                self._transport.write(http1.chunk(data))
            case Reply(_, status, headers, body):
                playing.status = status
                self._transport.write(http1.whole(status, headers, body, keep_alive=playing.keep_alive))
            case Begin(_, status, headers):
                playing.status = status
                self._transport.write(http1.opening(status, headers, keep_alive=playing.keep_alive))
            case End():
                self._transport.write(http1.LAST_CHUNK)
            case Break(_, reset):
                self._finish(cancelled=False)
                self._break(reset=reset)
                return False
            case Hang():
                playing.next_step = step
                return False
        return True

    def _break(self, *, reset: bool) -> None:
        self._closing = True
        if not reset:
            self._transport.close()
            return
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()

    def _finish(self, *, cancelled: bool) -> None:
        playing, self._playing = self._playing, None
        if playing is None:
            return
        if playing.exchange.ended is not None:
            now = self._sandbox.clock.now()
            ending = Ending(status=playing.status, chunks=playing.chunks, cancelled=cancelled, at_s=now)
            playing.exchange.ended(ending)
        if not playing.keep_alive and not cancelled:
            self._closing = True
            self._transport.close()

    def _reject(self, error: HttpError) -> None:
        body = self._sandbox.error_body(error) or f"{error.reason}\n".encode()
        kind = "application/json" if body.startswith(b"{") else "text/plain"
        self._closing = True
        self._transport.write(http1.whole(error.status, (("content-type", kind),), body, keep_alive=False))
        if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            # Closed with bytes unread, the connection would be reset, and a client that is still sending would not
            # see the answer: it has this long to read it.
            self._timer = self._sandbox.clock.call_at(self._sandbox.clock.now() + _GRACE_S, self._transport.close)
        else:
            self._transport.close()
