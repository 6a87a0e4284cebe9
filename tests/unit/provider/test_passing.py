"""Streams that are passed on as they came."""

import json

import pytest

from dataplane.chat.model import Finished, TextDelta, UsageReport, Verbatim
from dataplane.provider.http_provider import ADAPTERS
from dataplane.provider.model import CallFailure
from dataplane.provider.passing import verbatim
from dataplane.snapshot.model import WireProtocol
from tests.support.calls import call_of

OPENAI = ADAPTERS[WireProtocol.OPENAI]
DONE = b"data: [DONE]\n\n"


def chunk(text: str = "", *, reason: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    """An event of a chat completion."""
    choices = [] if usage else [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": reason}]
    value = {"id": "1", "model": "m", "choices": choices, **({"usage": usage} if usage else {})}
    return f"data: {json.dumps(value)}\n\n".encode()


USAGE = chunk(usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})


def passed(*reads: bytes) -> list[list[Verbatim]]:
    """What each read of the network brings."""
    call = call_of(WireProtocol.OPENAI)
    reader, decoder = OPENAI.reader(call), OPENAI.decoder()
    return [[each for each in verbatim(reader, decoder, read) if isinstance(each, Verbatim)] for read in reads]


def test_what_came_together_goes_on_together_and_what_came_alone_alone() -> None:
    one, two, three = chunk("one"), chunk("two"), chunk("three")
    first, rest = passed(one, two + three)
    assert [each.data for each in first] == [one], "nothing waits for what comes behind it"
    assert [each.data for each in rest] == [two + three]
    assert rest[0].tells == (TextDelta(text="two"), TextDelta(text="three"))


def test_usage_and_the_end_stand_apart() -> None:
    text, last = chunk("one"), chunk(reason="stop")
    ((said, counted, end),) = passed(text + last + USAGE + DONE)
    assert (said.data, counted.data, end.data) == (text + last, USAGE, DONE)
    assert [type(each) for each in (*counted.tells, *end.tells)] == [UsageReport, Finished]


def test_half_an_event_waits_for_its_other_half() -> None:
    whole = chunk("one")
    assert [[each.data for each in read] for read in passed(whole[:20], whole[20:])] == [[], [whole]]


def test_what_came_before_a_fault_is_given_before_it_is_raised() -> None:
    reader, decoder = OPENAI.reader(call_of(WireProtocol.OPENAI)), OPENAI.decoder()
    told = verbatim(reader, decoder, chunk("one") + b"data: {\n\n")
    first = next(told)
    assert isinstance(first, Verbatim)
    assert first.data == chunk("one")
    with pytest.raises(CallFailure, match="no JSON"):
        next(told)
