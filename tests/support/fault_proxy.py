"""A proxy between a worker and a provider that plays faults: for each of the next connections the one that a test names."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from tests.support.raw_server import TURNS, Connection

Play = Callable[["Passage"], Awaitable[None]]
"""What becomes of one connection; it is closed when the play is over."""

LINGER_NOT = struct.pack("ii", 1, 0)
"""Closing then throws away what was not sent, and resets the connection."""


class Passage:
    """One connection of a worker's, and the one to the provider behind it once that is needed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behind: str) -> None:
        self._reader = reader
        self._writer = writer
        self._behind = behind
        self._back: asyncio.StreamWriter | None = None
        self.connection = Connection(reader, writer)

    async def asked(self) -> bytes:
        """The whole request. Raises IncompleteReadError if there is none."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        return head + await self._reader.readexactly(_length(head))

    async def answer(self) -> "Answer":
        """Hand the request on; what comes back, from its head on."""
        asked = await self.asked()
        host, _, port = self._behind.removeprefix("http://").partition("/")[0].rpartition(":")
        reader, self._back = await asyncio.open_connection(host, int(port))
        self._back.write(asked)
        return Answer(await reader.readuntil(b"\r\n\r\n"), reader)

    async def send(self, data: bytes) -> None:
        """Send to the worker."""
        await self.connection.send(data)

    async def gone(self) -> None:
        """Wait until the worker hangs up."""
        await self.connection.gone()

    def reset(self) -> None:
        """Close with a reset."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self._writer.transport.abort()

    def close(self) -> None:
        """Close both ways."""
        for writer in (self._writer, self._back):
            if writer is not None:
                writer.close()


class Answer:
    """A provider's answer: its head as it came, and its body without the framing of HTTP."""

    def __init__(self, head: bytes, reader: asyncio.StreamReader) -> None:
        self.head = head
        self._reader = reader

    @property
    def plain_head(self) -> bytes:
        """The head for a body that ends with its connection."""
        framing = (b"transfer-encoding:", b"content-length:")
        lines = self.head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        return b"\r\n".join(line for line in lines if not line.lower().startswith(framing)) + b"\r\n\r\n"

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes: chunk by chunk, or at once."""
        if b"transfer-encoding: chunked" not in self.head.lower():
            yield await self._reader.readexactly(_length(self.head))
            return
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]

    async def events(self) -> AsyncIterator[bytes]:
        """The body by its events, each with its empty line."""
        kept = b""
        async for piece in self.pieces():
            *whole, kept = (kept + piece).split(b"\n\n")
            for event in whole:
                yield event + b"\n\n"
        if kept:
            yield kept


async def passing(passage: Passage) -> None:
    """Everything goes through."""
    answer = await passage.answer()
    await passage.send(answer.plain_head)
    async for piece in answer.pieces():
        await passage.send(piece)


async def silent(passage: Passage) -> None:
    """The connection is taken, and nobody ever says anything: a handshake of TLS hangs."""
    await passage.gone()


async def reset(passage: Passage) -> None:
    """The request is taken, and the connection reset."""
    await passage.asked()
    passage.reset()


class Slow:
    """The first byte waits until `go`; `came` says that the request is here, `gone` that the worker hung up before."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.go = asyncio.Event()
        self.gone = asyncio.Event()

    async def __call__(self, passage: Passage) -> None:
        """Play it."""
        answer = await passage.answer()
        self.came.set()
        if not await self._held(passage):
            await passage.send(answer.plain_head)
            async for piece in answer.pieces():
                await passage.send(piece)

    async def _held(self, passage: Passage) -> bool:
        """Whether the worker hung up before it was to go on."""
        going, gone = asyncio.create_task(self.go.wait()), asyncio.create_task(passage.gone())
        try:
            await asyncio.wait([going, gone], return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                self.gone.set()
            return gone.done()
        finally:
            for task in (going, gone):
                task.cancel()


class Stalled(Slow):
    """After so many events nothing comes until `go`."""

    def __init__(self, events: int) -> None:
        super().__init__()
        self._events = events

    async def __call__(self, passage: Passage) -> None:
        """Play it."""
        answer, sent = await passage.answer(), 0
        await passage.send(answer.plain_head)
        async for event in answer.events():
            if sent == self._events:
                self.came.set()
                if await self._held(passage):
                    return
            await passage.send(event)
            sent += 1


def truncated(events: int, *, more: int = 0, framed: bool = False) -> Play:
    """A stream that is over after so many events and `more` bytes of the next one.

    `framed`: in chunks, so that HTTP tells that something is missing; else the body ends as every body of its kind does.
    """

    async def play(passage: Passage) -> None:
        answer, sent = await passage.answer(), 0
        await passage.send(answer.head if framed else answer.plain_head)
        async for event in answer.events():
            part = event if sent < events else event[:more]
            if part:
                await (passage.connection.send_chunk(part) if framed else passage.send(part))
            sent += 1
            if sent > events:
                return

    return play


def halved(passage: Passage) -> Awaitable[None]:
    """A whole answer that is over in the middle, under a head that promises all of it."""

    async def play() -> None:
        answer = await passage.answer()
        await passage.send(answer.head)
        async for piece in answer.pieces():
            await passage.send(piece[: len(piece) // 2])

    return play()


def garbled(event: int, put: bytes = b'data: {"choices": [{"del\n\n') -> Play:
    """The event of that number, from 0, becomes other bytes; what follows comes as it is."""

    async def play(passage: Passage) -> None:
        answer, number = await passage.answer(), 0
        await passage.send(answer.plain_head)
        async for each in answer.events():
            await passage.send(put if number == event else each)
            number += 1

    return play


class FaultProxy:
    """Takes connections for the provider at `behind`, and does with each what was said for it; without a word it passes."""

    def __init__(self) -> None:
        self.behind = ""
        self.address = ""
        self.connections = 0
        self._plays: deque[Play] = deque()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def then(self, *plays: Play) -> None:
        """Do this with the next connections."""
        self._plays.extend(plays)

    async def listen(self) -> None:
        """Take connections, at the same address as before if there was one."""
        port = int(self.address.rpartition(":")[2] or 0)
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def refuse(self) -> None:
        """Take no connection any more: whoever comes is refused by the system."""
        if self._server is None:
            return
        for listening in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(TURNS):  # see raw_server
            await asyncio.sleep(0)
        self._server.close()
        self._server = None

    async def close(self) -> None:
        """Refuse, and break what is open."""
        await self.refuse()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        play = self._plays.popleft() if self._plays else passing
        task = asyncio.get_running_loop().create_task(_played(play, Passage(reader, writer, self.behind)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _played(play: Play, passage: Passage) -> None:
    try:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await play(passage)
    finally:
        passage.close()


@asynccontextmanager
async def fault_proxy(behind: str = "") -> AsyncIterator[FaultProxy]:
    """A running proxy before the provider at `behind`, which may be told later."""
    proxy = FaultProxy()
    proxy.behind = behind
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.close()


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)
