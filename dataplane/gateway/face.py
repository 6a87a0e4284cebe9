"""What each face must know how to do; nothing of it does any I/O."""

from typing import Protocol

from dataplane.chat.model import ChatResponse, EmbedResponse, Finished, Usage
from dataplane.execution.run import Content
from dataplane.gateway.model import Answering, Asked, Problem, Received, Refused
from dataplane.snapshot.model import WorkerSnapshot


class StreamWriter(Protocol):
    """Writes one stream of events, in order; each method gives bytes to send, none if there is nothing to say.

    For an answer that is passed on as it came, `content` gets Verbatim alone: it hands the bytes on, less what the caller did
    not ask for, and remembers enough to end the stream by `fail` as its protocol wants.
    """

    def content(self, event: Content) -> bytes:
        """More of the answer; the first call brings the protocol's opening events with it."""
        ...

    def end(self, finished: Finished, usage: Usage) -> bytes:
        """The answer is whole: the protocol's closing events, with the usage. Nothing where they were passed on already."""
        ...

    def fail(self, problem: Problem) -> bytes:
        """The answer broke off: the protocol's error event, and nothing that could pass for an end."""
        ...


class Errors(Protocol):
    """How a face tells errors."""

    def refuse(self, problem: Problem) -> Refused:
        """The status and the body by which the protocol's SDKs raise the exception that fits."""
        ...


class ChatFace(Errors, Protocol):
    """A protocol for conversations."""

    @property
    def comments(self) -> bool:
        """Whether the protocol's SDKs skip comments in streams, as the standard of server-sent events says; Google's does not."""
        ...

    def read(self, received: Received) -> Asked:
        """What is asked. Raises BadRequest, naming the field as its SDK names it."""
        ...

    def whole(self, answer: ChatResponse, answering: Answering) -> bytes:
        """A whole answer as JSON."""
        ...

    def writer(self, answering: Answering) -> StreamWriter:
        """What writes a stream."""
        ...


class EmbedFace(Errors, Protocol):
    """A protocol for vectors of texts."""

    def read(self, received: Received) -> Asked:
        """What is asked. Raises BadRequest."""
        ...

    def vectors(self, answer: EmbedResponse, answering: Answering) -> bytes:
        """The vectors as JSON."""
        ...


class ModelsFace(Errors, Protocol):
    """A protocol's list of models: `auto`, `auto:WORKLOAD`, aliases, models."""

    def all(self, snapshot: WorkerSnapshot) -> bytes:
        """All of them as JSON."""
        ...

    def one(self, snapshot: WorkerSnapshot, name: str) -> bytes | None:
        """One of them as JSON; None if there is none of that name."""
        ...
