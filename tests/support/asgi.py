"""One HTTP request as a server hands it to an ASGI application, and all that it is answered."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

Message = MutableMapping[str, Any]
Application = Callable[[Mapping[str, Any], Any, Any], Awaitable[None]]


class Conversation:
    """A caller's side of a request whose body comes in `pieces`; with `cut`, the caller is gone before the last one.

    `begun` is set once the head of the answer is there.
    """

    def __init__(
        self,
        method: str = "GET",
        path: str = "/",
        *pieces: bytes,
        headers: Mapping[str, str] | None = None,
        query: str = "",
        cut: bool = False,
    ) -> None:
        self.scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()],
        }
        self.sent: list[Message] = []
        self.begun = asyncio.Event()
        self._coming = list(pieces or (b"",))
        self._cut = cut
        self._gone = asyncio.Event()

    def leave(self) -> None:
        """Hang up."""
        self._gone.set()

    async def receive(self) -> Message:
        """See ASGI: the body, and once that was read, the caller's leaving."""
        if self._coming and not (self._cut and len(self._coming) == 1):
            piece = self._coming.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._coming)}
        if not self._cut:
            await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """See ASGI."""
        self.sent.append(message)
        self.begun.set()

    async def through(self, application: Application) -> "Conversation":
        """Have it out."""
        await application(self.scope, self.receive, self.send)
        return self

    @property
    def status(self) -> int:
        """The status of the answer, 0 if there is none."""
        status: int = self.sent[0]["status"] if self.sent else 0
        return status

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def pieces(self) -> Sequence[bytes]:
        """The answer's body as it came."""
        return [message["body"] for message in self.sent[1:]]

    @property
    def body(self) -> bytes:
        """The answer's body."""
        return b"".join(self.pieces)

    @property
    def whole(self) -> bool:
        """Whether the answer came to its end."""
        return len(self.sent) > 1 and not self.sent[-1].get("more_body", False)

    @property
    def value(self) -> Any:
        """The answer's body as JSON."""
        return json.loads(self.body)
