"""What is sent for a call, with each fault and at what time."""

import json
from dataclasses import replace

import pytest

from dataplane.provider.sandbox import Fault, FaultKind
from dataplane.provider.sandbox.call import ProtocolName
from dataplane.provider.sandbox.fault import STATUSES
from dataplane.provider.sandbox.script import Begin, Break, Chunk, End, Hang, Reply, Step
from tests.unit.sandbox.calls import (
    TEXT_PROTOCOLS,
    body_of,
    events_of,
    frames_of,
    reply_of,
    request_of,
    sandbox,
    steps_of,
    text_of,
    with_profile,
)

EACH = pytest.mark.parametrize("protocol", TEXT_PROTOCOLS)
PROMPT = "Explain step by step why trains need signals."


def played(protocol: ProtocolName, fault: Fault | None, *, stream: bool) -> list[Step]:
    served = sandbox()
    served.arm((fault,) if fault else ())
    return steps_of(served, request_of(protocol, body_of(protocol, PROMPT), stream=stream))


def chunks(steps: list[Step]) -> list[bytes]:
    return [step.data for step in steps if isinstance(step, Chunk)]


def plain(protocol: ProtocolName) -> list[bytes]:
    return frames_of(sandbox(), request_of(protocol, body_of(protocol, PROMPT), stream=True))


@EACH
@pytest.mark.parametrize("status", STATUSES)
def test_a_status_comes_in_the_shape_of_the_protocol(protocol: ProtocolName, status: int) -> None:
    for stream in (False, True):
        (reply,) = played(protocol, Fault(kind=FaultKind.STATUS, status=status), stream=stream)
        assert isinstance(reply, Reply)
        assert reply.status == status
        error = json.loads(reply.body)["error"]
        assert error["message"]
        assert isinstance(error["status" if protocol is ProtocolName.GEMINI else "type"], str)
        assert "retry-after" not in dict(reply.headers)


@pytest.mark.parametrize(
    ("protocol", "status", "kind"),
    [
        (ProtocolName.OPENAI, 401, "invalid_request_error"),
        (ProtocolName.OPENAI, 429, "requests"),
        (ProtocolName.OPENAI, 500, "server_error"),
        (ProtocolName.OPENAI, 502, "server_error"),
        (ProtocolName.ANTHROPIC, 401, "authentication_error"),
        (ProtocolName.ANTHROPIC, 429, "rate_limit_error"),
        (ProtocolName.ANTHROPIC, 500, "api_error"),
        (ProtocolName.ANTHROPIC, 529, "overloaded_error"),
        (ProtocolName.GEMINI, 401, "UNAUTHENTICATED"),
        (ProtocolName.GEMINI, 429, "RESOURCE_EXHAUSTED"),
        (ProtocolName.GEMINI, 503, "UNAVAILABLE"),
    ],
)
def test_a_status_has_the_kind_that_the_provider_gives_it(protocol: ProtocolName, status: int, kind: str) -> None:
    (reply,) = played(protocol, Fault(kind=FaultKind.STATUS, status=status), stream=False)
    assert isinstance(reply, Reply)
    error = json.loads(reply.body)["error"]
    assert kind in (error.get("type"), error.get("status"))


@EACH
def test_a_hint_when_to_retry_is_rounded_up_to_seconds(protocol: ProtocolName) -> None:
    (reply,) = played(protocol, Fault(kind=FaultKind.STATUS, status=429, retry_after_s=1.2), stream=False)
    assert isinstance(reply, Reply)
    assert dict(reply.headers)["retry-after"] == "2"
    if protocol is ProtocolName.GEMINI:
        (detail,) = json.loads(reply.body)["error"]["details"]
        assert detail == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.2s"}


@EACH
@pytest.mark.parametrize("stream", [False, True])
def test_a_hang_sends_nothing(protocol: ProtocolName, stream: bool) -> None:
    assert played(protocol, Fault(kind=FaultKind.HANG), stream=stream) == [Hang(0.0)]


@EACH
@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_comes_before_the_headers(protocol: ProtocolName, stream: bool) -> None:
    assert played(protocol, Fault(kind=FaultKind.RESET), stream=stream) == [Break(0.0, reset=True)]


