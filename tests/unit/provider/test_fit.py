"""What a deployment's protocol cannot carry is told before it is called, and what is called impossible is refused."""

from dataclasses import replace
from typing import Any

import pytest

from dataplane.chat.model import (
    ChatRequest,
    Effort,
    FormatKind,
    Image,
    Reasoning,
    ResponseFormat,
    Role,
    Sampling,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from dataplane.provider.fit import Losses, losses
from dataplane.provider.model import CallFailure
from dataplane.snapshot.model import WireProtocol
from tests.support.calls import HELLO, body_of, call_of, says

OPENAI, ANTHROPIC, GEMINI, BEDROCK = (
    WireProtocol.OPENAI,
    WireProtocol.ANTHROPIC,
    WireProtocol.GEMINI,
    WireProtocol.BEDROCK,
)
EVERYTHING = replace(
    HELLO,
    sampling=Sampling(temperature=0.5, top_p=0.9, top_k=4, frequency_penalty=0.1, presence_penalty=0.1),
    seed=7,
    metadata={"a": "b"},
    reasoning=Reasoning(effort=Effort.LOW),
)
TOOLS = (Tool(name="t"),)
CALL = ToolCall(id="c", name="t", arguments="{}")


def lost(protocol: WireProtocol, request: ChatRequest, **deployment: Any) -> Losses:
    return losses(request, call_of(protocol, **deployment).deployment)


@pytest.mark.parametrize(
    ("protocol", "deployment", "dropped"),
    [
        (OPENAI, {}, ("reasoning", "top_k", "metadata")),
        (
            OPENAI,
            {"model": "gpt-5"},
            ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "metadata"),
        ),
        (ANTHROPIC, {}, ("seed", "frequency_penalty", "presence_penalty", "metadata")),
        (GEMINI, {}, ("metadata",)),
        (BEDROCK, {}, ("seed", "frequency_penalty", "presence_penalty", "metadata")),
    ],
)
def test_what_is_dropped_is_named(protocol: WireProtocol, deployment: dict[str, Any], dropped: tuple[str, ...]) -> None:
    assert lost(protocol, EVERYTHING, **deployment) == Losses(dropped=dropped)


def test_anthropic_is_told_who_asks_and_nothing_else_of_the_metadata() -> None:
    told = replace(HELLO, metadata={"user_id": "u"})
    assert lost(ANTHROPIC, told) == Losses()
    assert lost(ANTHROPIC, replace(told, metadata={"user_id": "u", "team": "t"})).dropped == ("metadata",)


@pytest.mark.parametrize("protocol", list(WireProtocol))
def test_an_ordinary_request_loses_nothing(protocol: WireProtocol) -> None:
    assert lost(protocol, HELLO) == Losses()


@pytest.mark.parametrize("protocol", list(WireProtocol))
def test_thinking_is_lost_at_every_other_protocol(protocol: WireProtocol) -> None:
    for origin in WireProtocol:
        thought = Thinking(text="hm", signature="s", protocol=origin)
        request = ChatRequest(messages=(says(Role.USER, "a"), says(Role.ASSISTANT, thought, "b"), says(Role.USER, "c")))
        kept = origin is protocol and protocol is not OPENAI
        assert lost(protocol, request).dropped == (() if kept else ("thinking",))


PICTURE = ChatRequest(messages=(says(Role.USER, Image(url="https://x/y.png")),))
SCHEMA = replace(HELLO, response_format=ResponseFormat(kind=FormatKind.JSON_SCHEMA, schema={"type": "object"}))
JSON = replace(HELLO, response_format=ResponseFormat(kind=FormatKind.JSON))
FORCED = replace(HELLO, tools=TOOLS, tool_choice=ToolChoice(mode=ToolMode.REQUIRED))
SINGLE = replace(HELLO, tools=TOOLS, tool_choice=ToolChoice(disable_parallel=True))
STOPS = replace(HELLO, stop=tuple("abcdef"))
TEXT_ARGUMENTS = ChatRequest(
    messages=(says(Role.USER, "a"), says(Role.ASSISTANT, replace(CALL, arguments="no"))), tools=TOOLS
)
NAMELESS = ChatRequest(messages=(says(Role.USER, "a"), says(Role.TOOL, ToolResult(tool_call_id="x", content="y"))))
SYSTEM_ONLY = ChatRequest(messages=(says(Role.SYSTEM, "a"),))
SHOWN = ChatRequest(
    messages=(
        says(Role.USER, "a"),
        says(Role.ASSISTANT, CALL),
        says(Role.TOOL, ToolResult(tool_call_id="c", content="", images=(Image(data=b"x", media_type="image/png"),))),
    ),
    tools=TOOLS,
)
LLAMA = {"model": "us.meta.llama4-maverick-17b-instruct-v1:0"}

