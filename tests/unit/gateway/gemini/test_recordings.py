"""Every recorded request is read, and read again from what the provider's adapter makes of it."""

import base64
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dataplane.chat.model import ChatRequest, Thinking
from dataplane.gateway.gemini.counting import CountTokens
from dataplane.gateway.gemini.generate_content import GenerateContent
from dataplane.gateway.model import Asked
from dataplane.provider.gemini import GeminiAdapter
from dataplane.snapshot.model import WireProtocol
from tests.support.faces import received, same
from tests.support.recordings import Recording, read_recordings

MADE_UP = Thinking(
    signature=base64.b64encode(b"skip_thought_signature_validator").decode(), protocol=WireProtocol.GEMINI
)
"""What the adapter puts on calls without a signature, for models that want one."""


@pytest.fixture(scope="module")
def recorded(shared: Path) -> list[Recording]:
    return [each for each in read_recordings(shared) if each.protocol is WireProtocol.GEMINI]


def path(recording: Recording) -> dict[str, str]:
    model, _, action = recording.path.rpartition("/")[2].partition(":")
    return {"model": model, "action": action, "alt": "sse"}


def read(recording: Recording) -> Asked:
    return GenerateContent().read(received(recording.request, **path(recording)))


def again(recording: Recording, asked: Asked) -> tuple[ChatRequest, ChatRequest]:
    """A request, and what is read when the adapter has written it."""
    request = asked.request
    assert isinstance(request, ChatRequest)
    body = GeminiAdapter().body(recording.call(request), stream=recording.streams)
    second = GenerateContent().read(received(body, **path(recording))).request
    assert isinstance(second, ChatRequest)
    return same(request, (MADE_UP,)), same(second, (MADE_UP,))


def test_every_recorded_request_is_read(recorded: list[Recording]) -> None:
    only: Counter[str] = Counter()
    for recording in recorded:
        asked = read(recording)
        assert asked.stream == ("stream" in recording.path)
        only.update(asked.only)
    print(len(recorded), dict(only))
    assert len(recorded) > 140


def test_what_is_read_is_what_the_adapter_writes(recorded: list[Recording]) -> None:
    compared = 0
    for recording in recorded:
        asked = read(recording)
        if asked.only:
            continue
        first, second = again(recording, asked)
        # How hard a model thinks is said in the words that it knows; the adapter's own tests hold that.
        assert replace(second, reasoning=first.reasoning) == first, recording.id
        compared += 1
    assert compared > 100


def test_a_message_that_is_missing_would_be_noticed(recorded: list[Recording]) -> None:
    recording = next(each for each in recorded if not read(each).only)
    first, second = again(recording, read(recording))
    assert replace(second, messages=second.messages[:-1]) != first


def test_every_recorded_count_is_read(shared: Path) -> None:
    counts = [each for each in read_recordings(shared) if each.path.endswith(":countTokens")]
    for recording in counts:
        assert CountTokens().read(received(recording.request, **path(recording))).model in recording.path
    assert counts
