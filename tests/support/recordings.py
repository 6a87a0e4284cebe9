"""Recorded exchanges with real providers, and a transport that plays them back."""

import gzip
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from dataplane.chat.model import ChatRequest, Message, Role, StreamEvent, Text
from dataplane.provider.http_provider import HttpProvider
from dataplane.provider.model import Call, ProviderResponse
from dataplane.provider.sandbox.wire import event_frame
from dataplane.provider.transport import Limits
from dataplane.snapshot.model import Deployment, WireProtocol

Json = dict[str, object]

HOSTS = {
    "openai": "https://api.openai.com",
    "groq": "https://api.groq.com",
    "mistral": "https://api.mistral.ai",
    "openrouter": "https://openrouter.ai",
    "deepseek": "https://api.deepseek.com",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "bedrock": "https://bedrock-runtime.us-east-1.amazonaws.com",
}
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HELLO = ChatRequest(messages=(Message(role=Role.USER, parts=(Text(text="Hello"),)),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One exchange. `response` is parsed JSON, or the text of a stream."""

    id: str
    provider: str
    method: str
    path: str
    query: str
    request: Json
    status: int
    content_type: str
    response: object

    @property
    def kind(self) -> str:
        """Provider and protocol."""
        return f"{self.provider} {self.protocol or self.path}"

    @property
    def protocol(self) -> WireProtocol | None:
        """The protocol of ours that it speaks, None for none."""
        if self.path.endswith("/chat/completions"):
            return WireProtocol.OPENAI
        if self.path == "/v1/messages":
            return WireProtocol.ANTHROPIC
        if self.path.endswith(("/converse", "/converse-stream")):
            return WireProtocol.BEDROCK
        return WireProtocol.GEMINI if self.path.endswith(("enerateContent",)) else None

    @property
    def streams(self) -> bool:
        """Whether the answer is a stream of events."""
        return isinstance(self.response, str)

    @property
    def body(self) -> bytes:
        """The answer's bytes."""
        if self.protocol is WireProtocol.BEDROCK and isinstance(self.response, str):
            return b"".join(
                event_frame.event(name, json.dumps(value).encode()) for name, value in converse_events(self.response)
            )
        return (self.response if isinstance(self.response, str) else json.dumps(self.response)).encode()

    @property
    def deployment(self) -> Deployment:
        """The deployment that would make this exchange."""
        host = HOSTS[self.provider]
        model = str(self.request.get("model") or self.path.rpartition("/")[2].partition(":")[0])
        if self.protocol is WireProtocol.BEDROCK:
            model = unquote(self.path.split("/")[2])
        suffix = {
            WireProtocol.OPENAI: "/chat/completions",
            WireProtocol.ANTHROPIC: "/v1/messages",
            WireProtocol.GEMINI: f"/models/{model}:{self.path.rpartition(':')[2]}",
            WireProtocol.BEDROCK: self.path,
        }[self.protocol or WireProtocol.OPENAI]
        return Deployment(
            name="recorded",
            model=model,
            provider=self.provider,
            protocol=self.protocol or WireProtocol.OPENAI,
            base_url=host + self.path.removesuffix(suffix),
        )

    def call(self, request: ChatRequest = HELLO, *, limit: int = 0) -> Call:
        """A call of `deployment`."""
        return Call(
            deployment=self.deployment,
            request=request,
            credential="secret-of-the-test",
            max_output_tokens=limit,
            total=timedelta(seconds=60),
        )


_CONVERSE_EVENT = re.compile(r":event-type\x07\x00.(\w+)\r:content-type.*?:message-type\x07\x00\x05event")


def converse_events(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a recorded event stream: its text is kept, but not the lengths and checksums, which are no text."""
    for found in _CONVERSE_EVENT.finditer(text):
        yield found[1], json.JSONDecoder().raw_decode(text, found.end())[0]


def read_recordings(shared: Path) -> list[Recording]:
    """All exchanges, those of other protocols too."""
    with gzip.open(shared / "data" / "recordings" / "providers.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [_recording(json.loads(line)) for line in lines]


def _recording(values: dict[str, Any]) -> Recording:
    """One request was no JSON even before it was recorded: it is left empty."""
    return Recording(**{**values, "request": values["request"] if isinstance(values["request"], dict) else {}})


@dataclass(slots=True)
class PlayedReply:
    """A reply that comes in pieces of `piece` bytes."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]
    closed: bool = False

    async def read(self) -> bytes:
        """The next piece."""
        return next(self.pieces, b"")

    def close(self) -> None:
        """Note that it is over."""
        self.closed = True


@dataclass(slots=True)
class PlayedTransport:
    """Answers every request with one recording, and keeps what was asked."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    piece: int = 1 << 20
    url: str = ""
    sent_headers: Mapping[str, str] | None = None
    sent: bytes = b""
    limits: Limits | None = None
    reply: PlayedReply | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, limits: Limits) -> PlayedReply:
        """The recorded answer."""
        self.url, self.sent_headers, self.sent, self.limits = url, headers, body, limits
        pieces = (self.body[at : at + self.piece] for at in range(0, len(self.body), self.piece))
        self.reply = PlayedReply(self.status, self.headers, pieces)
        return self.reply


async def collect(stream: AsyncIterator[StreamEvent], into: list[StreamEvent]) -> None:
    """Put what comes `into` a list that is still there when the stream fails."""
    async for event in stream:
        into.append(event)  # noqa: PERF401 - a comprehension would lose what came before a failure


async def outcome(provider: HttpProvider, call: Call, *, streaming: bool) -> ProviderResponse | list[StreamEvent]:
    """What a call gives, whole or as a stream. Raises CallFailure."""
    if streaming:
        return [event async for event in provider.stream(call)]
    return await provider.generate(call)


def played(recording: Recording, *, piece: int = 1 << 20) -> PlayedTransport:
    """A transport that answers with `recording`."""
    headers = {"content-type": recording.content_type, "x-request-id": "req-of-the-test"}
    return PlayedTransport(recording.status, headers, recording.body, piece)


def provider_of(transport: PlayedTransport) -> HttpProvider:
    """The product's provider over `transport`."""
    return HttpProvider(transport, now=lambda: NOW)
