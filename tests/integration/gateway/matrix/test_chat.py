"""OpenAI's SDK, unmodified: chat completions before every kind of provider."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import openai
import pytest

from tests.support.matrix import Scenario, cells, hold
from tests.support.matrix_said import ADDRESS, BRIEF, CITY_TOOLS, PICTURE, PICTURE_URL, SYSTEM, City, chat_tools
from tests.support.matrix_stage import Heard, Stage
from tools.compatibility_table import Client, Kind, Row


def _client(heard: Heard) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{heard.url}/v1", api_key=heard.key, max_retries=0)


def _ask(heard: Heard, content: Any = BRIEF, **more: Any) -> Any:
    messages = more.pop("messages", [{"role": "user", "content": content}])
    return heard.client(_client).chat.completions.create(model=heard.model, messages=messages, **more)


def _text(heard: Heard) -> None:
    answer = _ask(heard)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert heard.arrived[-1].says(BRIEF)


def _text_async(heard: Heard) -> None:
    async def ask() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{heard.url}/v1", api_key=heard.key, max_retries=0) as client:
            return await client.chat.completions.create(
                model=heard.model, messages=[{"role": "user", "content": BRIEF}]
            )

    assert asyncio.run(ask()).choices[0].message.content


def _streamed(heard: Heard, **more: Any) -> Any:
    """The SDK's own sum of a stream."""
    chat = heard.client(_client).chat.completions
    with chat.stream(model=heard.model, stream_options={"include_usage": True}, **more) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion()


def _stream(heard: Heard) -> None:
    asked: Any = [{"role": "user", "content": BRIEF}]
    answer = _streamed(heard, messages=asked)
    assert answer.choices[0].message.content == _ask(heard).choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens > 0


def _stream_async(heard: Heard) -> None:
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{heard.url}/v1", api_key=heard.key, max_retries=0) as client:
            stream = await client.chat.completions.create(
                model=heard.model, messages=[{"role": "user", "content": BRIEF}], stream=True
            )
            return [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]

    assert "".join(asyncio.run(ask()))


def _system(heard: Heard) -> None:
    _ask(heard, messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": BRIEF}])
    assert heard.told("system") == SYSTEM
    _ask(heard, messages=[{"role": "developer", "content": SYSTEM}, {"role": "user", "content": BRIEF}])
    assert heard.told("system") == SYSTEM


def _tool_call(heard: Heard) -> None:
    answer = _ask(heard, "Use get_weather for Paris.", tools=chat_tools())
    (call,) = answer.choices[0].message.tool_calls
    assert (answer.choices[0].finish_reason, call.function.name) == ("tool_calls", "get_weather")
    assert "city" in json.loads(call.function.arguments)
    assert call.id
    assert heard.told("tools") == CITY_TOOLS


def _forced_tool(heard: Heard) -> None:
    choice = {"type": "function", "function": {"name": "get_time"}}
    answer = _ask(heard, tools=chat_tools(), tool_choice=choice)
    assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["get_time"]
    assert heard.told("choice") == "get_time"


def _tool_call_streamed(heard: Heard) -> None:
    asked: Any = [{"role": "user", "content": "Use get_weather for Paris."}]
    answer = _streamed(heard, messages=asked, tools=chat_tools())
    (call,) = answer.choices[0].message.tool_calls
    assert (answer.choices[0].finish_reason, call.function.name) == ("tool_calls", "get_weather")
    assert "city" in json.loads(call.function.arguments)


def _parallel(heard: Heard) -> None:
    answer = _ask(heard, "Use get_weather and get_time for Paris.", tools=chat_tools())
    calls = answer.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert len({call.id for call in calls}) == 2


def _single(heard: Heard) -> None:
    answer = _ask(heard, "Use get_weather and get_time.", tools=chat_tools(), parallel_tool_calls=False)
    assert len(answer.choices[0].message.tool_calls) == 1
    assert heard.told("single") is True


def _results(heard: Heard) -> None:
    question = {"role": "user", "content": "Use get_weather and get_time for Paris."}
    called = _ask(heard, messages=[question], tools=chat_tools()).choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"result of {call.function.name}"}
        for call in called.tool_calls
    ]
    answer = _ask(heard, messages=[question, called, *results], tools=chat_tools())
    assert answer.choices[0].message.content
    assert ["get_weather" in heard.told("results")[0], "get_time" in heard.told("results")[1]] == [True, True]


