"""Streamed answers over the wire."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message

from tests.support.planes import (
    DECISION_ID,
    Gate,
    Planes,
    Sent,
    decided,
    delta,
    finish,
    receipt,
    streaming,
    thinking_delta,
    tool_call_delta,
    used,
)
from turnout.inference.v1 import inference_pb2
from turnout_client import (
    Client,
    DeadlineExceeded,
    DecisionRefused,
    Delta,
    Event,
    Finish,
    FinishReason,
    StreamBroken,
    Thinking,
    ThinkingDelta,
    Throttled,
    ToolCallDelta,
    Unavailable,
    Usage,
)
from turnout_client.messages import message
from turnout_wire.failure import Failure
from turnout_wire.server import Call
from turnout_wire.status import to_status


def broke_off(reason: str, message: str = "the provider cut the stream") -> Sent:
    """A terminal error event with what was used so far."""
    failure = Failure(reason, message, retry_after=timedelta(seconds=2))
    return Sent(error=inference_pb2.StreamError(status=to_status(failure), receipt=receipt(succeeded=False)))


async def test_events_come_typed_and_in_order(both: Planes, turnout: Client) -> None:
    events = [event async for event in turnout.chat_stream("Why is the sky blue?")]
    assert events[:2] == [Delta(text="Bl"), Delta(text="ue.")]
    assert events[2] == Usage(input_tokens=12, output_tokens=5)
    assert isinstance(events[3], Finish)
    assert events[3].reason is FinishReason.STOP
    assert events[3].receipt.worker == "worker-1"


async def test_the_stream_knows_its_decision_and_at_the_end_its_answer(both: Planes, turnout: Client) -> None:
    async with turnout.chat_stream("Why is the sky blue?") as stream:
        assert stream.decision.model == "gpt-4o-mini"
        with pytest.raises(RuntimeError, match="not whole"):
            _ = stream.answer
        async for _ in stream:
            pass
    assert stream.answer.text == stream.text == "Blue."
    assert stream.answer.model == "claude-haiku"
    assert stream.answer.usage.output_tokens == 5
    assert stream.answer.cost_nanousd == 1_250_000


async def test_nothing_is_decided_before_the_stream_is_read(turnout: Client) -> None:
    stream = turnout.chat_stream("Why is the sky blue?")
    with pytest.raises(RuntimeError, match="nothing is decided"):
        _ = stream.decision
    await stream.aclose()


async def test_the_decision_is_there_before_the_worker_answers(both: Planes, turnout: Client) -> None:
    gate = Gate(streaming(delta("Blue."), finish()))
    both.worker.script.then("StreamGenerate", gate)
    async with turnout.chat_stream("Why is the sky blue?") as stream:
        assert stream.decision.decision_id == DECISION_ID
        gate.go.set()
        assert await anext(stream) == Delta(text="Blue.")


async def test_chunks_come_as_they_are_sent(both: Planes, turnout: Client) -> None:
    second = asyncio.Event()

    async def paced(_: Any, call: Call) -> None:
        await call.send(delta("Bl"))
        await second.wait()
        await call.send(delta("ue."))
        await call.send(finish())

    both.worker.script.then("StreamGenerate", paced)
    async with turnout.chat_stream("Why is the sky blue?") as stream:
        assert await anext(stream) == Delta(text="Bl")
        second.set()
        assert await anext(stream) == Delta(text="ue.")


async def test_tool_calls_are_put_together(both: Planes, turnout: Client) -> None:
    parts = [
        tool_call_delta(0, '{"city":', id="call_a", name="weather"),
        tool_call_delta(1, "{}", id="call_b", name="time"),
        tool_call_delta(0, ' "Oslo"}'),
        finish(),
    ]
    both.worker.script.then("StreamGenerate", streaming(*parts))
    decision = await turnout.decide("How is the weather?")
    async with turnout.stream(decision) as stream:
        assert isinstance(await anext(stream), ToolCallDelta)
        async for _ in stream:
            pass
    first, second = stream.answer.tool_calls
    assert (first.id, first.name, first.parsed()) == ("call_a", "weather", {"city": "Oslo"})
    assert (second.id, second.parsed()) == ("call_b", {})


async def test_thinking_is_put_together_and_goes_back_with_the_next_turn(both: Planes, turnout: Client) -> None:
    parts = [
        thinking_delta("h"),
        thinking_delta("m"),
        thinking_delta(signature=b"s"),
        thinking_delta("and"),
        delta("Blue."),
        finish(),
    ]
    both.worker.script.then("StreamGenerate", streaming(*parts))
    async with turnout.chat_stream("Why is the sky blue?") as stream:
        assert await anext(stream) == ThinkingDelta(text="h", protocol="anthropic")
        async for _ in stream:
            pass
    first, second = stream.answer.thinking
    assert first == Thinking(text="hm", signature=b"s", protocol="anthropic")
    assert (second.text, second.signature) == ("and", b"")
    again = message(stream.answer.message, "messages[0]")
    assert [part.WhichOneof("kind") for part in again.parts] == ["thinking", "thinking", "text"]
    assert (again.parts[0].thinking.text, again.parts[0].thinking.signature) == ("hm", b"s")


async def test_an_error_event_after_content_breaks_the_stream_with_what_came(both: Planes, turnout: Client) -> None:
    both.worker.script.then("StreamGenerate", streaming(delta("Bl"), used(1), broke_off("STREAM_BROKEN")))
    stream = turnout.chat_stream("Why is the sky blue?")
    assert await anext(stream) == Delta(text="Bl")
    with pytest.raises(StreamBroken) as broken:
        _ = [event async for event in stream]
    assert (broken.value.text, broken.value.reason) == ("Bl", "STREAM_BROKEN")
    assert broken.value.usage == Usage(input_tokens=12, output_tokens=1)
    assert broken.value.receipt is not None
    assert broken.value.receipt.cost_nanousd == 1_250_000
    assert broken.value.decision_id == DECISION_ID
    assert len(both.worker.script.of("StreamGenerate")) == 1


async def test_a_broken_stream_says_why_and_takes_usage_from_the_receipt(both: Planes, turnout: Client) -> None:
    both.worker.script.then("StreamGenerate", streaming(delta("Bl"), broke_off("PROVIDER_THROTTLED")))
    with pytest.raises(StreamBroken) as broken:
        _ = [event async for event in turnout.chat_stream("Why is the sky blue?")]
    assert broken.value.reason == "PROVIDER_THROTTLED"
    assert broken.value.retry_after == timedelta(seconds=2)
    assert isinstance(broken.value.__cause__, Throttled)
    assert broken.value.usage == Usage(input_tokens=12, output_tokens=5)


async def test_a_stream_without_a_terminal_event_was_cut(both: Planes, turnout: Client) -> None:
    both.worker.script.then("StreamGenerate", streaming(delta("Bl"), delta("ue")))
    with pytest.raises(StreamBroken, match="without a terminal event") as broken:
        _ = [event async for event in turnout.chat_stream("Why is the sky blue?")]
    assert broken.value.text == "Blue"


async def test_even_an_empty_stream_needs_a_terminal_event(both: Planes, turnout: Client) -> None:
    both.worker.script.then("StreamGenerate", streaming())
    with pytest.raises(StreamBroken, match="without a terminal event"):
        _ = [event async for event in turnout.chat_stream("Why is the sky blue?")]


async def test_a_failure_before_content_has_the_class_of_its_reason(both: Planes, turnout: Client) -> None:
    both.worker.script.then("StreamGenerate", Failure("PROVIDER_THROTTLED", "too many requests"))
    with pytest.raises(Throttled):
        _ = [event async for event in turnout.chat_stream("Why is the sky blue?")]


async def test_a_connection_that_breaks_after_content_is_not_retried(both: Planes, turnout: Client) -> None:
    async def cut(_: Any, call: Call) -> None:
        await call.send(delta("Bl"))
        await asyncio.Event().wait()

    both.worker.script.then("StreamGenerate", cut)
    async with turnout.chat_stream("Why is the sky blue?") as stream:
        await anext(stream)
        await both.worker.stop()
        with pytest.raises(StreamBroken) as broken:
            await anext(stream)
    assert (broken.value.text, broken.value.reason) == ("Bl", "UNREACHABLE")
    assert isinstance(broken.value.__cause__, Unavailable)
    assert len(both.worker.script.of("StreamGenerate")) == 1


async def test_time_that_is_over_after_content_breaks_the_stream(both: Planes, turnout: Client) -> None:
    async def slow(_: Any, call: Call) -> None:
        await call.send(delta("Bl"))
        await asyncio.Event().wait()

    both.worker.script.then("StreamGenerate", slow)
    with pytest.raises(StreamBroken) as broken:
        _ = [event async for event in turnout.chat_stream("Why is the sky blue?", timeout=2)]
    assert broken.value.reason == "DEADLINE_EXCEEDED"
    assert isinstance(broken.value.__cause__, DeadlineExceeded)


async def test_a_decision_that_grew_too_old_is_made_anew_before_the_stream_begins(
    both: Planes, turnout: Client
) -> None:
    other = DECISION_ID.replace("0001", "0002")
    both.control.script.then(
        "DecideRoute", lambda asked, _: decided(asked), lambda asked, _: decided(asked, decision_id=other)
    )
    both.worker.script.then("StreamGenerate", Failure("DECISION_EXPIRED", "too old"))
    async with turnout.chat_stream("Why is the sky blue?") as stream:
        assert stream.decision.decision_id == DECISION_ID
        async for _ in stream:
            pass
    assert stream.answer.text == "Blue."
    assert stream.answer.decision_id == other


async def test_a_decision_that_is_always_too_old_ends_the_stream(both: Planes, turnout: Client) -> None:
    expired = Failure("DECISION_EXPIRED", "too old")
    both.worker.script.then("StreamGenerate", expired, expired, expired)
    with pytest.raises(DecisionRefused):
        _ = [event async for event in turnout.chat_stream("Why is the sky blue?")]
    assert len(both.worker.script.of("StreamGenerate")) == 2


async def test_the_call_is_over_when_finish_is_handed_on(both: Planes, turnout: Client) -> None:
    gate = Gate(lambda *_: None)

    async def careful(request: Any, call: Call) -> Message | None:
        await call.send(finish())
        return await gate(request, call)

    both.worker.script.then("StreamGenerate", careful)
    asyncio.get_running_loop().call_later(0.05, gate.go.set)
    async for event in turnout.chat_stream("Why is the sky blue?"):
        assert isinstance(event, Finish)
        assert gate.go.is_set()
        break
    assert not gate.cancelled.is_set()


def _by_leaving_the_block(stream: Any) -> Awaitable[None]:
    async def leave() -> None:
        async with stream:
            await anext(stream)

    return leave()


def _by_closing(stream: Any) -> Awaitable[None]:
    async def close() -> None:
        await anext(stream)
        await stream.aclose()

    return close()


def _by_breaking_the_loop(stream: Any) -> Awaitable[None]:
    async def leave(events: AsyncIterator[Event]) -> None:
        async for _ in events:
            break

    return leave(stream)


@pytest.mark.parametrize("stop", [_by_leaving_the_block, _by_closing, _by_breaking_the_loop])
async def test_a_stream_that_nobody_reads_on_is_cancelled(
    both: Planes, turnout: Client, stop: Callable[[Any], Awaitable[None]]
) -> None:
    gate = Gate(lambda *_: None)

    async def endless(request: Any, call: Call) -> Message | None:
        await call.send(delta("Bl"))
        return await gate(request, call)

    both.worker.script.then("StreamGenerate", endless)
    await stop(turnout.chat_stream("Why is the sky blue?"))
    async with asyncio.timeout(60):
        await gate.cancelled.wait()


async def test_an_event_of_a_kind_that_is_not_known_is_passed_over(both: Planes, turnout: Client) -> None:
    both.worker.script.then("StreamGenerate", streaming(delta("Blue."), Sent(), finish()))
    events = [type(event) async for event in turnout.chat_stream("Why is the sky blue?")]
    assert events == [Delta, Finish]
