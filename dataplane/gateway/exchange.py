"""One HTTP request and its answer over ASGI: read up to a limit, answered whole or in pieces, and watched for its caller."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from dataplane.gateway.model import BadRequest

Scope = Mapping[str, Any]
Headers = Iterable[tuple[str, str]]

WATCHED_AFTER = 0.05
"""Seconds without an answer before the caller is watched, which costs a task: many answers are there before."""
MAX_BODY = 8 * 1024 * 1024
"""Bytes of a body, as for a payload of the contract."""


class TooLarge(BadRequest):
    """The body is larger than is taken."""


class Gone(Exception):
    """The caller went away before its request was whole."""


class Exchange:
    """Names of headers are in lower case, as ASGI has them; where one comes twice, the last counts.

    `status` is what was sent, 0 before; `left` is whether the caller went away while it was watched.
    """

    __slots__ = (
        "_complete", "_receive", "_send", "_soon", "_watch", "headers", "left", "method", "path", "query", "status",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Any, send: Any) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: Mapping[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        query = scope["query_string"]
        self.query: Mapping[str, str] = dict(parse_qsl(query.decode("latin-1"))) if query else {}
        self._receive = receive
        self._send = send
        self.status = 0
        self.left = False
        self._complete = False
        self._watch: asyncio.Future[Any] | None = None
        self._soon: asyncio.TimerHandle | None = None

    @property
    def begun(self) -> bool:
        """Whether a status was sent, after which there is no other."""
        return self.status != 0

    async def text(self) -> str:
        """The body as text. Raises TooLarge, BadRequest for what is no UTF-8, and Gone."""
        declared = self.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > MAX_BODY:
            raise _too_large()
        pieces, length, more = [], 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            pieces.append(message.get("body", b""))
            length += len(pieces[-1])
            more = message.get("more_body", False)
            if length > MAX_BODY:
                raise _too_large()
        try:
            return (b"".join(pieces) if len(pieces) > 1 else pieces[0]).decode()
        except UnicodeDecodeError as error:
            raise BadRequest("", f"the body is no UTF-8, at byte {error.start}") from None

    def watch(self) -> None:
        """Cancel the current task when the caller goes away; only after the body was read, and until `leave`."""
        task = asyncio.current_task()
        if task is not None and self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(WATCHED_AFTER, self._listen, task)

    def _listen(self, task: asyncio.Task[Any]) -> None:
        self._watch = asyncio.ensure_future(self._receive())
        self._watch.add_done_callback(lambda done: None if done.cancelled() else self._lost(task))

    def _lost(self, task: asyncio.Task[Any]) -> None:
        if not self._complete:  # a server also says so once the answer is whole
            self.left = True
            task.cancel()

    def leave(self) -> None:
        """Watch no longer."""
        if self._soon is not None:
            self._soon.cancel()
        if self._watch is not None:
            self._watch.cancel()

    async def respond(self, status: int, headers: Headers, body: bytes, kind: bytes = b"application/json") -> None:
        """The whole answer."""
        await self.begin(status, (*headers, ("content-length", str(len(body)))), kind)
        self._complete = True
        await self._send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def begin(self, status: int, headers: Headers, kind: bytes) -> None:
        """The head of an answer that comes in pieces."""
        self.status = status
        raw = [(b"content-type", kind), *((name.encode(), _carried(value)) for name, value in headers)]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes) -> None:
        """A piece of the answer, as it is."""
        if data:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self) -> None:
        """No more comes."""
        self._complete = True
        await self._send({"type": "http.response.body", "body": b""})


def _carried(value: str) -> bytes:
    """What a header can carry: printable ASCII; anything else becomes `?`."""
    if value.isascii() and value.isprintable():
        return value.encode("ascii")
    return "".join(sign if " " <= sign <= "~" else "?" for sign in value).encode("ascii")


def _too_large() -> TooLarge:
    return TooLarge("", f"the body is larger than {MAX_BODY} bytes; send less text or point to images by address")