def _parse(heard: Heard) -> None:
    asked: Any = [{"role": "user", "content": "Which city?"}]
    answer = heard.client(_client).chat.completions.parse(model=heard.model, messages=asked, response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)
    assert heard.told("schema") == ["inhabitants", "name"]


def _json_mode(heard: Heard) -> None:
    answer = _ask(heard, "Answer in json, one word.", response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def _image(heard: Heard) -> None:
    content = [{"type": "text", "text": BRIEF}, {"type": "image_url", "image_url": {"url": PICTURE_URL}}]
    assert _ask(heard, content).choices[0].message.content
    assert heard.told("images") == [PICTURE]


def _image_address(heard: Heard) -> None:
    content = [{"type": "text", "text": BRIEF}, {"type": "image_url", "image_url": {"url": ADDRESS}}]
    assert _ask(heard, content).choices[0].message.content
    assert heard.told("images") == [ADDRESS]


def _stop(heard: Heard) -> None:
    assert _ask(heard, stop=["###", "END"]).choices[0].finish_reason == "stop"
    assert heard.told("stop") == ["###", "END"]
    _ask(heard, stop="###")
    assert heard.told("stop") == ["###"]


def _temperature(heard: Heard) -> None:
    _ask(heard, temperature=0.5)
    heard.carried("temperature", "temperature", 0.5)


def _seed(heard: Heard) -> None:
    _ask(heard, seed=7)
    heard.carried("seed", "seed", 7)


def _penalty(heard: Heard) -> None:
    _ask(heard, frequency_penalty=0.5)
    heard.carried("frequency_penalty", "frequency_penalty", 0.5)


def _limit(heard: Heard) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        answer = _ask(heard, "Explain step by step why trains need signals.", **{name: 16})
        assert answer.choices[0].finish_reason == "length"
        assert heard.told("limit") == 16


def _effort(heard: Heard) -> None:
    _ask(heard, reasoning_effort="low")
    assert bool(heard.told("reasoning")) is ("reasoning" not in heard.dropped)


def _metadata(heard: Heard) -> None:
    _ask(heard, metadata={"team": "search"})
    heard.carried("metadata", "metadata", {"team": "search"})


def _logprobs(heard: Heard) -> None:
    with pytest.raises(openai.BadRequestError, match="logprobs") as refused:
        _ask(heard, logprobs=True)
    if refused.value.code == "no_eligible_target":
        raise refused.value
    assert heard.arrived[-1].body["logprobs"] is True


SCENARIOS: Mapping[str, Scenario] = {
    "text": _text,
    "text, async": _text_async,
    "stream": _stream,
    "stream, async": _stream_async,
    "system prompt": _system,
    "tool call": _tool_call,
    "forced tool": _forced_tool,
    "tool call, streamed": _tool_call_streamed,
    "parallel tool calls": _parallel,
    "one tool call at a time": _single,
    "tool results": _results,
    "schema (`.parse`)": _parse,
    "JSON mode": _json_mode,
    "image": _image,
    "image by address": _image_address,
    "stop": _stop,
    "temperature": _temperature,
    "seed": _seed,
    "frequency penalty": _penalty,
    "output limit": _limit,
    "reasoning effort": _effort,
    "metadata": _metadata,
    "log probabilities": _logprobs,
}


@cells(Client.CHAT)
def test_the_cell_is_as_the_table_says(shared_stage: Stage, row: Row, kind: Kind) -> None:
    hold(shared_stage, row, kind, SCENARIOS, openai.APIStatusError)
