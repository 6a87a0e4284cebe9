"""What each wire protocol must know how to do; nothing of it does any I/O."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from dataplane.chat.model import ChatResponse, StreamEvent
from dataplane.provider.model import Call
from dataplane.provider.sse import ServerEvent
from dataplane.snapshot.model import Deployment


class ErrorInAnswer(Exception):
    """The answer, or an event of it, is the provider's error object."""

    def __init__(self, body: object) -> None:
        super().__init__("the answer is an error")
        self.body = body


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
    """One wire protocol: values to JSON and back."""

    def url(self, deployment: Deployment, *, stream: bool) -> str:
        """The address of the call, below the deployment's `base_url`."""
        ...

    def headers(self, credential: str) -> Mapping[str, str]:
        """The protocol's own headers, with the credential where the protocol wants it; none for an empty one."""
        ...

    def body(self, call: Call, *, stream: bool) -> Mapping[str, object]:
        """The request as JSON. Raises CallFailure: `bad_request`, or `unsupported` for what only this protocol cannot say."""
        ...

    def answer(self, call: Call, body: object) -> ChatResponse:
        """A whole answer. Raises CallFailure `malformed`."""
        ...

    def reader(self, call: Call) -> StreamReader:
        """A reader for the answer's events."""
        ...
