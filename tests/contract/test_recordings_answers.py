"""Every recorded answer is read as it is: text, tool calls, finish reason, usage; whole, in pieces, and as errors."""

from collections import Counter
from pathlib import Path

import pytest

from dataplane.chat.model import StreamEvent
from dataplane.provider.model import CallFailure, Verdict
from tests.support.extraction import STREAMED, WHOLE, Said, said_by, said_by_events
from tests.support.recordings import Recording, outcome, played, provider_of, read_recordings

BROKEN_STREAMS = {
    "tests/models/cassettes/test_groq/test_tool_use_failed_error_streaming_with_text.yaml#0": (
        Verdict.FAILED,
        "malformed",
        "Tool choice is required, but model did not call a tool",
    ),
    "tests/models/cassettes/test_openrouter/test_openrouter_stream_error.yaml#0": (
        Verdict.FAILED,
        "error_event",
        "Token limit reached",
    ),
}
"""Streams of status 200 with an error event in them."""

ENDS = (b'"finish_reason":"', b'"finishReason"', b"event: message_stop", b'"stopReason"')

REFUSALS = {
    ("openai", 404, "model_not_found"): (Verdict.MISCONFIGURED, "model_unknown", ""),
    ("openai", 400, "model_not_found"): (Verdict.MISCONFIGURED, "model_unknown", "model"),
    ("openai", 400, "unsupported_value"): (Verdict.IGNORED, "unsupported", "messages[0].role"),
    ("openai", 400, "unsupported_file"): (Verdict.IGNORED, "bad_request", "input"),
    ("openai", 400, "decimal_below_min_value"): (Verdict.IGNORED, "bad_request", "temperature"),
    ("openai", 400, "None"): (Verdict.IGNORED, "bad_request", "input"),
    ("deepseek", 400, "invalid_request_error"): (Verdict.IGNORED, "bad_request", ""),
    ("groq", 400, "tool_use_failed"): (Verdict.FAILED, "malformed", ""),
    ("openrouter", 429, "429"): (Verdict.THROTTLED, "rate_limited", ""),
    ("anthropic", 404, "not_found_error"): (Verdict.MISCONFIGURED, "model_unknown", "model"),
    ("anthropic", 400, "invalid_request_error"): (Verdict.IGNORED, "bad_request", ""),
    ("gemini", 404, "404"): (Verdict.MISCONFIGURED, "model_unknown", ""),
}
"""By provider, status and the provider's own code: verdict, word and field."""


@pytest.fixture(scope="module")
def recordings(shared: Path) -> list[Recording]:
    return read_recordings(shared)


@pytest.fixture(scope="module")
def fitting(recordings: list[Recording]) -> list[Recording]:
    """Those that speak one of our protocols: none is left out."""
    return [recording for recording in recordings if recording.protocol is not None]


async def events_of(recording: Recording, *, piece: int) -> list[StreamEvent]:
    transport = played(recording, piece=piece)
    events = [event async for event in provider_of(transport).stream(recording.call())]
    assert transport.reply is not None
    assert transport.reply.closed
    return events


def with_own_ids(expected: Said, got: Said) -> Said:
    """`expected` with ids of our own making where the provider gave none: those must be there, and differ."""
    assert all(got.call_ids)
    assert len(set(got.call_ids)) == len(got.call_ids)
    ids = tuple(theirs or ours for theirs, ours in zip(expected.call_ids, got.call_ids, strict=True))
    return Said(**{**expected.__dict__, "call_ids": ids})


def with_model(recording: Recording, expected: Said) -> Said:
    """`expected` with the model's name: Bedrock's answers give none, so it is the one that was called."""
    return Said(**{**expected.__dict__, "model": expected.model or recording.deployment.model})


async def test_every_recorded_answer_is_read_as_it_is(fitting: list[Recording]) -> None:
    whole = [recording for recording in fitting if recording.status == 200 and not recording.streams]
    for recording in whole:
        assert recording.protocol is not None
        answer = await provider_of(played(recording)).generate(recording.call())
        got, expected = said_by(answer.response), WHOLE[recording.protocol](recording.response)
        assert got == with_model(recording, with_own_ids(expected, got)), recording.id
        assert answer.provider_request_id == "req-of-the-test"
    print(dict(Counter(recording.kind for recording in whole)))
    assert len(whole) > 400


