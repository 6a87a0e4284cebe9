"""A provider that costs next to nothing: the same answer at once, whole or in pieces. `python -m tests.benchmarks.upstream`."""

import asyncio
import json
import re
import sys

import httptools
import uvloop

TEXT = "Sunlight is scattered by the air, and blue light more than red, so the sky is blue."
_USAGE = {"prompt_tokens": 14, "completion_tokens": 20, "total_tokens": 34}
_STREAM = re.compile(rb'"stream"\s*:\s*true')
_PIECES = re.compile(rb'"max_(?:completion_)?tokens"\s*:\s*(\d+)')


def _whole() -> bytes:
    message = {"role": "assistant", "content": TEXT}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "bench",
            "choices": [choice],
            "usage": _USAGE,
        }
    ).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def _event(**fields: object) -> bytes:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "bench", **fields}
    data = b"data: " + json.dumps(chunk).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def _choice(delta: dict[str, str], reason: str | None = None) -> list[dict[str, object]]:
    return [{"index": 0, "delta": delta, "finish_reason": reason}]


WHOLE = _whole()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FIRST = _event(choices=_choice({"role": "assistant", "content": ""}))
PIECES = [_event(choices=_choice({"content": f" {word}"})) for word in TEXT.split()]
"""LiteLLM ends a stream that says the same a hundred times in a row."""
LAST = _event(choices=_choice({}, "stop")) + _event(choices=[], usage=_USAGE) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Provider(asyncio.Protocol):
    """One connection. A stream has as many pieces as the request allows tokens, each in a write of its own."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See Protocol."""
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def data_received(self, data: bytes) -> None:
        """See Protocol."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._body += body

    def on_message_complete(self) -> None:
        """See httptools."""
        body, self._body = self._body, b""
        self._parser = httptools.HttpRequestParser(self)
        if _STREAM.search(body) is None:
            self._transport.write(WHOLE)  # type: ignore[attr-defined]
            return
        found = _PIECES.search(body)
        self._pieces(int(found[1]) if found else 20)

    def _pieces(self, count: int) -> None:
        self._transport.write(HEAD + FIRST)  # type: ignore[attr-defined]
        loop = asyncio.get_running_loop()

        def send(left: int) -> None:
            self._transport.write(PIECES[left % len(PIECES)] if left else LAST)  # type: ignore[attr-defined]
            if left:
                loop.call_later(0.0005, send, left - 1)

        loop.call_later(0.0005, send, count)


async def serve() -> None:
    """Serve on any port, and say which."""
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"event": "ready", "address": f"127.0.0.1:{port}", "pid": 0}) + "\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
