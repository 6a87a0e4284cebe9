"""Calls for tests of the provider adapters, and what comes of them without a network."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from dataplane.chat.model import ChatRequest, ChatResponse, Message, Part, Role, StreamEvent, Text
from dataplane.provider.http_provider import ADAPTERS
from dataplane.provider.model import Call
from dataplane.provider.sse import SseDecoder
from dataplane.snapshot.model import Deployment, WireProtocol

HELLO = ChatRequest(messages=(Message(role=Role.USER, parts=(Text(text="Hello"),)),))
HOMES = {
    WireProtocol.OPENAI: ("openai", "https://api.openai.com/v1", "gpt-4o-mini"),
    WireProtocol.ANTHROPIC: ("anthropic", "https://api.anthropic.com", "claude-sonnet-4-5"),
    WireProtocol.GEMINI: ("gemini", "https://generativelanguage.googleapis.com", "gemini-2.5-flash"),
    WireProtocol.BEDROCK: (
        "bedrock",
        "https://bedrock-runtime.us-east-1.amazonaws.com",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
}


def says(role: Role, *parts: Part | str) -> Message:
    """A message; a string is a text."""
    return Message(role=role, parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def call_of(
    protocol: WireProtocol, request: ChatRequest = HELLO, *, limit: int = 0, model: str = "", **deployment: Any
) -> Call:
    """A call at the protocol's home, with `deployment` fields replaced."""
    provider, base_url, usual = HOMES[protocol]
    home = Deployment(name="d", model=model or usual, provider=provider, protocol=protocol, base_url=base_url)
    return Call(
        deployment=replace(home, **deployment),
        request=request,
        credential="secret",
        max_output_tokens=limit,
        total=timedelta(seconds=60),
    )


def body_of(call: Call, *, stream: bool = False) -> dict[str, Any]:
    """The request as its JSON."""
    body = ADAPTERS[call.deployment.protocol].body(call, stream=stream)
    return dict(json.loads(json.dumps(body, default=dict)))


def answer_to(call: Call, body: object) -> ChatResponse:
    """A whole answer."""
    return ADAPTERS[call.deployment.protocol].answer(call, body)


def events_of(call: Call, *chunks: Mapping[str, Any] | str, ended: bool = True) -> list[StreamEvent]:
    """What a stream of these events tells."""
    reader, decoder = ADAPTERS[call.deployment.protocol].reader(call), SseDecoder()
    text = "".join(f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n" for chunk in chunks)
    told = [event for server_event in decoder.feed(text.encode()) for event in reader.read(server_event)]
    return [*told, *(reader.finish() if ended and not reader.done else ())]
