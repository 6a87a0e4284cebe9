"""OpenAI's SDK, unmodified: responses and embeddings before every kind of provider."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import openai
import pytest

from tests.support.matrix import Scenario, cells, hold
from tests.support.matrix_said import (
    ADDRESS,
    BOTH,
    BRIEF,
    CITY_TOOLS,
    LONG,
    ONE,
    PICTURE,
    PICTURE_URL,
    SYSTEM,
    City,
    functions,
)
from tests.support.matrix_stage import Heard, Stage
from tools.compatibility_table import Client, Kind, Row

TOOLS: list[Any] = [{"type": "function", "strict": False, **function} for function in functions()]


def _client(heard: Heard) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{heard.url}/v1", api_key=heard.key, max_retries=0)


def _ask(heard: Heard, said: Any = BRIEF, **more: Any) -> Any:
    return heard.client(_client).responses.create(model=heard.model, input=said, **more)


def _calls(response: Any) -> list[Any]:
    return [item for item in response.output if item.type == "function_call"]


def _text(heard: Heard) -> None:
    response = _ask(heard)
    assert response.output_text
    assert response.status == "completed"
    assert response.usage.input_tokens > 0
    assert response.usage.output_tokens > 0


def _text_async(heard: Heard) -> None:
    async def ask() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{heard.url}/v1", api_key=heard.key, max_retries=0) as client:
            return await client.responses.create(model=heard.model, input=BRIEF)

    assert asyncio.run(ask()).output_text


def _streamed(heard: Heard, said: Any, **more: Any) -> Any:
    with heard.client(_client).responses.stream(model=heard.model, input=said, **more) as stream:
        for _ in stream:
            pass
        return stream.get_final_response()


def _stream(heard: Heard) -> None:
    response = _streamed(heard, BRIEF)
    assert response.output_text == _ask(heard).output_text
    assert response.usage.output_tokens > 0


def _instructions(heard: Heard) -> None:
    _ask(heard, instructions=SYSTEM)
    assert heard.told("system") == SYSTEM


def _tool_call(heard: Heard) -> None:
    (call,) = _calls(_ask(heard, ONE, tools=TOOLS))
    assert call.name == "get_weather"
    assert "city" in json.loads(call.arguments)
    assert heard.told("tools") == CITY_TOOLS


def _forced(heard: Heard) -> None:
    calls = _calls(_ask(heard, tools=TOOLS, tool_choice={"type": "function", "name": "get_time"}))
    assert [call.name for call in calls] == ["get_time"]
    assert heard.told("choice") == "get_time"


def _tool_call_streamed(heard: Heard) -> None:
    (call,) = _calls(_streamed(heard, ONE, tools=TOOLS))
    assert call.name == "get_weather"
    assert "city" in json.loads(call.arguments)


def _parallel(heard: Heard) -> None:
    assert [call.name for call in _calls(_ask(heard, BOTH, tools=TOOLS))] == ["get_weather", "get_time"]


def _results(heard: Heard) -> None:
    called = _ask(heard, BOTH, tools=TOOLS)
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"result of {call.name}"}
        for call in _calls(called)
    ]
    talk = [{"role": "user", "content": BOTH}, *called.output, *results]
    assert _ask(heard, talk, tools=TOOLS).output_text
    first, second = heard.told("results")
    assert "result of get_weather" in first
    assert "result of get_time" in second


def _parse(heard: Heard) -> None:
    response = heard.client(_client).responses.parse(model=heard.model, input="Which city?", text_format=City)
    assert isinstance(response.output_parsed, City)
    assert heard.told("schema") == ["inhabitants", "name"]


def _pictured(heard: Heard, url: str, wanted: Any) -> None:
    content = [
        {"type": "input_text", "text": BRIEF},
        {"type": "input_image", "image_url": url, "detail": "auto"},
    ]
    assert _ask(heard, [{"role": "user", "content": content}]).output_text
    assert heard.told("images") == [wanted]


def _image(heard: Heard) -> None:
    _pictured(heard, PICTURE_URL, PICTURE)


def _image_address(heard: Heard) -> None:
    _pictured(heard, ADDRESS, ADDRESS)


def _limit(heard: Heard) -> None:
    response = _ask(heard, LONG, max_output_tokens=16)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert heard.told("limit") == 16


def _reasoning(heard: Heard) -> None:
    _ask(heard, reasoning={"effort": "low"})
    assert bool(heard.told("reasoning")) is ("reasoning" not in heard.dropped)


def _reasoning_back(heard: Heard) -> None:
    asked: dict[str, Any] = {
        "tools": TOOLS,
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    called = _ask(heard, ONE, **asked)
    (call,) = _calls(called)
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "fog"}
    assert _ask(heard, [{"role": "user", "content": ONE}, *called.output, result], **asked).output_text
    if heard.kind in SHOWING:
        assert [item for item in called.output if item.type == "reasoning"]
        assert heard.told("signatures")


def _stateful(heard: Heard) -> None:
    _ask(heard, previous_response_id="resp_1")


def _web_search(heard: Heard) -> None:
    with pytest.raises(openai.BadRequestError, match="web_search") if heard.kind in ANSWERING else nullcontext():
        _ask(heard, tools=[{"type": "web_search"}])
    assert heard.arrived[-1].body["tools"][0]["type"] == "web_search"


ANSWERING = (Kind.OPENAI, Kind.GROQ, Kind.DEEPSEEK, Kind.OPENROUTER)
"""What has responses itself; the sandbox then says that it has no search."""
SHOWING = (Kind.OPENAI, Kind.ANTHROPIC, Kind.GEMINI, Kind.BEDROCK)
SCENARIOS: Mapping[str, Scenario] = {
    "text": _text,
    "text, async": _text_async,
    "stream": _stream,
    "instructions": _instructions,
    "tool call": _tool_call,
    "forced tool": _forced,
    "tool call, streamed": _tool_call_streamed,
    "parallel tool calls": _parallel,
    "tool results": _results,
    "schema (`.parse`)": _parse,
    "image": _image,
    "image by address": _image_address,
    "output limit": _limit,
    "reasoning effort": _reasoning,
    "reasoning given back": _reasoning_back,
    "built-in tools": _web_search,
    "answers kept by the server": _stateful,
}


@cells(Client.RESPONSES)
def test_the_cell_is_as_the_table_says(shared_stage: Stage, row: Row, kind: Kind) -> None:
    hold(shared_stage, row, kind, SCENARIOS, openai.APIStatusError)


def _vectors(heard: Heard, **more: Any) -> Any:
    return heard.client(_client).embeddings.create(model=heard.vectors, input=["a train", "a signal"], **more)


def _embed(heard: Heard) -> None:
    made = _vectors(heard)
    assert len(made.data) == 2
    assert len(made.data[0].embedding) > 3
    assert made.data[0].embedding != made.data[1].embedding
    assert made.usage.prompt_tokens > 0  # an estimate, where the provider tells none


def _embed_floats(heard: Heard) -> None:
    plain, packed = _vectors(heard, encoding_format="float"), _vectors(heard)
    assert plain.data[0].embedding == pytest.approx(packed.data[0].embedding, abs=1e-6)


def _embed_short(heard: Heard) -> None:
    assert len(_vectors(heard, dimensions=8).data[0].embedding) == 8


VECTORS: Mapping[str, Scenario] = {"vectors": _embed, "as floats": _embed_floats, "dimensions": _embed_short}


@cells(Client.EMBEDDINGS)
def test_vectors_are_as_the_table_says(shared_stage: Stage, row: Row, kind: Kind) -> None:
    hold(shared_stage, row, kind, VECTORS, openai.APIStatusError)
