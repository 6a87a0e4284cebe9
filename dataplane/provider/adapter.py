"""What each wire protocol must know how to do; nothing of it does any I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from dataplane.chat.model import ChatResponse, EmbedResponse, StreamEvent
from dataplane.provider.model import Call, EmbedCall, Endpoint
from dataplane.provider.sse import ServerEvent
from dataplane.snapshot.model import Deployment


class ErrorInAnswer(Exception):
    """The answer, or an event of it, is the provider's error object."""

    def __init__(self, body: object) -> None:
        super().__init__("the answer is an error")
        self.body = body


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request that is about to leave, for headers that sign all of it; `now` is the wall clock's time, in UTC."""

    url: str
    body: bytes = field(repr=False)
    now: datetime


class EventDecoder(Protocol):
    """Finds the events in the bytes of a stream, in whatever pieces they come."""

    def feed(self, chunk: bytes) -> Sequence[ServerEvent]:
        """The events that `chunk` completes. Raises EventTooLarge, or CallFailure `malformed`."""
        ...

    def end(self) -> Sequence[ServerEvent]:
        """What is still to come when the bytes end."""
        ...


class StreamReader(Protocol):
    """Reads the events of one stream, in order."""

    @property
    def done(self) -> bool:
        """Whether the provider's last event was read, so that nothing more is to come."""
        ...

    def read(self, event: ServerEvent) -> Sequence[StreamEvent]:
        """What `event` says. Raises ErrorInAnswer, or CallFailure `malformed`."""
        ...

    def finish(self) -> Sequence[StreamEvent]:
        """What is left to say when the stream ends as HTTP wants it to. Raises CallFailure `stream_cut`."""
        ...


class Adapter(Protocol):
    """One wire protocol: values to JSON and back.

    Where an endpoint may be named, None is the one that the adapter itself uses for chat.
    """

    @property
    def stream_type(self) -> str:
        """The media type of its streams."""
        ...

    def takes(self, endpoint: Endpoint, deployment: Deployment) -> bool:
        """Whether `deployment` has `endpoint`, so that a request for it can go through as it is."""
        ...

    def url(self, deployment: Deployment, *, stream: bool, endpoint: Endpoint | None = None) -> str:
        """The address of an endpoint that `deployment` takes, below its `base_url`."""
        ...

    def headers(self, deployment: Deployment, credential: str, outgoing: Outgoing) -> Mapping[str, str]:
        """The protocol's own headers, with the credential where the protocol wants it; none for an empty one.

        Raises CallFailure `credential` for one that is not of the protocol's form.
        """
        ...

    def body(self, call: Call, *, stream: bool) -> Mapping[str, object]:
        """The request as JSON. Raises CallFailure: `bad_request`, or `unsupported` for what only this protocol cannot say."""
        ...

    def answer(self, call: Call, body: object, *, endpoint: Endpoint | None = None) -> ChatResponse:
        """A whole answer. Raises CallFailure `malformed`, or ErrorInAnswer."""
        ...

    def reader(self, call: Call, *, endpoint: Endpoint | None = None) -> StreamReader:
        """A reader for the answer's events."""
        ...

    def decoder(self) -> EventDecoder:
        """A decoder for the bytes of one stream."""
        ...

    def embed_body(self, call: EmbedCall) -> Mapping[str, object]:
        """The texts as JSON. Raises CallFailure `unsupported` where nothing is embedded."""
        ...

    def embed_answer(self, call: EmbedCall, body: object) -> EmbedResponse:
        """A vector for each text. Raises CallFailure `malformed`."""
        ...
