"""The official SDK in front of OpenAI's faces, with a scripted answer behind them, and no network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from openai import AsyncOpenAI, OpenAI

from dataplane.chat.model import ChatResponse, EmbedResponse, Finished, FinishReason, TextDelta, Usage
from dataplane.execution.run import Content
from dataplane.gateway.face import ChatFace
from dataplane.gateway.model import Answering, Asked, BadRequest, Problem, Refused
from dataplane.gateway.openai.completions import ChatCompletions
from dataplane.gateway.openai.embeddings import Embeddings
from dataplane.gateway.openai.models import Models
from dataplane.gateway.openai.responses import Responses
from dataplane.snapshot.model import Listed, WorkerSnapshot
from tests.support.faces import received

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
USAGE = Usage(input_tokens=11, cached_input_tokens=3, output_tokens=7, reasoning_tokens=2)
FACES: dict[str, ChatFace] = {"/v1/chat/completions": ChatCompletions(), "/v1/responses": Responses()}
SNAPSHOT = WorkerSnapshot(
    version=1,
    digest=b"",
    created_at=NOW,
    issuer="i",
    deployments={},
    keys={},
    callers={},
    models={
        "gpt-x": Listed(name="gpt-x", provider="openai", as_of="2026-01-02", context_window=1, max_output_tokens=1)
    },
    aliases={"best": "gpt-x"},
    workloads=("support",),
)


def answering(asked: Asked) -> Answering:
    """The surroundings of an answer."""
    return Answering(asked=asked, answer_id="0190aa", created=NOW, model="gpt-x")


@dataclass(slots=True, kw_only=True)
class Gateway:
    """Answers each request with what is scripted, and keeps what was asked.

    A stream that has a `problem` breaks off after `events`; without events the problem is the whole answer.
    """

    answer: ChatResponse | EmbedResponse | None = None
    events: Sequence[Content] = (TextDelta(text="Hello"),)
    finished: Finished = field(default_factory=lambda: Finished(reason=FinishReason.STOP))
    problem: Problem | None = None
    asked: list[Asked] = field(default_factory=list)
    streams: list[bytes] = field(default_factory=list)

    @property
    def client(self) -> OpenAI:
        """The SDK, unmodified but for its transport."""
        http = httpx.Client(transport=httpx.MockTransport(self.handle))
        return OpenAI(base_url="http://gateway/v1", api_key="k", max_retries=0, http_client=http)

    @property
    def async_client(self) -> AsyncOpenAI:
        """The same, for coroutines."""
        http = httpx.AsyncClient(transport=httpx.MockTransport(self.handle))
        return AsyncOpenAI(base_url="http://gateway/v1", api_key="k", max_retries=0, http_client=http)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Read, answer, write."""
        path = request.url.path
        if path.startswith("/v1/models"):
            return self._models(path.removeprefix("/v1/models").removeprefix("/"))
        if path == "/v1/embeddings":
            return self._embed(request)
        face = FACES[path]
        try:
            asked = face.read(received(request.content.decode()))
        except BadRequest as error:
            return _refused(face.refuse(Problem(reason="INVALID_FIELD", message=str(error), field=error.field)))
        self.asked.append(asked)
        if self.problem and not (asked.stream and self.events):
            return _refused(face.refuse(self.problem))
        if asked.stream:
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=self._stream(face, asked))
        assert isinstance(self.answer, ChatResponse)
        return _json(face.whole(self.answer, answering(asked)))

    def _stream(self, face: ChatFace, asked: Asked) -> bytes:
        self.streams.append(b"".join(self._pieces(face, asked)))
        return self.streams[-1]

    def _pieces(self, face: ChatFace, asked: Asked) -> Iterator[bytes]:
        writer = face.writer(answering(asked))
        for event in self.events:
            yield writer.content(event)
        if self.problem:
            yield writer.fail(self.problem)
        else:
            yield b": turnout {}\n\n"
            yield writer.end(self.finished, USAGE)

    def _embed(self, request: httpx.Request) -> httpx.Response:
        asked = Embeddings().read(received(request.content.decode()))
        self.asked.append(asked)
        assert isinstance(self.answer, EmbedResponse)
        return _json(Embeddings().vectors(self.answer, answering(asked)))

    def _models(self, name: str) -> httpx.Response:
        found = Models().one(SNAPSHOT, name) if name else Models().all(SNAPSHOT)
        if found is None:
            return _refused(Models().refuse(Problem(reason="MODEL_UNKNOWN", message="no such model", field="model")))
        return _json(found)


def _json(body: bytes) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "application/json"}, content=body)


def _refused(refused: Refused) -> httpx.Response:
    return httpx.Response(refused.status, headers={"content-type": "application/json"}, content=refused.body)
