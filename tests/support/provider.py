"""Providers on this machine that do what a test tells them: OpenAI's protocol over real sockets."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.raw_server import STREAM_HEAD, Connection, raw_server

Step = Callable[[Connection, dict[str, Any]], Awaitable[None]]
"""What a provider does with one request."""


@dataclass(slots=True)
class Providers:
    """Providers by name, each at `address`/name/v1: the steps for their next requests, and the bodies that came."""

    address: str = ""
    steps: dict[str, deque[Step]] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def then(self, name: str, *steps: Step) -> None:
        """Do this with the next requests to `name`."""
        self.steps.setdefault(name, deque()).extend(steps)

    def called(self) -> list[str]:
        """Who was called, in order."""
        return [name for name, _ in self.seen]

    async def serve(self, connection: Connection) -> None:
        """One connection, one request."""
        line, _, body = await connection.request()
        name = line.split()[1].split("/")[1]
        asked = json.loads(body)
        self.seen.append((name, asked))
        steps = self.steps.get(name)
        await (steps.popleft() if steps else answer("Blue."))(connection, asked)


@asynccontextmanager
async def providers() -> AsyncIterator[Providers]:
    """Running providers."""
    running = Providers()
    async with raw_server(running.serve) as address:
        running.address = address
        yield running


def answer(*texts: str) -> Step:
    """A whole answer of these pieces, streamed if that is asked for."""

    async def step(connection: Connection, asked: dict[str, Any]) -> None:
        if asked.get("stream"):
            await begin(connection, *texts)
            await finish(connection)
        else:
            await connection.send_json(json.dumps(_whole("".join(texts))).encode(), headers="Connection: close\r\n")

    return step


def error(status: str, *, headers: str = "", body: bytes = b'{"error":{"message":"no"}}') -> Step:
    """A refusal such as `503 Service Unavailable`."""

    async def step(connection: Connection, asked: dict[str, Any]) -> None:
        await connection.send_json(body, status=status, headers=f"{headers}Connection: close\r\n")

    return step


def cut(*texts: str) -> Step:
    """A stream that begins with these pieces and breaks off."""

    async def step(connection: Connection, asked: dict[str, Any]) -> None:
        await begin(connection, *texts)

    return step


class Held:
    """A stream that begins, and then waits until it may end, or is hung up on."""

    def __init__(self, *texts: str) -> None:
        self.came = asyncio.Event()
        self.go = asyncio.Event()
        self.gone = asyncio.Event()
        self._texts = texts

    async def __call__(self, connection: Connection, asked: dict[str, Any]) -> None:  # noqa: ARG002 - see Step
        if self._texts:
            await begin(connection, *self._texts)
        self.came.set()
        going, gone = asyncio.create_task(self.go.wait()), asyncio.create_task(connection.gone())
        await asyncio.wait([going, gone], return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            self.gone.set()
        else:
            await finish(connection)
        for task in (going, gone):
            task.cancel()


async def begin(connection: Connection, *texts: str) -> None:
    """The head of a stream and its first pieces."""
    await connection.send(_CLOSING_HEAD)
    for text in texts:
        await more(connection, text)


async def more(connection: Connection, text: str) -> None:
    """One more piece."""
    await _event(connection, {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


async def finish(connection: Connection) -> None:
    """The end of a stream, with usage."""
    await _event(connection, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    await _event(connection, {"choices": [], "usage": _USAGE})
    await connection.send_chunk(b"data: [DONE]\n\n")
    await connection.send_chunk(b"")


_CLOSING_HEAD = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
"""Each connection serves one request, so nobody may count on it for another."""
_USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
_HEAD = {"id": "answer-1", "created": 1, "model": "served-model"}


async def _event(connection: Connection, chunk: dict[str, Any]) -> None:
    text = json.dumps({**_HEAD, "object": "chat.completion.chunk", **chunk})
    await connection.send_chunk(f"data: {text}\n\n".encode())


def _whole(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}
