"""Every recorded request is read, and read again from what the provider's adapter makes of it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dataplane.chat.model import ChatRequest
from dataplane.gateway.anthropic.counting import CountTokens
from dataplane.gateway.anthropic.messages import Messages
from dataplane.gateway.model import Asked
from dataplane.provider.anthropic import AnthropicAdapter
from dataplane.snapshot.model import WireProtocol
from tests.support.faces import received, same
from tests.support.recordings import Recording, read_recordings


@pytest.fixture(scope="module")
def recorded(shared: Path) -> list[Recording]:
    return [each for each in read_recordings(shared) if each.protocol is WireProtocol.ANTHROPIC]


def again(recording: Recording, asked: Asked) -> tuple[ChatRequest, ChatRequest]:
    """A request, and what is read when the adapter has written it."""
    request = asked.request
    assert isinstance(request, ChatRequest)
    body = AnthropicAdapter().body(recording.call(request), stream=recording.streams)
    second = Messages().read(received(body)).request
    assert isinstance(second, ChatRequest)
    return same(request), same(second)


def test_every_recorded_request_is_read(recorded: list[Recording]) -> None:
    only: Counter[str] = Counter()
    for recording in recorded:
        asked = Messages().read(received(recording.request))
        assert asked.model == recording.request["model"]
        assert asked.stream == bool(recording.request.get("stream"))
        only.update(asked.only)
    print(len(recorded), dict(only))
    assert len(recorded) > 150


def test_what_is_read_is_what_the_adapter_writes(recorded: list[Recording]) -> None:
    compared = 0
    for recording in recorded:
        asked = Messages().read(received(recording.request))
        if asked.only:
            continue
        first, second = again(recording, asked)
        # How hard a model thinks is said in the words that it knows; the adapter's own tests hold that.
        assert replace(second, reasoning=first.reasoning) == first, recording.id
        compared += 1
    assert compared > 80


def test_a_message_that_is_missing_would_be_noticed(recorded: list[Recording]) -> None:
    recording = next(each for each in recorded if not Messages().read(received(each.request)).only)
    first, second = again(recording, Messages().read(received(recording.request)))
    assert replace(second, messages=second.messages[:-1]) != first


def test_every_recorded_count_is_read(shared: Path) -> None:
    counts = [each for each in read_recordings(shared) if each.path.endswith("/count_tokens")]
    for recording in counts:
        assert CountTokens().read(received(recording.request)).model == recording.request["model"]
    assert counts
