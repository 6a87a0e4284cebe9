"""HttpProvider against llmock, a server that speaks the providers' protocols and breaks them on demand."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from llmock.scenarios import Delay, Fail, Reply, SlowFirstToken, StreamFault, ToolFault
from llmock.scenarios import ToolCall as ScriptedCall
from llmock.testing import LLMockServer

from dataplane.chat.model import (
    ChatRequest,
    Finished,
    FinishReason,
    FormatKind,
    Message,
    ResponseFormat,
    Role,
    StreamEvent,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
    UsageReport,
)
from dataplane.provider.aiohttp_transport import AiohttpTransport
from dataplane.provider.http_provider import HttpProvider
from dataplane.provider.model import Call, CallFailure, Verdict
from dataplane.snapshot.model import Deployment, Timeouts, WireProtocol
from tests.support.extraction import said_by, said_by_events
from tests.support.recordings import collect

PROVIDERS = {
    "openai": (WireProtocol.OPENAI, "gpt-4o-mini"),
    "groq": (WireProtocol.OPENAI, "llama-3.3-70b-versatile"),
    "mistral": (WireProtocol.OPENAI, "mistral-small-latest"),
    "anthropic": (WireProtocol.ANTHROPIC, "claude-sonnet-4-5"),
    "gemini": (WireProtocol.GEMINI, "gemini-2.5-flash"),
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool(name="get_weather", description="Weather of a city", parameters=SCHEMA)
HELLO = ChatRequest(messages=(Message(role=Role.USER, parts=(Text(text="What is the weather in Paris?"),)),))

every_provider = pytest.mark.parametrize("name", list(PROVIDERS))
every_protocol = pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
whole_and_streamed = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def running() -> Iterator[LLMockServer]:
    with LLMockServer() as server:
        yield server


@pytest.fixture
def server(running: LLMockServer) -> LLMockServer:
    running.state.scenarios.clear()
    return running


@pytest.fixture
async def provider() -> AsyncIterator[HttpProvider]:
    async with AiohttpTransport() as transport:
        yield HttpProvider(transport, now=lambda: datetime.now(UTC))


def call(server: LLMockServer, name: str, request: ChatRequest = HELLO, **timeouts: timedelta) -> Call:
    protocol, model = PROVIDERS[name]
    return Call(
        deployment=Deployment(
            name=name,
            model=model,
            provider=name,
            protocol=protocol,
            base_url=server.base_url(name),
            timeouts=replace(Timeouts(), **timeouts),
        ),
        request=request,
        credential="sk-anything",
        max_output_tokens=200,
        total=timedelta(seconds=20),
    )


async def failure_of(provider: HttpProvider, of: Call, *, streaming: bool) -> CallFailure:
    with pytest.raises(CallFailure) as caught:
        await told(provider, of, streaming=streaming)
    return caught.value


async def told(provider: HttpProvider, of: Call, *, streaming: bool) -> Any:
    if streaming:
        return said_by_events([event async for event in provider.stream(of)])
    return said_by((await provider.generate(of)).response)


@every_provider
@whole_and_streamed
async def test_an_answer_comes_with_its_usage(
    provider: HttpProvider, server: LLMockServer, name: str, streaming: bool
) -> None:
    server.state.scenarios.add(Reply(text="It is sunny in Paris."))
    said = await told(provider, call(server, name), streaming=streaming)
    assert said.text == "It is sunny in Paris."
    assert said.finish is FinishReason.STOP
    # What llmock leaves out: the model in whole answers of Gemini; usage in streams of Mistral, where the real one sends it
    # unasked (its own schema of chunks says so).
    assert said.model or (name == "gemini" and not streaming)
    if not (streaming and name == "mistral"):
        assert said.usage.input_tokens > 0
        assert said.usage.output_tokens > 0


@every_provider
@whole_and_streamed
async def test_a_tool_is_called_and_its_result_understood(
    provider: HttpProvider, server: LLMockServer, name: str, streaming: bool
) -> None:
    server.state.scenarios.add(Reply(tool_calls=(ScriptedCall("get_weather", {"city": "Paris"}),)))
    asked = replace(HELLO, tools=(WEATHER,), tool_choice=ToolChoice(mode=ToolMode.REQUIRED))
    said = await told(provider, call(server, name, asked), streaming=streaming)
    assert said.calls == (("get_weather", '{"city": "Paris"}'),)
    assert said.finish is FinishReason.TOOL_CALLS
    (call_id,) = said.call_ids
    made = ToolCall(id=call_id, name="get_weather", arguments='{"city": "Paris"}')
    result = ToolResult(tool_call_id=call_id, content="21 degrees", name="get_weather")
    history = (
        *HELLO.messages,
        Message(role=Role.ASSISTANT, parts=(made,)),
        Message(role=Role.TOOL, parts=(result,)),
    )
    answered = replace(asked, messages=history, tool_choice=None)
    assert (await told(provider, call(server, name, answered), streaming=streaming)).finish is FinishReason.STOP


@every_protocol
@whole_and_streamed
async def test_an_answer_by_schema_is_json(
    provider: HttpProvider, server: LLMockServer, name: str, streaming: bool
) -> None:
    form = ResponseFormat(kind=FormatKind.JSON_SCHEMA, name="place", schema=SCHEMA)
    said = await told(provider, call(server, name, replace(HELLO, response_format=form)), streaming=streaming)
    assert said.finish is FinishReason.STOP
    if name != "anthropic":  # llmock does not know output_config
        assert said.text.startswith("{")


@whole_and_streamed
async def test_an_older_claude_answers_by_schema_through_a_tool(
    provider: HttpProvider, server: LLMockServer, streaming: bool
) -> None:
    form = ResponseFormat(kind=FormatKind.JSON_SCHEMA, name="place", schema=SCHEMA)
    of = call(server, "anthropic", replace(HELLO, response_format=form))
    older = replace(of, deployment=replace(of.deployment, model="claude-3-5-sonnet-20241022"))
    said = await told(provider, older, streaming=streaming)
    assert said.text.replace(" ", "").startswith('{"city":')
    assert said.calls == ()
    assert said.finish is FinishReason.STOP


@every_provider
@whole_and_streamed
@pytest.mark.parametrize(
    ("status", "retry_after", "verdict", "error"),
    [
        (429, 2.0, Verdict.THROTTLED, "rate_limited"),
        (503, 3.0, Verdict.THROTTLED, "overloaded"),
        (529, 4.0, Verdict.THROTTLED, "overloaded"),
        (500, None, Verdict.FAILED, "http_500"),
        (502, None, Verdict.FAILED, "http_502"),
        (401, None, Verdict.MISCONFIGURED, "credential"),
        (403, None, Verdict.MISCONFIGURED, "credential"),
        (404, None, Verdict.MISCONFIGURED, "model_unknown"),
        (400, None, Verdict.IGNORED, "bad_request"),
        (422, None, Verdict.IGNORED, "bad_request"),
    ],
)
async def test_a_status_is_what_it_says(
    provider: HttpProvider,
    server: LLMockServer,
    name: str,
    streaming: bool,
    status: int,
    retry_after: float | None,
    verdict: Verdict,
    error: str,
) -> None:
    server.state.scenarios.add(Fail(status, retry_after=retry_after))
    failure = await failure_of(provider, call(server, name), streaming=streaming)
    assert (failure.verdict, failure.error, failure.http_status) == (verdict, error, status)
    assert failure.message
    if retry_after is not None:
        assert failure.retry_after == timedelta(seconds=retry_after)


@every_protocol
@whole_and_streamed
async def test_a_dead_connection_after_some_chunks_is_a_cut(
    provider: HttpProvider, server: LLMockServer, name: str, streaming: bool
) -> None:
    server.state.scenarios.add(Reply(text="one two three four five six"), StreamFault("disconnect", after_chunks=3))
    if streaming:
        failure = await failure_of(provider, call(server, name), streaming=True)
        assert (failure.verdict, failure.error) == (Verdict.FAILED, "stream_cut")
    else:  # the control: without a stream the fault does not strike
        assert (await told(provider, call(server, name), streaming=False)).finish is FinishReason.STOP


@every_protocol
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_stream_that_ends_early_but_politely_is_a_cut(
    provider: HttpProvider, server: LLMockServer, name: str, after: int
) -> None:
    server.state.scenarios.add(Reply(text="one two three four five"), StreamFault("truncate", after_chunks=after))
    failure = await failure_of(provider, call(server, name), streaming=True)
    assert (failure.verdict, failure.error) == (Verdict.FAILED, "stream_cut")


@every_protocol
async def test_a_chunk_that_is_no_json_is_malformed(provider: HttpProvider, server: LLMockServer, name: str) -> None:
    server.state.scenarios.add(Reply(text="one two three four five"), StreamFault("malformed", after_chunks=2))
    failure = await failure_of(provider, call(server, name), streaming=True)
    assert (failure.verdict, failure.error) == (Verdict.FAILED, "malformed")


@every_protocol
async def test_a_stream_that_stalls_times_out(provider: HttpProvider, server: LLMockServer, name: str) -> None:
    server.state.scenarios.add(
        Reply(text="one two three four five six seven"), StreamFault("stall", after_chunks=5, stall_seconds=1)
    )
    got: list[StreamEvent] = []
    limited = call(server, name, between_chunks=timedelta(milliseconds=150))
    with pytest.raises(CallFailure) as caught:
        await collect(provider.stream(limited), got)
    assert (caught.value.verdict, caught.value.error) == (Verdict.FAILED, "timeout_between_chunks")
    assert any(isinstance(event, TextDelta) for event in got)


@every_protocol
async def test_a_slow_first_token_times_out(provider: HttpProvider, server: LLMockServer, name: str) -> None:
    server.state.scenarios.add(SlowFirstToken(1))
    limited = call(server, name, first_token=timedelta(milliseconds=150))
    failure = await failure_of(provider, limited, streaming=True)
    assert (failure.verdict, failure.error) == (Verdict.FAILED, "timeout_first_token")


@every_protocol
async def test_a_slow_answer_times_out(provider: HttpProvider, server: LLMockServer, name: str) -> None:
    server.state.scenarios.add(Delay(1))
    limited = call(server, name, total=timedelta(milliseconds=150))
    failure = await failure_of(provider, limited, streaming=False)
    assert (failure.verdict, failure.error) == (Verdict.FAILED, "timeout_total")


@pytest.mark.parametrize("name", ["openai", "groq", "mistral"])
@whole_and_streamed
async def test_arguments_that_are_no_json_are_passed_on_as_they_are(
    provider: HttpProvider, server: LLMockServer, name: str, streaming: bool
) -> None:
    """What the model wrote is the caller's to judge."""
    server.state.scenarios.add(ToolFault("malformed_arguments"))
    asked = replace(HELLO, tools=(WEATHER,), tool_choice=ToolChoice(mode=ToolMode.REQUIRED))
    said = await told(provider, call(server, name, asked), streaming=streaming)
    ((tool, arguments),) = said.calls
    assert tool == "get_weather"
    assert not arguments.endswith("}")


@every_protocol
async def test_usage_comes_before_the_end_of_a_stream(provider: HttpProvider, server: LLMockServer, name: str) -> None:
    events = [event async for event in provider.stream(call(server, name))]
    assert isinstance(events[-1], Finished)
    assert any(isinstance(event, UsageReport) for event in events[:-1])


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
@whole_and_streamed
async def test_a_prompt_that_is_too_long_has_its_own_word(
    provider: HttpProvider, server: LLMockServer, name: str, streaming: bool
) -> None:
    words = {
        "openai": {"code": "context_length_exceeded", "message": "too long"},
        "anthropic": {"message": "prompt is too long: 210000 tokens > 200000 maximum"},
        "gemini": {"message": "The input token count (9) exceeds the maximum number of tokens allowed (8)."},
    }
    server.state.scenarios.add(Fail(400, code=words[name].get("code"), message=words[name]["message"]))
    failure = await failure_of(provider, call(server, name), streaming=streaming)
    assert (failure.verdict, failure.error) == (Verdict.IGNORED, "context_too_long")