@EACH
@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_content_type_is_a_page(protocol: ProtocolName, stream: bool) -> None:
    (reply,) = played(protocol, Fault(kind=FaultKind.CONTENT_TYPE), stream=stream)
    assert isinstance(reply, Reply)
    assert (reply.status, dict(reply.headers)["content-type"]) == (200, "text/html; charset=utf-8")


@EACH
def test_a_stream_is_cut_after_so_many_events(protocol: ProtocolName) -> None:
    steps = played(protocol, Fault(kind=FaultKind.DISCONNECT, after_chunks=1), stream=True)
    assert chunks(steps) == plain(protocol)[:1]
    assert isinstance(steps[0], Begin)
    assert steps[-1] == Break(0.0, reset=False)


@EACH
def test_an_answer_in_one_piece_is_cut_in_the_middle(protocol: ProtocolName) -> None:
    steps = played(protocol, Fault(kind=FaultKind.DISCONNECT), stream=False)
    assert [type(step) for step in steps] == [Begin, Chunk, Break]


@EACH
def test_a_truncated_stream_ends_properly_without_its_last_events(protocol: ProtocolName) -> None:
    steps = played(protocol, Fault(kind=FaultKind.TRUNCATE), stream=True)
    assert isinstance(steps[-1], End)
    sent = chunks(steps)
    assert sent == plain(protocol)[: len(sent)]
    ends = (b"[DONE]", b'finish_reason":"', b"message_stop", b"message_delta", b"finishReason")
    assert not [frame for frame in sent if any(end in frame for end in ends)]
    assert any(end in frame for frame in plain(protocol) for end in ends)


@EACH
def test_a_truncated_stream_may_end_earlier(protocol: ProtocolName) -> None:
    assert chunks(played(protocol, Fault(kind=FaultKind.TRUNCATE, after_chunks=1), stream=True)) == plain(protocol)[:1]


@EACH
def test_a_truncated_answer_in_one_piece_is_half_of_its_json(protocol: ProtocolName) -> None:
    (reply,) = played(protocol, Fault(kind=FaultKind.TRUNCATE), stream=False)
    assert isinstance(reply, Reply)
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.body)


@EACH
def test_a_malformed_event_stands_between_good_ones(protocol: ProtocolName) -> None:
    sent = chunks(played(protocol, Fault(kind=FaultKind.MALFORMED, after_chunks=1), stream=True))
    assert [sent[0], *sent[2:]] == plain(protocol)
    with pytest.raises(json.JSONDecodeError):
        list(events_of(sent[1]))


@EACH
def test_a_malformed_answer_in_one_piece_is_not_json(protocol: ProtocolName) -> None:
    (reply,) = played(protocol, Fault(kind=FaultKind.MALFORMED), stream=False)
    assert isinstance(reply, Reply)
    assert reply.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.body)


@EACH
def test_an_error_comes_inside_a_stream_that_began_well(protocol: ProtocolName) -> None:
    fault = Fault(kind=FaultKind.ERROR_EVENT, status=429, after_chunks=1, retry_after_s=3.0)
    steps = played(protocol, fault, stream=True)
    assert isinstance(steps[0], Begin)
    assert steps[0].status == 200
    assert isinstance(steps[-1], End)
    sent = chunks(steps)
    assert len(sent) == 2
    ((name, data),) = events_of(sent[1])
    assert name == ("error" if protocol is ProtocolName.ANTHROPIC else "")
    assert data["error"]["message"]


@EACH
def test_an_error_comes_inside_a_200_in_one_piece(protocol: ProtocolName) -> None:
    (reply,) = played(protocol, Fault(kind=FaultKind.ERROR_EVENT), stream=False)
    assert isinstance(reply, Reply)
    assert reply.status == 200
    assert "error" in json.loads(reply.body)


