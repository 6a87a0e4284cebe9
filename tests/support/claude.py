"""What a provider of Anthropic's protocol answers, for tests/support/provider.py."""

import json
from collections.abc import Iterator
from typing import Any

from tests.support.provider import Step, begin
from tests.support.raw_server import Connection


def claude(*texts: str) -> Step:
    """A whole stream of these pieces; 12 tokens in and 5 out."""

    async def step(connection: Connection, asked: dict[str, Any]) -> None:
        assert asked["stream"]
        await begin(connection)
        for event in (*opening(), *(piece(text) for text in texts), *_closing()):
            await connection.send_chunk(written(event))
        await connection.send_chunk(b"")

    return step


def opening() -> Iterator[dict[str, Any]]:
    """The events before the first text."""
    usage = {"input_tokens": 12, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "served-model"}
    ends = {"stop_reason": None, "stop_sequence": None}
    yield {"type": "message_start", "message": {**message, **ends, "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}


def piece(text: str) -> dict[str, Any]:
    """One more piece of text."""
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def _closing() -> Iterator[dict[str, Any]]:
    yield {"type": "content_block_stop", "index": 0}
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}}
    yield {"type": "message_stop"}


def written(event: dict[str, Any]) -> bytes:
    """As a server-sent event."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