IMPOSSIBLE = [
    (OPENAI, {"provider": "ollama", "base_url": "http://h/v1"}, PICTURE, "image_url"),
    (OPENAI, {"provider": "ollama", "base_url": "http://h/v1"}, FORCED, "tool_choice"),
    (OPENAI, {"provider": "deepseek", "base_url": "http://h/v1"}, PICTURE, "image"),
    (OPENAI, {"provider": "deepseek", "base_url": "http://h/v1"}, SCHEMA, "json_schema"),
    (OPENAI, {"provider": "deepseek", "base_url": "http://h/v1"}, SINGLE, "parallel_tool_calls"),
    (OPENAI, {"provider": "mistral", "base_url": "http://h/v1"}, SHOWN, "image"),
    (OPENAI, {"base_url": "https://api.groq.com/openai/v1", "model": "llama-3.3-70b"}, SCHEMA, "json_schema"),
    (OPENAI, {}, STOPS, "stop"),
    (OPENAI, {"model": "gpt-5"}, replace(HELLO, stop=("a",)), "stop"),
    (ANTHROPIC, {}, TEXT_ARGUMENTS, "tool_arguments"),
    (ANTHROPIC, {}, SYSTEM_ONLY, "messages"),
    (GEMINI, {}, NAMELESS, "tool_name"),
    (GEMINI, {}, TEXT_ARGUMENTS, "tool_arguments"),
    (GEMINI, {}, SINGLE, "parallel_tool_calls"),
    (GEMINI, {}, STOPS, "stop"),
    (BEDROCK, {}, PICTURE, "image_url"),
    (BEDROCK, {}, TEXT_ARGUMENTS, "tool_arguments"),
    (BEDROCK, {}, SINGLE, "parallel_tool_calls"),
    (BEDROCK, {}, replace(SHOWN, tools=()), "tools"),
    (BEDROCK, LLAMA, FORCED, "tool_choice"),
    (BEDROCK, LLAMA, SCHEMA, "json_schema"),
    (BEDROCK, LLAMA, JSON, "json"),
]


@pytest.mark.parametrize(("protocol", "deployment", "request_", "word"), IMPOSSIBLE)
def test_what_is_impossible_is_named_and_never_sent(
    protocol: WireProtocol, deployment: dict[str, Any], request_: ChatRequest, word: str
) -> None:
    assert lost(protocol, request_, **deployment).impossible == (word,)
    with pytest.raises(CallFailure) as caught:
        body_of(call_of(protocol, request_, **deployment))
    assert (caught.value.error, caught.value.unsent) == ("unsupported", True)


@pytest.mark.parametrize("request_", [SCHEMA, JSON, FORCED, SHOWN])
@pytest.mark.parametrize("protocol", [OPENAI, ANTHROPIC, GEMINI, BEDROCK])
def test_what_all_can_do_is_possible_everywhere(protocol: WireProtocol, request_: ChatRequest) -> None:
    assert lost(protocol, request_).impossible == ()
    assert body_of(call_of(protocol, request_))


@pytest.mark.parametrize("protocol", [GEMINI, BEDROCK])
def test_one_call_of_the_one_tool_that_is_named_needs_no_word_for_it(protocol: WireProtocol) -> None:
    named = replace(SINGLE, tool_choice=ToolChoice(mode=ToolMode.NAMED, name=TOOLS[0].name, disable_parallel=True))
    assert lost(protocol, named) == Losses(dropped=("parallel_tool_calls",))
    assert body_of(call_of(protocol, named))
