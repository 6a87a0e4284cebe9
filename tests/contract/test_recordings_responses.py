"""Every recorded answer of OpenAI's responses is understood: text, thinking, tool calls, end and usage."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dataplane.chat.model import (
    Finished,
    FinishReason,
    StreamEvent,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from dataplane.provider.http_provider import ADAPTERS
from dataplane.provider.model import Endpoint
from dataplane.provider.sse import SseDecoder
from dataplane.snapshot.model import WireProtocol
from tests.support.calls import call_of
from tests.support.extraction import chunks
from tests.support.recordings import Recording, read_recordings

OPENAI = WireProtocol.OPENAI


@pytest.fixture(scope="module")
def answered(shared: Path) -> list[Recording]:
    found = [recording for recording in read_recordings(shared) if recording.path.endswith("/responses")]
    return [recording for recording in found if recording.status == 200]


def gist(raw: dict[str, Any]) -> tuple[str, str, list[tuple[str, str, str]], Usage | None]:
    """Text, thinking, calls and usage of a response, read in the plainest way."""
    items = raw["output"]
    contents = [part for item in items if item["type"] == "message" for part in item["content"]]
    thoughts = [item for item in items if item["type"] == "reasoning"]
    usage = raw.get("usage")
    return (
        "".join(part["text"] for part in contents),
        "".join(
            "".join(part["text"] for part in item.get("content") or [])
            or "\n\n".join(part["text"] for part in item["summary"])
            for item in thoughts
        ),
        [(item["call_id"], item["name"], item["arguments"]) for item in items if item["type"] == "function_call"],
        usage
        and Usage(
            input_tokens=usage["input_tokens"],
            cached_input_tokens=usage["input_tokens_details"]["cached_tokens"],
            cache_write_tokens=usage["input_tokens_details"].get("cache_write_tokens", 0),
            output_tokens=usage["output_tokens"],
            reasoning_tokens=usage["output_tokens_details"]["reasoning_tokens"],
        ),
    )


def test_every_recorded_response_is_understood(answered: list[Recording]) -> None:
    ends = Counter[FinishReason]()
    whole = [recording for recording in answered if not recording.streams]
    for recording in whole:
        answer = ADAPTERS[OPENAI].answer(call_of(OPENAI), recording.response, endpoint=Endpoint.RESPONSES)
        calls = [(part.id, part.name, part.arguments) for part in answer.parts if isinstance(part, ToolCall)]
        texts = "".join(part.text for part in answer.parts if isinstance(part, Text))
        thoughts = "".join(part.text for part in answer.parts if isinstance(part, Thinking))
        assert (texts, thoughts, calls, answer.usage) == gist(recording.response), recording.id  # type: ignore[arg-type]
        ends[answer.finish_reason] += 1
    print(ends)
    assert len(whole) > 140
    assert ends[FinishReason.TOOL_CALLS] > 40


@pytest.mark.parametrize("piece", [7, 1 << 20], ids=["in pieces of 7 bytes", "at once"])
def test_every_recorded_stream_of_a_response_is_understood(answered: list[Recording], piece: int) -> None:
    streams = [recording for recording in answered if recording.streams]
    for recording in streams:
        events = read(recording.body, piece)
        last = [chunk for chunk in chunks(str(recording.response)) if chunk["type"] == "response.completed"][-1]
        text, thought, calls, usage = gist(last["response"])
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == text, recording.id
        assert "".join(event.text for event in events if isinstance(event, ThinkingDelta)) == thought
        assert calls_in(events) == calls
        assert [event.usage for event in events if isinstance(event, UsageReport)] == [usage]
        assert isinstance(events[-1], Finished)
        assert events[-1].reason is (FinishReason.TOOL_CALLS if calls else FinishReason.STOP)
    assert len(streams) > 10


def read(body: bytes, piece: int) -> list[StreamEvent]:
    reader, decoder = ADAPTERS[OPENAI].reader(call_of(OPENAI), endpoint=Endpoint.RESPONSES), SseDecoder()
    pieces = (body[at : at + piece] for at in range(0, len(body), piece))
    events = [told for part in pieces for event in decoder.feed(part) for told in reader.read(event)]
    assert reader.done
    return events


def calls_in(events: list[StreamEvent]) -> list[tuple[str, str, str]]:
    calls: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            call = calls.setdefault(event.index, ["", "", ""])
            for place, more in enumerate((event.id, event.name, event.arguments)):
                call[place] += more
    return [(call[0], call[1], call[2]) for call in calls.values()]
