"""What HttpProvider makes of answers, whatever the transport is."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dataplane.chat.model import ChatRequest, Image, Role, TextDelta
from dataplane.provider import reading
from dataplane.provider.http_provider import ADAPTERS, CAUSES
from dataplane.provider.model import Call, CallFailure, Verdict
from dataplane.provider.transport import Limits, Trouble
from dataplane.snapshot.model import Timeouts, WireProtocol
from tests.support.calls import HELLO, call_of, says
from tests.support.recordings import PlayedTransport, collect, outcome, provider_of

OPENAI = WireProtocol.OPENAI
JSON, EVENTS = "application/json; charset=utf-8", "text/event-stream; charset=utf-8"
DELTA = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
whole_and_streamed = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])


def transport(body: bytes, content_type: str = JSON, *, status: int = 200, **headers: str) -> PlayedTransport:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return PlayedTransport(status, {"content-type": content_type, "x-request-id": "req_9", **named}, body)


async def failure_of(played: PlayedTransport, call: Call, *, streaming: bool) -> CallFailure:
    with pytest.raises(CallFailure) as caught:
        await outcome(provider_of(played), call, streaming=streaming)
    assert played.reply is None or played.reply.closed
    return caught.value


@whole_and_streamed
@pytest.mark.parametrize("protocol", list(WireProtocol))
async def test_an_error_body_under_status_200_is_no_success(protocol: WireProtocol, streaming: bool) -> None:
    body = json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}).encode()
    failure = await failure_of(transport(body), call_of(protocol), streaming=streaming)
    assert (failure.verdict, failure.error, failure.http_status) == (Verdict.THROTTLED, "overloaded", 200)
    assert failure.provider_request_id == "req_9"


@whole_and_streamed
@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"<html>hello</html>", "text/html"), (b"", JSON), (b"{", JSON), (b"\xff", JSON), (b"NaN", JSON), (b"null", JSON)],
)
@pytest.mark.parametrize("protocol", list(WireProtocol))
async def test_an_answer_of_the_wrong_kind_is_malformed(
    protocol: WireProtocol, streaming: bool, body: bytes, content_type: str
) -> None:
    failure = await failure_of(transport(body, content_type), call_of(protocol), streaming=streaming)
    assert (failure.verdict, failure.error, failure.http_status) == (Verdict.FAILED, "malformed", 200)


@whole_and_streamed
async def test_a_good_answer_of_the_other_kind_is_malformed(streaming: bool) -> None:
    whole = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
    body, kind = (whole, JSON) if streaming else (DELTA + b"data: [DONE]\n\n", EVENTS)
    failure = await failure_of(transport(body, kind), call_of(OPENAI), streaming=streaming)
    assert failure.error == "malformed"


@pytest.mark.parametrize("protocol", list(WireProtocol))
async def test_an_empty_stream_is_cut(protocol: WireProtocol) -> None:
    played = transport(b"", ADAPTERS[protocol].stream_type)
    failure = await failure_of(played, call_of(protocol), streaming=True)
    assert (failure.verdict, failure.error) == (Verdict.FAILED, "stream_cut")


@pytest.mark.parametrize(
    ("fault", "error"),
    [(b"data: {\n\n", "malformed"), (b'data: {"error":{"message":"no"}}\n\n', "error_event"), (b"", "stream_cut")],
)
async def test_what_came_before_a_fault_in_the_same_packet_is_told(fault: bytes, error: str) -> None:
    told: list[Any] = []
    with pytest.raises(CallFailure) as caught:
        await collect(provider_of(transport(DELTA + fault, EVENTS)).stream(call_of(OPENAI)), told)
    assert told == [TextDelta(text="hi")]
    assert caught.value.error == error


async def test_nothing_is_told_after_the_end() -> None:
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    told: list[Any] = []
    await collect(provider_of(transport(DELTA + end + DELTA, EVENTS)).stream(call_of(OPENAI)), told)
    assert len(told) == 2


async def test_an_answer_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ANSWER_BYTES", 100)
    failure = await failure_of(transport(b" " * 101), call_of(OPENAI), streaming=False)
    assert (failure.verdict, failure.error) == (Verdict.FAILED, "malformed")


@whole_and_streamed
@pytest.mark.parametrize(("kind", "message"), [("text/plain", "busy"), ("text/html", "")])
async def test_an_error_in_plain_words_is_told_and_a_page_is_not(streaming: bool, kind: str, message: str) -> None:
    failure = await failure_of(transport(b"busy", kind, status=502), call_of(OPENAI), streaming=streaming)
    assert (failure.error, failure.message) == ("http_502", message)


@whole_and_streamed
async def test_an_error_that_repeats_the_credential_does_not_tell_it(streaming: bool) -> None:
    body = json.dumps({"error": {"message": "key secret is wrong", "code": "invalid_api_key"}}).encode()
    failure = await failure_of(transport(body, status=401), call_of(OPENAI), streaming=streaming)
    assert "secret" not in failure.message + str(failure.args)


@pytest.mark.parametrize("credential", ["a\nb", "a\r", "ключ", "a\x00"])
@whole_and_streamed
async def test_a_credential_that_no_header_can_carry_is_not_sent_and_not_told(streaming: bool, credential: str) -> None:
    played = transport(b"")
    failure = await failure_of(played, replace(call_of(OPENAI), credential=credential), streaming=streaming)
    assert (failure.verdict, failure.error, failure.unsent) == (Verdict.MISCONFIGURED, "credential", True)
    assert credential not in failure.message
    assert played.url == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
async def test_a_setting_that_is_no_json_is_the_caller_s_mistake(value: float) -> None:
    request = replace(HELLO, provider_options={"openai": {"x": value}})
    failure = await failure_of(transport(b""), call_of(OPENAI, request), streaming=False)
    assert (failure.verdict, failure.error, failure.unsent) == (Verdict.IGNORED, "bad_request", True)


@pytest.mark.parametrize(
    ("request_", "verdict"),
    [
        (HELLO, Verdict.MISCONFIGURED),
        (ChatRequest(messages=(says(Role.USER, Image(url="https://x/y")),)), Verdict.IGNORED),
        (replace(HELLO, provider_options={"openai": {"container": "x"}}), Verdict.IGNORED),
        (replace(HELLO, provider_options={"other": {"container": "x"}}), Verdict.MISCONFIGURED),
    ],
)
async def test_a_404_is_ours_unless_the_caller_named_something(request_: ChatRequest, verdict: Verdict) -> None:
    failure = await failure_of(transport(b"{}", status=404), call_of(OPENAI, request_), streaming=False)
    assert failure.verdict is verdict


@pytest.mark.parametrize(
    ("streaming", "limits"),
    [
        (True, Limits(connect=1, first_byte=2, between_chunks=3, total=4)),
        (False, Limits(connect=1, first_byte=4, between_chunks=3, total=4)),
    ],
)
async def test_the_deployment_s_time_limits_are_passed_on(streaming: bool, limits: Limits) -> None:
    seconds = [timedelta(seconds=number) for number in (1, 2, 3, 4)]
    timeouts = Timeouts(connect=seconds[0], first_token=seconds[1], between_chunks=seconds[2], total=seconds[3])
    played = transport(b"")
    call = call_of(OPENAI, timeouts=timeouts)
    await failure_of(played, call, streaming=streaming)
    assert played.limits == limits
    await failure_of(played, replace(call, total=timedelta(seconds=1.5)), streaming=streaming)
    assert played.limits is not None
    assert played.limits.total == 1.5


def test_every_protocol_and_every_trouble_is_in_its_table() -> None:
    assert set(ADAPTERS) == set(WireProtocol)
    assert set(CAUSES) == set(Trouble)
