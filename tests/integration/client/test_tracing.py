"""One trace: the caller's span, chat, and what both planes do for it."""

from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer, format_span_id, format_trace_id

from tests.support.planes import DECISION_ID, TOKEN, Planes, planes
from turnout_client import Client, StreamBroken, Throttled
from turnout_wire.failure import Failure
from turnout_wire.server import Call
from turnout_wire.telemetry import RpcTelemetry, Telemetry

PROMPT = "Why is the sky so very blue above Trondheim?"


class Recorded:
    """A tracer and the spans that it ended."""

    def __init__(self) -> None:
        self._memory = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._memory))
        self.tracer: Tracer = provider.get_tracer("test")

    def named(self, name: str) -> ReadableSpan:
        """The one span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """All ended spans."""
        return self._memory.get_finished_spans()


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


def client(running: Planes, recorded: Recorded) -> Client:
    """A client whose spans are recorded."""
    return Client(control=running.control.address, workers=running.addresses, token=TOKEN, tracer=recorded.tracer)


def sent_parent(seen: Any) -> tuple[str, str]:
    """Trace and span that a call said it belongs to."""
    _, trace_id, span_id, _ = seen.metadata["traceparent"].split("-")
    return trace_id, span_id


def ids(span: ReadableSpan) -> tuple[str, str]:
    """Trace and span id in hex."""
    return format_trace_id(span.context.trace_id), format_span_id(span.context.span_id)


async def test_both_calls_of_a_chat_are_children_of_one_span(recorded: Recorded) -> None:
    async with planes() as running, client(running, recorded) as turnout:
        with recorded.tracer.start_as_current_span("caller"):
            await turnout.chat(PROMPT)
        chat, caller = recorded.named("turnout.chat"), recorded.named("caller")
        assert chat.parent is not None
        assert chat.parent.span_id == caller.context.span_id
        assert sent_parent(running.control.script.of("DecideRoute")[0]) == ids(chat)
        assert sent_parent(running.worker.script.of("Generate")[0]) == ids(chat)
        assert chat.kind is SpanKind.INTERNAL
        assert chat.attributes == {"turnout.decision.id": DECISION_ID}


async def test_the_servers_spans_become_children_over_the_wire(recorded: Recorded) -> None:
    layer = RpcTelemetry(Telemetry(tracer=recorded.tracer, enabled=True))
    async with planes(extra=(layer,)) as running, client(running, recorded) as turnout:
        await turnout.chat(PROMPT)
        _ = [event async for event in turnout.chat_stream(PROMPT)]
    chats = {span.context.span_id for span in recorded.spans if span.name == "turnout.chat"}
    servers = [span for span in recorded.spans if span.kind is SpanKind.SERVER]
    assert len(chats) == 2
    assert sorted(span.name.rpartition("/")[2] for span in servers) == [
        "DecideRoute",
        "DecideRoute",
        "Generate",
        "StreamGenerate",
    ]
    assert {span.parent.span_id for span in servers if span.parent} == chats


async def test_single_calls_belong_to_the_callers_span(recorded: Recorded) -> None:
    async with planes() as running, client(running, recorded) as turnout:
        with recorded.tracer.start_as_current_span("caller"):
            decision = await turnout.decide(PROMPT)
            await turnout.generate(decision)
        caller = recorded.named("caller")
        assert sent_parent(running.control.script.of("DecideRoute")[0]) == ids(caller)
        assert sent_parent(running.worker.script.of("Generate")[0]) == ids(caller)
        assert [span.name for span in recorded.spans] == ["caller"]


async def test_a_streamed_chat_has_its_span_until_it_ends(recorded: Recorded) -> None:
    async with planes() as running, client(running, recorded) as turnout:
        async with turnout.chat_stream(PROMPT) as stream:
            await anext(stream)
            assert not recorded.spans
            async for _ in stream:
                pass
        chat = recorded.named("turnout.chat")
        assert sent_parent(running.worker.script.of("StreamGenerate")[0]) == ids(chat)
        assert chat.status.status_code is StatusCode.UNSET


async def test_a_failure_is_on_the_span_by_its_reason(recorded: Recorded) -> None:
    async with planes() as running, client(running, recorded) as turnout:
        running.worker.script.then("Generate", Failure("PROVIDER_THROTTLED", "too many requests"))
        with pytest.raises(Throttled):
            await turnout.chat(PROMPT)
        chat = recorded.named("turnout.chat")
        assert chat.attributes == {"turnout.decision.id": DECISION_ID, "error.type": "PROVIDER_THROTTLED"}
        assert chat.status.status_code is StatusCode.ERROR


async def test_a_broken_stream_is_on_the_span(recorded: Recorded) -> None:
    async def cut(_: Any, call: Call) -> None:
        return None

    async with planes() as running, client(running, recorded) as turnout:
        running.worker.script.then("StreamGenerate", cut)
        with pytest.raises(StreamBroken):
            _ = [event async for event in turnout.chat_stream(PROMPT)]
    assert (recorded.named("turnout.chat").attributes or {})["error.type"] == "STREAM_BROKEN"


async def test_nothing_of_the_text_or_the_token_is_on_a_span(recorded: Recorded) -> None:
    async with planes() as running, client(running, recorded) as turnout:
        await turnout.chat(PROMPT)
    told = recorded.named("turnout.chat").to_json()
    assert PROMPT not in told
    assert TOKEN not in told


async def test_without_an_sdk_no_trace_context_is_sent(both: Planes, turnout: Client) -> None:
    await turnout.chat(PROMPT)
    assert "traceparent" not in both.control.script.seen[0].metadata
    assert "traceparent" not in both.worker.script.seen[0].metadata
