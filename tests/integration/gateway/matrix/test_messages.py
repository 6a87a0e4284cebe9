"""Anthropic's SDK, unmodified: messages before every kind of provider."""

import asyncio
from collections.abc import Mapping
from typing import Any

import anthropic

from tests.support.matrix import Scenario, cells, hold
from tests.support.matrix_said import (
    ADDRESS,
    BOTH,
    BRIEF,
    CITY_TOOLS,
    LONG,
    ONE,
    PICTURE,
    PICTURE_TEXT,
    SYSTEM,
    City,
    functions,
)
from tests.support.matrix_stage import Heard, Stage
from tools.compatibility_table import Client, Kind, Row

TOOLS: list[Any] = [
    {"name": one["name"], "description": one["description"], "input_schema": one["parameters"]} for one in functions()
]
THINK = {"type": "enabled", "budget_tokens": 1024}
ROOM = 2048
FOREIGN = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}


def _client(heard: Heard) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=heard.url, api_key=heard.key, max_retries=0)


def _said(content: Any) -> Any:
    return {"messages": [{"role": "user", "content": content}]}


def _ask(heard: Heard, content: Any = BRIEF, **more: Any) -> Any:
    asked = {"model": heard.model, "max_tokens": 512, **_said(content), **more}
    return heard.client(_client).messages.create(**asked)


def _streamed(heard: Heard, content: Any = BRIEF, **more: Any) -> Any:
    """The SDK's own sum of a stream."""
    asked = {"model": heard.model, "max_tokens": 512, **_said(content), **more}
    with heard.client(_client).messages.stream(**asked) as stream:
        return stream.get_final_message()


def _words(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def _calls(message: Any) -> list[Any]:
    return [block for block in message.content if block.type == "tool_use"]


def _thoughts(message: Any) -> list[Any]:
    return [block for block in message.content if block.type == "thinking"]


def _text(heard: Heard) -> None:
    message = _ask(heard)
    assert _words(message)
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


def _text_async(heard: Heard) -> None:
    async def ask() -> Any:
        async with anthropic.AsyncAnthropic(base_url=heard.url, api_key=heard.key, max_retries=0) as client:
            return await client.messages.create(model=heard.model, max_tokens=512, **_said(BRIEF))

    assert _words(asyncio.run(ask()))


def _stream(heard: Heard) -> None:
    message = _streamed(heard)
    assert _words(message) == _words(_ask(heard))
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0


def _stream_async(heard: Heard) -> None:
    async def ask() -> str:
        async with (
            anthropic.AsyncAnthropic(base_url=heard.url, api_key=heard.key, max_retries=0) as client,
            client.messages.stream(model=heard.model, max_tokens=512, **_said(BRIEF)) as stream,
        ):
            return "".join([text async for text in stream.text_stream])

    assert asyncio.run(ask())


def _system(heard: Heard) -> None:
    _ask(heard, system=SYSTEM)
    assert heard.told("system") == SYSTEM
    _ask(heard, system=[{"type": "text", "text": SYSTEM}])
    assert heard.told("system") == SYSTEM


def _tool_call(heard: Heard) -> None:
    message = _ask(heard, ONE, tools=TOOLS)
    (call,) = _calls(message)
    assert (message.stop_reason, call.name) == ("tool_use", "get_weather")
    assert "city" in call.input
    assert heard.told("tools") == CITY_TOOLS


def _forced(heard: Heard) -> None:
    message = _ask(heard, tools=TOOLS, tool_choice={"type": "tool", "name": "get_time"})
    assert [call.name for call in _calls(message)] == ["get_time"]
    assert heard.told("choice") == "get_time"


def _tool_call_streamed(heard: Heard) -> None:
    message = _streamed(heard, ONE, tools=TOOLS)
    (call,) = _calls(message)
    assert (message.stop_reason, call.name) == ("tool_use", "get_weather")
    assert "city" in call.input


def _parallel(heard: Heard) -> None:
    calls = _calls(_ask(heard, BOTH, tools=TOOLS))
    assert [call.name for call in calls] == ["get_weather", "get_time"]
    assert len({call.id for call in calls}) == 2


def _single(heard: Heard) -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert len(_calls(_ask(heard, BOTH, tools=TOOLS, tool_choice=choice))) == 1
    assert heard.told("single") is True


def _result(call: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call.id, "content": f"result of {call.name}", **more}


def _results(heard: Heard) -> None:
    asked = {"role": "user", "content": BOTH}
    called = _ask(heard, BOTH, tools=TOOLS)
    results = {"role": "user", "content": [_result(call) for call in _calls(called)]}
    spoken = {"role": "assistant", "content": called.content}
    assert _words(_ask(heard, messages=[asked, spoken, results], tools=TOOLS))
    first, second = heard.told("results")
    assert "result of get_weather" in first
    assert "result of get_time" in second


def _failed_tool(heard: Heard) -> None:
    asked = {"role": "user", "content": ONE}
    called = _ask(heard, ONE, tools=TOOLS)
    results = {"role": "user", "content": [_result(call, is_error=True) for call in _calls(called)]}
    spoken = {"role": "assistant", "content": called.content}
    assert _words(_ask(heard, messages=[asked, spoken, results], tools=TOOLS))
    assert "result of get_weather" in heard.told("results")[0]


def _parse(heard: Heard) -> None:
    message = heard.client(_client).messages.parse(
        model=heard.model, max_tokens=512, messages=[{"role": "user", "content": "Which city?"}], output_format=City
    )
    assert isinstance(message.parsed_output, City)
    assert heard.told("schema") == ["inhabitants", "name"]


def _image(heard: Heard) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE_TEXT}
    assert _words(_ask(heard, [{"type": "image", "source": source}, {"type": "text", "text": BRIEF}]))
    assert heard.told("images") == [PICTURE]


