"""Every recorded request to OpenAI, or to what is compatible with it, can be put to our own faces."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dataplane.chat.model import ChatRequest, EmbedRequest, Message, Part, Role, Text, Thinking, ToolResult
from dataplane.gateway.body import members
from dataplane.gateway.model import Asked, BadRequest
from dataplane.gateway.openai.completions import ChatCompletions
from dataplane.gateway.openai.embeddings import Embeddings
from dataplane.gateway.openai.responses import Responses
from dataplane.provider import openai_request
from tests.support.faces import received
from tests.support.recordings import Recording, read_recordings

STATEFUL = {"previous_response_id", "conversation", "background"}
OUT_OF_RANGE = "tests/models/cassettes/test_openai_responses/test_openai_responses_model_http_error.yaml#0"


@pytest.fixture(scope="module")
def recordings(shared: Path) -> list[Recording]:
    return read_recordings(shared)


def of(recordings: list[Recording], end: str) -> list[Recording]:
    return [recording for recording in recordings if recording.path.endswith(end)]


def completion(recording: Recording) -> tuple[Asked, ChatRequest]:
    asked = ChatCompletions().read(received(recording.request))
    assert isinstance(asked.request, ChatRequest)
    return asked, asked.request


def test_every_recorded_completion_is_read(recordings: list[Recording]) -> None:
    chats = of(recordings, "/chat/completions")
    for recording in chats:
        asked, _ = completion(recording)
        assert asked.model == recording.request["model"], recording.id
        assert asked.stream == recording.streams or recording.status >= 400, recording.id
    print(dict(Counter(recording.provider for recording in chats)))
    assert len(chats) > 200


def comparable(request: ChatRequest) -> ChatRequest:
    """Without what the adapter writes only for some servers: thinking, names of tools in results, metadata."""
    messages = tuple(replace(message, parts=tuple(_parts(message.parts))) for message in request.messages)
    return replace(request, messages=messages, reasoning=None, metadata={})


def _parts(parts: tuple[Part, ...]) -> Iterator[Part]:
    for part in parts:
        if isinstance(part, Thinking) or part == Text(text=""):
            continue
        yield replace(part, name="") if isinstance(part, ToolResult) else part


def test_what_is_read_is_rendered_and_read_again_the_same(recordings: list[Recording]) -> None:
    compared = 0
    for recording in of(recordings, "/chat/completions"):
        asked, request = completion(recording)
        if asked.only:
            continue
        call = recording.call(request, limit=request.max_output_tokens or 0)
        again = ChatCompletions().read(received(openai_request.render(call, stream=asked.stream)))
        assert isinstance(again.request, ChatRequest)
        assert comparable(again.request) == comparable(request), recording.id
        compared += 1
    assert compared > 200


def test_a_request_that_differs_in_one_word_is_noticed(recordings: list[Recording]) -> None:
    for recording in of(recordings, "/chat/completions")[::25]:
        _, request = completion(recording)
        other = Message(role=Role.USER, parts=(Text(text="another word"),))
        call = recording.call(replace(request, messages=(*request.messages, other)))
        again = ChatCompletions().read(received(openai_request.render(call, stream=False)))
        assert isinstance(again.request, ChatRequest)
        assert comparable(again.request) != comparable(request), recording.id


def test_every_recorded_response_is_read_unless_it_needs_a_memory(recordings: list[Recording]) -> None:
    for recording in of(recordings, "/responses"):
        wants = {name for name in STATEFUL if recording.request.get(name)}
        if wants or recording.id == OUT_OF_RANGE:
            with pytest.raises(BadRequest) as raised:
                Responses().read(received(recording.request))
            assert raised.value.field in (wants or {"temperature"}), recording.id
        else:
            asked = Responses().read(received(recording.request))
            assert isinstance(asked.request, ChatRequest)
            assert asked.request.messages or asked.only, recording.id
            assert members(asked.original.text)[0] == recording.request, recording.id


def test_every_recorded_embedding_is_read(recordings: list[Recording]) -> None:
    for recording in of(recordings, "/embeddings"):
        asked = Embeddings().read(received(recording.request))
        assert isinstance(asked.request, EmbedRequest)
        assert asked.request.texts
