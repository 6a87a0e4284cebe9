"""Streams that are passed on as they came."""

import json

import pytest

from dataplane.chat.model import Finished, FinishReason, TextDelta, Told, Usage, UsageReport, Verbatim
from dataplane.gateway.model import Problem
from dataplane.gateway.openai.completions import ChatCompletions
from dataplane.gateway.openai.completions_stream import CompletionWriter
from dataplane.gateway.openai.responses import Responses
from tests.support.faces import received
from tests.support.openai_gateway import USAGE, answering

STOP = Finished(reason=FinishReason.STOP)
BROKEN = Problem(reason="STREAM_BROKEN", message="it broke off")
TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}],"usage":null}\n\n'
COUNT = b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n'
DONE = b"data: [DONE]\n\n"
REPORT = UsageReport(usage=Usage())


def writer(*, include_usage: bool) -> CompletionWriter:
    options = {"stream_options": {"include_usage": include_usage}}
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], "stream": True, **options}
    return ChatCompletions().writer(answering(ChatCompletions().read(received(body))))


def passed(*, include_usage: bool, events: list[tuple[bytes, tuple[Told, ...]]]) -> bytes:
    to = writer(include_usage=include_usage)
    said = b"".join(to.content(Verbatim(data=data, tells=tells)) for data, tells in events)
    return said + to.end(STOP, USAGE)


EVENTS: list[tuple[bytes, tuple[Told, ...]]] = [
    (TEXT, (TextDelta(text="x"),)),
    (b": ping\n\n", ()),
    (COUNT, (REPORT,)),
    (DONE, (STOP,)),
]


def test_a_caller_that_wants_usage_gets_every_byte() -> None:
    assert passed(include_usage=True, events=EVENTS) == TEXT + b": ping\n\n" + COUNT + DONE


def test_usage_that_nobody_asked_for_is_withheld() -> None:
    assert passed(include_usage=False, events=EVENTS) == TEXT + b": ping\n\n" + DONE


def test_usage_in_events_that_came_at_once_is_withheld_too() -> None:
    at_once = [(TEXT + COUNT + DONE, (TextDelta(text="x"), REPORT, STOP))]
    assert passed(include_usage=False, events=list(at_once)) == TEXT + DONE
    assert passed(include_usage=True, events=list(at_once)) == TEXT + COUNT + DONE


def test_a_stream_of_a_server_that_never_says_done_is_ended() -> None:
    assert passed(include_usage=False, events=EVENTS[:1]) == TEXT + DONE


def test_a_stream_that_breaks_off_ends_with_an_error_alone() -> None:
    to = writer(include_usage=False)
    to.content(Verbatim(data=TEXT, tells=(TextDelta(text="x"),)))
    assert json.loads(to.fail(BROKEN).removeprefix(b"data: "))["error"]["message"] == "it broke off"


@pytest.mark.parametrize("begun", [True, False])
def test_a_response_that_breaks_off_fails_by_its_own_id_and_numbers(begun: bool) -> None:
    to = Responses().writer(answering(Responses().read(received({"model": "auto", "input": "Hi", "stream": True}))))
    created = json.dumps({"type": "response.created", "response": {"id": "resp_1", "model": "m"}, "sequence_number": 0})
    delta = '{"type":"response.output_text.delta","delta":"\\"sequence_number\\":9","sequence_number": 41}'
    said = f"event: response.created\ndata: {created if begun else 'nonsense'}\n\n".encode()
    assert to.content(Verbatim(data=said)) == said
    to.content(Verbatim(data=f"data: {delta}\n\n".encode(), tells=(TextDelta(text="x"),)))
    told = [json.loads(line[6:]) for line in to.fail(BROKEN).splitlines() if line.startswith(b"data: ")]
    assert [event["sequence_number"] for event in told] == [42, 43]
    assert [event["type"] for event in told] == ["error", "response.failed"]
    assert told[1]["response"]["id"] == ("resp_1" if begun else "resp_0190aa")
    assert told[1]["response"]["status"] == "failed"


def test_a_response_that_was_passed_on_is_not_ended_twice() -> None:
    to = Responses().writer(answering(Responses().read(received({"model": "auto", "input": "Hi", "stream": True}))))
    to.content(Verbatim(data=b"event: response.completed\ndata: {}\n\n", tells=(STOP,)))
    assert to.end(STOP, USAGE) == b""