@pytest.mark.parametrize("piece", [1, 7, 1 << 20], ids=["byte by byte", "in pieces of 7 bytes", "at once"])
async def test_every_recorded_stream_is_read_as_it_is(fitting: list[Recording], piece: int) -> None:
    streams = [recording for recording in fitting if recording.streams and recording.id not in BROKEN_STREAMS]
    for recording in streams:
        assert recording.protocol is not None
        got = said_by_events(await events_of(recording, piece=piece))
        expected = STREAMED[recording.protocol](str(recording.response))
        assert got == with_model(recording, with_own_ids(expected, got)), recording.id
    print(dict(Counter(recording.kind for recording in streams)))
    assert len(streams) > 40


@pytest.mark.parametrize("piece", [1, 1 << 20], ids=["byte by byte", "at once"])
async def test_an_error_event_inside_a_recorded_stream_is_a_failure(fitting: list[Recording], piece: int) -> None:
    for recording in (recording for recording in fitting if recording.id in BROKEN_STREAMS):
        with pytest.raises(CallFailure) as caught:
            await events_of(recording, piece=piece)
        failure = caught.value
        assert (failure.verdict, failure.error, failure.message) == BROKEN_STREAMS[recording.id]
        assert failure.http_status == 200


async def test_a_recorded_stream_that_is_cut_anywhere_is_never_taken_for_whole(fitting: list[Recording]) -> None:
    """Cut at twelve places before its end mark, mostly inside an event."""
    for recording in (recording for recording in fitting if recording.streams and recording.id not in BROKEN_STREAMS):
        body = recording.body
        marks = [body.find(mark) for mark in ENDS]
        end = min(mark for mark in marks if mark >= 0)
        for cut in range(0, end, end // 12):
            transport = played(recording)
            transport.body = body[:cut]
            with pytest.raises(CallFailure) as caught:
                _ = [event async for event in provider_of(transport).stream(recording.call())]
            assert (caught.value.verdict, caught.value.error) == (Verdict.FAILED, "stream_cut"), recording.id


async def test_every_recorded_refusal_is_classified(recordings: list[Recording]) -> None:
    """Those of other endpoints of the same providers too: the errors are the same."""
    refused = [recording for recording in recordings if recording.status != 200 and recording.provider != "bedrock"]
    for recording in refused:
        error = recording.response["error"]  # type: ignore[index]
        code = str(error["type"] if recording.provider == "anthropic" else error["code"])
        expected = REFUSALS[recording.provider, recording.status, code]
        for streaming in (False, True):
            failure = await refusal_of(recording, streaming=streaming)
            assert (failure.verdict, failure.error, failure.field) == expected, recording.id
            assert failure.http_status == recording.status
            assert failure.message
            assert failure.provider_request_id == "req-of-the-test"
            assert not failure.unsent
    print(dict(Counter(recording.kind for recording in refused)))
    assert len(refused) > 15


BEDROCK_REFUSALS = {
    "The provided model identifier is invalid.": (Verdict.MISCONFIGURED, "model_unknown"),
    "The model returned the following errors": (Verdict.IGNORED, "bad_request"),
    "This model doesn't support": (Verdict.IGNORED, "bad_request"),
}


async def test_every_recorded_refusal_of_bedrock_is_classified(recordings: list[Recording]) -> None:
    refused = [recording for recording in recordings if recording.status != 200 and recording.provider == "bedrock"]
    for recording in refused:
        text = str(recording.response["message"])  # type: ignore[index]
        expected = next(words for beginning, words in BEDROCK_REFUSALS.items() if text.startswith(beginning))
        for streaming in (False, True):
            failure = await refusal_of(recording, streaming=streaming)
            assert (failure.verdict, failure.error, failure.message) == (*expected, text), recording.id
    assert len(refused) == 7


async def refusal_of(recording: Recording, *, streaming: bool) -> CallFailure:
    with pytest.raises(CallFailure) as caught:
        await outcome(provider_of(played(recording)), recording.call(), streaming=streaming)
    return caught.value