@EACH
def test_an_empty_answer_has_no_words_and_ends_well(protocol: ProtocolName) -> None:
    (reply,) = played(protocol, Fault(kind=FaultKind.EMPTY), stream=False)
    assert isinstance(reply, Reply)
    assert text_of(protocol, json.loads(reply.body)) == ""
    steps = played(protocol, Fault(kind=FaultKind.EMPTY), stream=True)
    assert isinstance(steps[-1], End)
    assert len(chunks(steps)) >= 1


@EACH
@pytest.mark.parametrize("kind", [FaultKind.DISCONNECT, FaultKind.ERROR_EVENT])
def test_a_fault_beyond_the_end_strikes_at_the_end(protocol: ProtocolName, kind: FaultKind) -> None:
    steps = played(protocol, Fault(kind=kind, after_chunks=10_000), stream=True)
    if kind is FaultKind.DISCONNECT:
        assert isinstance(steps[-1], Break)
    else:
        assert b"error" in chunks(steps)[-1]


SLOW = {"first_token_s": 0.5, "tokens_per_second": 20.0, "jitter": 0.0}


@EACH
def test_tokens_come_at_the_pace_of_the_model(protocol: ProtocolName) -> None:
    served = sandbox(with_profile(**SLOW, chunk_tokens=1), latency_scale=1.0)
    steps = steps_of(served, request_of(protocol, body_of(protocol, PROMPT), stream=True))
    times = [step.at_s for step in steps]
    assert times == sorted(times)
    assert times[0] == 0.5
    content = [
        step for step in steps if isinstance(step, Chunk) and (b"text" in step.data or b'content":"' in step.data)
    ]
    assert content[20].at_s - content[10].at_s == pytest.approx(0.5, abs=0.06)


@EACH
def test_an_answer_in_one_piece_comes_when_its_last_token_would(protocol: ProtocolName) -> None:
    served = sandbox(with_profile(**SLOW), latency_scale=1.0)
    body = body_of(protocol, PROMPT)
    reply = reply_of(served, request_of(protocol, body))
    last = steps_of(served, request_of(protocol, body, stream=True))[-1]
    assert reply.at_s == pytest.approx(last.at_s, abs=0.01)
    assert reply.at_s > 1.0


def test_the_scale_multiplies_all_times() -> None:
    request = request_of(ProtocolName.OPENAI, body_of(ProtocolName.OPENAI, PROMPT))
    profile = with_profile(first_token_s=0.5, jitter=0.3)
    full, tenth = (reply_of(sandbox(profile, latency_scale=scale), request).at_s for scale in (1.0, 0.1))
    assert tenth == pytest.approx(full / 10)


def test_jitter_differs_between_prompts_and_repeats_with_the_seed() -> None:
    def first(prompt: str) -> float:
        request = request_of(ProtocolName.OPENAI, body_of(ProtocolName.OPENAI, prompt), stream=True)
        return steps_of(sandbox(with_profile(jitter=0.3), latency_scale=1.0), request)[0].at_s

    assert first("a") == first("a")
    assert len({first(str(number)) for number in range(10)}) == 10


def test_reasoning_delays_the_first_token() -> None:
    request = request_of(ProtocolName.OPENAI, body_of(ProtocolName.OPENAI, PROMPT), stream=True)
    steps = steps_of(sandbox(with_profile(**SLOW, reasoning_tokens=100), latency_scale=1.0), request)
    assert steps[0].at_s > 2.0


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_first_byte_delays_everything(stream: bool) -> None:
    request = request_of(ProtocolName.OPENAI, body_of(ProtocolName.OPENAI, PROMPT), stream=stream)
    served = sandbox(with_profile(**SLOW), latency_scale=1.0)
    before = [step.at_s for step in steps_of(served, request)]
    served.arm((Fault(kind=FaultKind.SLOW_FIRST_BYTE, delay_s=30.0),))
    assert [step.at_s for step in steps_of(served, request)] == pytest.approx([at + 30.0 for at in before])


def test_events_may_hold_more_tokens() -> None:
    one, many = (
        len(
            frames_of(
                sandbox(replace(with_profile(), chunk_tokens=size)),
                request_of(ProtocolName.OPENAI, body_of(ProtocolName.OPENAI, PROMPT), stream=True),
            )
        )
        for size in (1, 10)
    )
    assert one > 5 * many
