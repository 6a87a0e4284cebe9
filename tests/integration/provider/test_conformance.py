"""What every kind of provider must do, whatever its protocol and dialect: over real sockets, against the sandbox."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dataplane.chat.model import (
    ChatRequest,
    ChatResponse,
    Effort,
    Finished,
    FinishReason,
    FormatKind,
    Image,
    Message,
    Reasoning,
    ResponseFormat,
    Role,
    StreamEvent,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    Tool,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
    UsageReport,
)
from dataplane.gateway.body import members
from dataplane.provider import sandbox
from dataplane.provider.address import read_network
from dataplane.provider.aiohttp_transport import AiohttpTransport
from dataplane.provider.fit import losses
from dataplane.provider.http_provider import ADAPTERS, HttpProvider
from dataplane.provider.json_text import parse, write
from dataplane.provider.model import Call, CallFailure, Endpoint, Original, ProviderResponse, Verdict
from dataplane.provider.sandbox import Fault, FaultKind, ModelProfile, SandboxConfig, SandboxServer, Settings
from tests.support.extraction import said_by, said_by_events
from tests.support.kinds import KINDS, Kind
from tests.support.recordings import collect, outcome

PROFILE = ModelProfile(quality=1.0, jitter=0.0)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool(name="get_weather", description="Weather of a city", parameters=SCHEMA)
CLOCK = Tool(name="get_time", parameters=SCHEMA)
LOOPBACK = (read_network("127.0.0.0/8"),)

each_kind = pytest.mark.parametrize("kind", list(KINDS.values()), ids=list(KINDS))
PROTOCOLS = ("openai", "azure deployment", "anthropic", "gemini", "bedrock api key", "bedrock aws keys")
each_protocol = pytest.mark.parametrize("kind", [KINDS[name] for name in PROTOCOLS], ids=PROTOCOLS)
"""What depends on the protocol, and not on the dialect."""
whole_and_streamed = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])


def asking(text: str, *before: Message, **settings: object) -> ChatRequest:
    """A request whose last turn is `text`."""
    asked = Message(role=Role.USER, parts=(Text(text=text),))
    return replace(ChatRequest(messages=(*before, asked)), **settings)  # type: ignore[arg-type]


HELLO = asking("Explain step by step why a turnout needs a frog.")


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    models = {kind.model: PROFILE for kind in KINDS.values()}
    thinkers = {kind.reasons: replace(PROFILE, reasoning_tokens=20) for kind in KINDS.values() if kind.reasons}
    config = SandboxConfig(settings=Settings(latency_scale=0.0, seed=7), models={**models, **thinkers})
    async with sandbox.serve(config) as running:
        yield running


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    """One for all: to load the authorities takes longer than a test."""
    return ssl.create_default_context()


@pytest.fixture
async def provider(tls: ssl.SSLContext) -> AsyncIterator[HttpProvider]:
    async with AiohttpTransport(allowed=LOOPBACK, tls=tls) as transport, asyncio.timeout(60):
        yield HttpProvider(transport, now=lambda: datetime.now(UTC))


async def whole(provider: HttpProvider, call: Call) -> ChatResponse:
    return (await provider.generate(call)).response


async def streamed(provider: HttpProvider, call: Call) -> list[StreamEvent]:
    return [event async for event in provider.stream(call)]


async def failure_of(provider: HttpProvider, call: Call, *, streaming: bool) -> CallFailure:
    with pytest.raises(CallFailure) as caught:
        await outcome(provider, call, streaming=streaming)
    return caught.value


def strike(server: SandboxServer, kind: FaultKind, **how: object) -> None:
    server.set_faults(Fault(id="f", kind=kind, **how))  # type: ignore[arg-type]


def possible(kind: Kind, request: ChatRequest) -> bool:
    return not losses(request, kind.deployment("http://x")).impossible


# --- answers -----------------------------------------------------------------------------------------------


@each_kind
async def test_a_stream_says_what_the_whole_answer_says(
    kind: Kind, server: SandboxServer, provider: HttpProvider
) -> None:
    call = kind.call(server.address, HELLO)
    answer, events = said_by(await whole(provider, call)), said_by_events(await streamed(provider, call))
    assert len(answer.text) > 40
    assert (events.text, events.finish) == (answer.text, answer.finish)
    # Mistral tells usage unasked; the sandbox waits to be asked.
    assert events.usage == (None if kind.provider == "mistral" else answer.usage)
    assert answer.finish is FinishReason.STOP
    assert answer.usage is not None
    assert answer.usage.output_tokens > 5
    assert answer.usage.input_tokens > 5


@each_kind
async def test_pieces_come_one_by_one_and_the_end_last(
    kind: Kind, server: SandboxServer, provider: HttpProvider
) -> None:
    events = await streamed(provider, kind.call(server.address, HELLO))
    assert len([event for event in events if isinstance(event, TextDelta)]) > 3
    assert isinstance(events[-1], Finished)
    assert any(isinstance(event, UsageReport) for event in events) or kind.provider == "mistral"


@each_kind
async def test_the_limit_ends_the_answer(kind: Kind, server: SandboxServer, provider: HttpProvider) -> None:
    answer = await whole(provider, kind.call(server.address, HELLO, limit=5))
    assert answer.finish_reason is FinishReason.LENGTH
    assert answer.usage is not None
    assert answer.usage.output_tokens == 5


@each_kind
async def test_a_stop_sequence_ends_the_answer_before_it(
    kind: Kind, server: SandboxServer, provider: HttpProvider
) -> None:
    full = said_by(await whole(provider, kind.call(server.address, HELLO))).text
    stop = full[20:26]
    answer = said_by(await whole(provider, kind.call(server.address, replace(HELLO, stop=(stop,)))))
    assert answer.text == full[: full.index(stop)]
    assert answer.finish is FinishReason.STOP


@each_kind
@whole_and_streamed
async def test_an_answer_keeps_to_a_schema_or_the_deployment_is_known_not_to(
    kind: Kind, server: SandboxServer, provider: HttpProvider, streaming: bool
) -> None:
    form = ResponseFormat(kind=FormatKind.JSON_SCHEMA, name="out", schema=SCHEMA)
    request = asking("Which city? Answer in JSON.", response_format=form)
    call = kind.call(server.address, request)
    if not possible(kind, request):
        assert kind.provider == "deepseek"
        assert (await failure_of(provider, call, streaming=streaming)).error == "unsupported"
        return
    told = await outcome(provider, call, streaming=streaming)
    said = said_by_events(told) if isinstance(told, list) else said_by(told.response)
    value = parse(said.text)
    assert isinstance(value, dict)
    assert set(value) == {"city"}
    assert said.finish is FinishReason.STOP


@each_kind
async def test_a_picture_is_taken_as_data(kind: Kind, server: SandboxServer, provider: HttpProvider) -> None:
    picture = Image(data=b"\x89PNG", media_type="image/png")
    request = ChatRequest(messages=(Message(role=Role.USER, parts=(Text(text="What is it?"), picture)),))
    if not possible(kind, request):
        assert kind.provider == "deepseek"
        return
    plain = await whole(provider, kind.call(server.address, asking("What is it?")))
    pictured = await whole(provider, kind.call(server.address, request))
    assert plain.usage is not None
    assert pictured.usage is not None
    assert pictured.usage.input_tokens > plain.usage.input_tokens + 200


# --- tools -------------------------------------------------------------------------------------------------


@each_kind
@whole_and_streamed
async def test_tools_are_called_side_by_side_and_their_results_are_answered(
    kind: Kind, server: SandboxServer, provider: HttpProvider, streaming: bool
) -> None:
    request = asking("Use get_weather and get_time.", tools=(WEATHER, CLOCK))
    told = await outcome(provider, kind.call(server.address, request), streaming=streaming)
    said = said_by_events(told) if isinstance(told, list) else said_by(told.response)
    assert [name for name, _ in said.calls] == ["get_weather", "get_time"]
    assert said.finish is FinishReason.TOOL_CALLS
    assert len(set(said.call_ids)) == 2
    calls = tuple(
        ToolCall(id=given, name=name, arguments=text)
        for given, (name, text) in zip(said.call_ids, said.calls, strict=True)
    )
    results = tuple(ToolResult(tool_call_id=call.id, content="sunny", name=call.name) for call in calls)
    turns = (
        *request.messages,
        Message(role=Role.ASSISTANT, parts=calls),
        *(Message(role=Role.TOOL, parts=(result,)) for result in results),
    )
    answer = await whole(provider, kind.call(server.address, replace(request, messages=turns)))
    assert "tools returned" in said_by(answer).text


@each_kind
async def test_a_tool_that_must_be_called_is_or_the_deployment_is_known_not_to(
    kind: Kind, server: SandboxServer, provider: HttpProvider
) -> None:
    request = asking("Hello", tools=(WEATHER,), tool_choice=ToolChoice(mode=ToolMode.NAMED, name="get_weather"))
    call = kind.call(server.address, request)
    if not possible(kind, request):
        assert kind.provider == "ollama"
        assert (await failure_of(provider, call, streaming=False)).error == "unsupported"
        return
    assert [name for name, _ in said_by(await whole(provider, call)).calls] == ["get_weather"]


@each_kind
async def test_a_model_that_may_call_nothing_calls_nothing(
    kind: Kind, server: SandboxServer, provider: HttpProvider
) -> None:
    request = asking("Use get_weather.", tools=(WEATHER,), tool_choice=ToolChoice(mode=ToolMode.NONE))
    assert said_by(await whole(provider, kind.call(server.address, request))).calls == ()


# --- thinking ----------------------------------------------------------------------------------------------

each_thinker = pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS.values() if kind.reasons],
    ids=[name for name, kind in KINDS.items() if kind.reasons],
)


@each_thinker
async def test_thinking_comes_sealed_and_goes_back_between_tools(
    kind: Kind, server: SandboxServer, provider: HttpProvider
) -> None:
    how = Reasoning(effort=Effort.LOW, include=True)
    request = asking("Use get_weather.", tools=(WEATHER,), reasoning=how)
    answer = await whole(provider, kind.call(server.address, request, model=kind.reasons))
    thoughts = [part for part in answer.parts if isinstance(part, Thinking)]
    assert thoughts
    assert {thought.protocol for thought in thoughts} == {kind.protocol}
    assert answer.usage is not None
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    result = ToolResult(tool_call_id=calls[0].id, content="sunny", name=calls[0].name)
    turns = (
        *request.messages,
        Message(role=Role.ASSISTANT, parts=answer.parts),
        Message(role=Role.TOOL, parts=(result,)),
    )
    call = kind.call(server.address, replace(request, messages=turns), model=kind.reasons)
    sent = write(ADAPTERS[kind.protocol].body(call, stream=False))
    assert all(thought.signature in sent for thought in thoughts)
    assert "tools returned" in said_by(await whole(provider, call)).text


@each_thinker
async def test_a_stream_thinks_before_it_answers(kind: Kind, server: SandboxServer, provider: HttpProvider) -> None:
    request = replace(HELLO, reasoning=Reasoning(effort=Effort.LOW, include=True))
    events = await streamed(provider, kind.call(server.address, request, model=kind.reasons))
    kinds = [type(event) for event in events if isinstance(event, ThinkingDelta | TextDelta)]
    assert ThinkingDelta in kinds
    assert kinds == sorted(kinds, key=[ThinkingDelta, TextDelta].index)


# --- what goes wrong ---------------------------------------------------------------------------------------


@each_protocol
@whole_and_streamed
@pytest.mark.parametrize(
    ("status", "hint", "expected"),
    [
        (401, None, (Verdict.MISCONFIGURED, "credential")),
        (403, None, (Verdict.MISCONFIGURED, "credential")),
        (404, None, (Verdict.MISCONFIGURED, "model_unknown")),
        (429, 7.0, (Verdict.THROTTLED, "rate_limited")),
        (500, None, (Verdict.FAILED, "http_500")),
        (503, 3.0, (Verdict.THROTTLED, "overloaded")),
        (503, None, (Verdict.FAILED, "overloaded")),
    ],
)
async def test_a_refusal_is_classified(
    kind: Kind,
    server: SandboxServer,
    provider: HttpProvider,
    streaming: bool,
    status: int,
    hint: float | None,
    expected: tuple[Verdict, str],
) -> None:
    strike(server, FaultKind.STATUS, status=status, retry_after_s=hint)
    failure = await failure_of(provider, kind.call(server.address, HELLO), streaming=streaming)
    assert (failure.verdict, failure.error) == expected
    assert failure.http_status == status
    assert failure.provider_request_id or kind.provider == "gemini"
    assert (failure.retry_after == timedelta(seconds=hint)) if hint else not failure.retry_after


@each_protocol
async def test_a_model_that_the_provider_does_not_have_is_our_mistake(
    kind: Kind, server: SandboxServer, provider: HttpProvider
) -> None:
    call = kind.call(server.address, HELLO, model="no-such-model")
    failure = await failure_of(provider, call, streaming=False)
    assert (failure.verdict, failure.error) == (Verdict.MISCONFIGURED, "model_unknown")


@each_protocol
@whole_and_streamed
async def test_an_error_inside_a_200_is_no_success(
    kind: Kind, server: SandboxServer, provider: HttpProvider, streaming: bool
) -> None:
    strike(server, FaultKind.ERROR_EVENT, status=429, after_chunks=2)
    failure = await failure_of(provider, kind.call(server.address, HELLO), streaming=streaming)
    whole_at_bedrock = kind.provider == "bedrock" and not streaming  # an answer without output, and nothing else to see
    assert failure.error == ("malformed" if whole_at_bedrock else "rate_limited")


@each_protocol
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (FaultKind.DISCONNECT, "stream_cut"),
        (FaultKind.TRUNCATE, "stream_cut"),
        (FaultKind.MALFORMED, "malformed"),
        (FaultKind.CONTENT_TYPE, "malformed"),
        (FaultKind.RESET, "disconnected"),
    ],
)
async def test_a_broken_stream_tells_what_came_and_then_fails(
    kind: Kind, server: SandboxServer, provider: HttpProvider, fault: FaultKind, error: str
) -> None:
    strike(server, fault, **({} if fault in (FaultKind.CONTENT_TYPE, FaultKind.RESET) else {"after_chunks": 8}))
    came: list[StreamEvent] = []
    with pytest.raises(CallFailure) as caught:
        await collect(provider.stream(kind.call(server.address, HELLO)), came)
    assert (caught.value.verdict, caught.value.error) in ((Verdict.FAILED, error), (Verdict.FAILED, "stream_cut"))
    assert not any(isinstance(event, Finished) for event in came)
    if fault is FaultKind.DISCONNECT:
        assert any(isinstance(event, TextDelta) for event in came)


@pytest.mark.loopback_time
@each_protocol
@whole_and_streamed
async def test_silence_ends_at_its_time_limit(
    kind: Kind, server: SandboxServer, provider: HttpProvider, streaming: bool
) -> None:
    strike(server, FaultKind.HANG)
    limit = timedelta(milliseconds=40)
    call = kind.call(server.address, HELLO, first_token=limit, total=2 * limit)
    failure = await failure_of(provider, call, streaming=streaming)
    assert failure.error == ("timeout_first_token" if streaming else "timeout_total")
    assert not failure.unsent


@each_protocol
@whole_and_streamed
async def test_whoever_leaves_hangs_up(
    kind: Kind, server: SandboxServer, provider: HttpProvider, streaming: bool
) -> None:
    strike(server, FaultKind.SLOW_FIRST_BYTE, delay_s=60.0)
    waiting = asyncio.create_task(outcome(provider, kind.call(server.address, HELLO), streaming=streaming))
    await server.until(lambda book: book.in_flight == 1)
    waiting.cancel()
    await server.until(lambda book: book.cancelled == 1)
    assert server.book.last(1)[0]["outcome"] == "cancelled"


# --- embeddings and responses ------------------------------------------------------------------------------


@each_kind
async def test_texts_become_vectors_or_the_deployment_is_known_not_to(
    kind: Kind, server: SandboxServer, provider: HttpProvider
) -> None:
    call = kind.embed_call(server.address, "a red train", "a red bus", "who knows")
    if kind.provider in ("groq", "deepseek", "anthropic", "bedrock"):
        with pytest.raises(CallFailure) as caught:
            await provider.embed(call)
        assert (caught.value.error, caught.value.unsent) == ("unsupported", True)
        return
    first, second, third = (await provider.embed(call)).response.vectors
    assert {len(vector) for vector in (first, second, third)} == {8}
    assert dot(first, second) > dot(first, third)
    assert dot(first, first) == pytest.approx(1.0, abs=1e-6)


def dot(left: tuple[float, ...], right: tuple[float, ...]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


RESPONSES = [name for name, kind in KINDS.items() if kind.provider in ("openai", "groq", "openrouter", "deepseek")]


@pytest.mark.parametrize("name", [*RESPONSES, "azure v1"])
@whole_and_streamed
async def test_responses_go_through_and_are_understood(
    name: str, server: SandboxServer, provider: HttpProvider, streaming: bool
) -> None:
    kind = KINDS[name]
    body: dict[str, object] = {"model": "auto", "input": "Explain why trains stop."}
    text = write({**body, "stream": True} if streaming else body)
    original = Original(endpoint=Endpoint.RESPONSES, text=text, spans=members(text)[1])
    call = replace(kind.call(server.address, asking("Explain why trains stop.")), original=original)
    assert ADAPTERS[kind.protocol].takes(Endpoint.RESPONSES, call.deployment)
    told = await outcome(provider, call, streaming=streaming)
    if isinstance(told, ProviderResponse):
        said = said_by(told.response)
        assert b'"object":"response"' in told.body
    else:
        said = said_by_events([word for event in told for word in getattr(event, "tells", ())])
    assert len(said.text) > 20
    assert said.usage is not None
    assert said.finish is FinishReason.STOP