def _image_address(heard: Heard) -> None:
    source = {"type": "url", "url": ADDRESS}
    assert _words(_ask(heard, [{"type": "image", "source": source}, {"type": "text", "text": BRIEF}]))
    assert heard.told("images") == [ADDRESS]


def _stop(heard: Heard) -> None:
    _ask(heard, stop_sequences=["###", "END"])
    assert heard.told("stop") == ["###", "END"]


def _temperature(heard: Heard) -> None:
    _ask(heard, extra_body={"temperature": 0.5})
    heard.carried("temperature", "temperature", 0.5)


def _top_k(heard: Heard) -> None:
    _ask(heard, extra_body={"top_k": 5})
    heard.carried("top_k", "top_k", 5)


def _limit(heard: Heard) -> None:
    assert _ask(heard, LONG, max_tokens=16).stop_reason == "max_tokens"
    assert heard.told("limit") == 16


def _thinking(heard: Heard) -> None:
    message = _ask(heard, thinking=THINK, max_tokens=ROOM)
    assert _words(message)
    assert bool(heard.told("reasoning")) is ("reasoning" not in heard.dropped)
    if heard.kind in SHOWING:
        assert [bool(thought.thinking) for thought in _thoughts(message)] == [True]
        assert _thoughts(_streamed(heard, thinking=THINK, max_tokens=ROOM))[0].thinking


def _thinking_back(heard: Heard) -> None:
    called = _ask(heard, ONE, tools=TOOLS, thinking=THINK, max_tokens=ROOM)
    results = {"role": "user", "content": [_result(call) for call in _calls(called)]}
    talk = [{"role": "user", "content": ONE}, {"role": "assistant", "content": called.content}, results]
    assert _words(_ask(heard, messages=talk, tools=TOOLS, thinking=THINK, max_tokens=ROOM))
    sealed = [thought.signature for thought in _thoughts(called)]
    assert len(heard.told("signatures")) == len(sealed)
    assert all(seal.endswith(given) for seal, given in zip(sealed, heard.told("signatures"), strict=True))


def _foreign_thinking(heard: Heard) -> None:
    spoken = {"role": "assistant", "content": [FOREIGN, {"type": "text", "text": "Red."}]}
    talk = [{"role": "user", "content": BRIEF}, spoken, {"role": "user", "content": "Another one, in one word."}]
    assert _words(_ask(heard, messages=talk))
    heard.carried("thinking", "signatures", [FOREIGN["signature"]])
    assert heard.arrived[-1].says("Red.")


def _user(heard: Heard) -> None:
    _ask(heard, metadata={"user_id": "u-7"})
    if "metadata" in heard.dropped:
        assert not heard.arrived[-1].says("u-7")
    else:
        assert heard.arrived[-1].says("u-7")


def _cache_mark(heard: Heard) -> None:
    _ask(heard, [{"type": "text", "text": BRIEF, "cache_control": {"type": "ephemeral"}}])
    assert heard.arrived[-1].says("ephemeral") is not bool(heard.dropped)


def _web_search(heard: Heard) -> None:
    _ask(heard, tools=[{"type": "web_search_20250305", "name": "web_search"}])
    assert heard.arrived[-1].body["tools"][0]["type"] == "web_search_20250305"


def _count(heard: Heard) -> None:
    counted = heard.client(_client).messages.count_tokens(model=heard.model, **_said(LONG), tools=TOOLS)
    assert counted.input_tokens > len(LONG.split())


def _models(heard: Heard) -> None:
    client = heard.client(_client)
    assert heard.model in [model.id for model in client.models.list()]
    assert client.models.retrieve(heard.model).id == heard.model


SHOWING = (Kind.ANTHROPIC, Kind.GEMINI, Kind.BEDROCK)
"""Whose models' thinking can be read."""
SCENARIOS: Mapping[str, Scenario] = {
    "text": _text,
    "text, async": _text_async,
    "stream": _stream,
    "stream, async": _stream_async,
    "system prompt": _system,
    "tool call": _tool_call,
    "forced tool": _forced,
    "tool call, streamed": _tool_call_streamed,
    "parallel tool calls": _parallel,
    "one tool call at a time": _single,
    "tool results": _results,
    "failed tool": _failed_tool,
    "schema (`.parse`)": _parse,
    "image": _image,
    "image by address": _image_address,
    "stop": _stop,
    "temperature": _temperature,
    "top_k": _top_k,
    "output limit": _limit,
    "thinking": _thinking,
    "thinking given back": _thinking_back,
    "Claude's thinking given to another": _foreign_thinking,
    "user": _user,
    "cache marks": _cache_mark,
    "built-in tools": _web_search,
    "count tokens": _count,
    "list of models": _models,
}


@cells(Client.MESSAGES)
def test_the_cell_is_as_the_table_says(shared_stage: Stage, row: Row, kind: Kind) -> None:
    hold(shared_stage, row, kind, SCENARIOS, anthropic.APIStatusError)
