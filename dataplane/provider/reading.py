"""Reads what a provider answered: whole, as events, or as the error that it is."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from dataplane.chat.model import StreamEvent
from dataplane.provider import json_text
from dataplane.provider.adapter import ErrorInAnswer, EventDecoder, StreamReader
from dataplane.provider.error_body import has_error
from dataplane.provider.failure import (
    malformed,
)
from dataplane.provider.model import (
    CallFailure,
)
from dataplane.provider.sse import EventTooLarge
from dataplane.provider.transport import Reply, TransportFailure

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 256 * 1024
DRAIN_S = 0.25
"""How long to wait for the end of the HTTP body after the end of the answer, so that the connection can be used again."""


class Refused(Exception):
    """The status is not one of success; `body` is the parsed JSON, or the text."""

    def __init__(self, body: object) -> None:
        super().__init__("refused")
        self.body = body


READING_FAILURES = (Refused, ErrorInAnswer, TransportFailure, CallFailure, EventTooLarge)


async def read_up_to(reply: Reply, limit: int) -> bytes:
    """The body. Raises CallFailure `malformed` if it is longer than `limit` bytes."""
    pieces: list[bytes] = []
    length = 0
    while piece := await reply.read():
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            raise malformed(f"the answer is longer than {limit} bytes")
    return b"".join(pieces)


async def whole_answer(reply: Reply) -> tuple[object, bytes]:
    """The JSON of a successful answer, and its bytes."""
    await _check_status(reply)
    if "json" not in _content_type(reply):
        raise malformed(f"the answer is {_content_type(reply) or 'of no content type'}, not JSON")
    data = await read_up_to(reply, MAX_ANSWER_BYTES)
    return _answer_value(data), data


def _answer_value(data: bytes) -> object:
    try:
        value = json_text.parse(data.decode())
    except ValueError as error:
        raise malformed(f"the answer is no JSON: {error}") from None
    if has_error(value):
        raise ErrorInAnswer(value)
    return value


async def check_stream(reply: Reply, expected: str) -> None:
    """Raises what the reply is if it is no stream of events: an error, even with status 200."""
    await _check_status(reply)
    kind = _content_type(reply)
    if kind in (expected, ""):
        return
    if "json" in kind:
        _answer_value(await read_up_to(reply, MAX_ANSWER_BYTES))
    raise malformed(f"the answer is {kind}, not {expected}")


async def _check_status(reply: Reply) -> None:
    if not 200 <= reply.status < 300:
        raise Refused(await _error_body(reply))


async def _error_body(reply: Reply) -> object:
    """The error as JSON, else as text; whatever came of it, if it broke off."""
    try:
        text = (await read_up_to(reply, MAX_ERROR_BYTES)).decode("utf-8", "replace")
    except (TransportFailure, CallFailure):
        return None
    try:
        return json_text.parse(text)
    except ValueError:
        return {"error": text} if "html" not in _content_type(reply) else None


def _content_type(reply: Reply) -> str:
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower()


def events_of(reader: StreamReader, decoder: EventDecoder, chunk: bytes) -> Iterator[StreamEvent]:
    """What `chunk` tells, one by one: what came before a fault is still to be told. An empty chunk is the end."""
    for event in decoder.feed(chunk) if chunk else decoder.end():
        if reader.done:
            return
        yield from reader.read(event)
    if not chunk and not reader.done:
        yield from reader.finish()


async def drain(reply: Reply) -> None:
    """Read to the end, where that is near; raises nothing."""
    with suppress(TimeoutError, TransportFailure):
        async with asyncio.timeout(DRAIN_S):
            while await reply.read():
                pass
