"""Google's SDK, unmodified: generateContent before every kind of provider."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from tests.support.matrix import Scenario, cells, hold
from tests.support.matrix_said import BOTH, BRIEF, CITY_TOOLS, LONG, ONE, PICTURE, SYSTEM, City, functions
from tests.support.matrix_stage import Heard, Stage
from tools.compatibility_table import Client, Kind, Row

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
MANUAL = types.AutomaticFunctionCallingConfig(disable=True)
TOOLS: dict[str, Any] = {
    "tools": [
        types.Tool(
            function_declarations=[
                types.FunctionDeclaration(
                    name=one["name"], description=one["description"], parameters_json_schema=one["parameters"]
                )
                for one in functions()
            ]
        )
    ],
    "automatic_function_calling": MANUAL,
}
THINK = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
SHOWING = (Kind.ANTHROPIC, Kind.GEMINI, Kind.BEDROCK)


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"fog over {city}"


def _client(heard: Heard) -> genai.Client:
    return genai.Client(api_key=heard.key, vertexai=False, http_options=types.HttpOptions(base_url=heard.url))


def _ask(heard: Heard, contents: Any = BRIEF, **config: Any) -> types.GenerateContentResponse:
    settings = types.GenerateContentConfig(**config)
    return heard.client(_client).models.generate_content(model=heard.model, contents=contents, config=settings)


def _parts(response: types.GenerateContentResponse) -> list[types.Part]:
    assert response.candidates
    assert response.candidates[0].content
    return response.candidates[0].content.parts or []


def _reason(response: types.GenerateContentResponse) -> Any:
    assert response.candidates
    return response.candidates[0].finish_reason


def _text(heard: Heard) -> None:
    response = _ask(heard)
    assert response.text
    assert _reason(response) is types.FinishReason.STOP
    assert response.usage_metadata
    assert (response.usage_metadata.prompt_token_count or 0) > 0
    assert (response.usage_metadata.candidates_token_count or 0) > 0


def _text_async(heard: Heard) -> None:
    async def ask() -> str | None:
        client = _client(heard)
        try:
            return (await client.aio.models.generate_content(model=heard.model, contents=BRIEF)).text
        finally:
            await client.aio.aclose()
            client.close()

    assert asyncio.run(ask())


def _stream(heard: Heard) -> None:
    chunks = list(heard.client(_client).models.generate_content_stream(model=heard.model, contents=BRIEF))
    assert "".join(chunk.text or "" for chunk in chunks) == _ask(heard).text
    assert _reason(chunks[-1]) is types.FinishReason.STOP
    assert chunks[-1].usage_metadata
    assert (chunks[-1].usage_metadata.candidates_token_count or 0) > 0


def _system(heard: Heard) -> None:
    _ask(heard, system_instruction=SYSTEM)
    assert heard.told("system") == SYSTEM


def _tool_call(heard: Heard) -> None:
    response = _ask(heard, ONE, **TOOLS)
    (call,) = response.function_calls or []
    assert call.name == "get_weather"
    assert "city" in (call.args or {})
    assert heard.told("tools") == CITY_TOOLS


def _forced(heard: Heard) -> None:
    calling = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["get_time"])
    response = _ask(heard, tool_config=types.ToolConfig(function_calling_config=calling), **TOOLS)
    assert [call.name for call in response.function_calls or []] == ["get_time"]
    assert heard.told("choice") == "get_time"


def _tool_call_streamed(heard: Heard) -> None:
    config = types.GenerateContentConfig(**TOOLS)
    chunks = heard.client(_client).models.generate_content_stream(model=heard.model, contents=ONE, config=config)
    (call,) = [call for chunk in chunks for call in chunk.function_calls or []]
    assert call.name == "get_weather"
    assert "city" in (call.args or {})


def _parallel(heard: Heard) -> None:
    assert [call.name for call in _ask(heard, BOTH, **TOOLS).function_calls or []] == ["get_weather", "get_time"]


def _said(text: str) -> types.Content:
    return types.Content(role="user", parts=[types.Part.from_text(text=text)])


def _answers(response: types.GenerateContentResponse) -> types.Content:
    return types.Content(
        role="user",
        parts=[
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id, name=call.name, response={"result": f"result of {call.name}"}
                )
            )
            for call in response.function_calls or []
        ],
    )


def _results(heard: Heard) -> None:
    called = _ask(heard, BOTH, **TOOLS)
    assert called.candidates
    assert _ask(heard, [_said(BOTH), called.candidates[0].content, _answers(called)], **TOOLS).text
    first, second = heard.told("results")
    assert "result of get_weather" in first
    assert "result of get_time" in second


def _automatic(heard: Heard) -> None:
    assert _ask(heard, ONE, tools=[get_weather]).text
    assert "fog over" in heard.told("results")[0]


def _schema(heard: Heard) -> None:
    response = _ask(heard, "Which city?", response_mime_type="application/json", response_schema=City)
    assert isinstance(response.parsed, City)
    assert heard.told("schema") == ["inhabitants", "name"]


def _json_mode(heard: Heard) -> None:
    response = _ask(heard, "Answer in json, one word.", response_mime_type="application/json")
    assert (response.text or "").startswith("{")


def _image(heard: Heard) -> None:
    assert _ask(heard, [types.Part.from_bytes(data=PICTURE, mime_type="image/png"), BRIEF]).text
    assert heard.told("images") == [PICTURE]


def _stop(heard: Heard) -> None:
    _ask(heard, stop_sequences=["###", "END"])
    assert heard.told("stop") == ["###", "END"]


def _temperature(heard: Heard) -> None:
    _ask(heard, temperature=0.5)
    heard.carried("temperature", "temperature", 0.5)


def _top_k(heard: Heard) -> None:
    _ask(heard, top_k=5)
    heard.carried("top_k", "top_k", 5)


def _seed(heard: Heard) -> None:
    _ask(heard, seed=7)
    heard.carried("seed", "seed", 7)


def _limit(heard: Heard) -> None:
    assert _reason(_ask(heard, LONG, max_output_tokens=16)) is types.FinishReason.MAX_TOKENS
    assert heard.told("limit") == 16


def _thinking(heard: Heard) -> None:
    response = _ask(heard, thinking_config=THINK, max_output_tokens=2048)
    assert response.text
    assert bool(heard.told("reasoning")) is ("reasoning" not in heard.dropped)
    if heard.kind in SHOWING:
        assert [part.text for part in _parts(response) if part.thought]


def _thinking_back(heard: Heard) -> None:
    asked = {**TOOLS, "thinking_config": THINK, "max_output_tokens": 2048}
    called = _ask(heard, ONE, **asked)
    assert called.candidates
    assert _ask(heard, [_said(ONE), called.candidates[0].content, _answers(called)], **asked).text
    sealed = [part for part in _parts(called) if part.thought_signature]
    assert len(heard.told("signatures")) == len(sealed)
    assert bool(sealed) is (heard.kind in SHOWING)


def _search(heard: Heard) -> None:
    _ask(heard, tools=[types.Tool(google_search=types.GoogleSearch())])
    assert heard.arrived[-1].says("googleSearch")


def _count(heard: Heard) -> None:
    counted = heard.client(_client).models.count_tokens(model=heard.model, contents=LONG)
    assert (counted.total_tokens or 0) >= len(LONG.split())


def _models(heard: Heard) -> None:
    assert f"models/{heard.model}" in [model.name for model in heard.client(_client).models.list()]
    assert heard.client(_client).models.get(model=heard.model).name == f"models/{heard.model}"


SCENARIOS: Mapping[str, Scenario] = {
    "text": _text,
    "text, async": _text_async,
    "stream": _stream,
    "system prompt": _system,
    "tool call": _tool_call,
    "forced tool": _forced,
    "tool call, streamed": _tool_call_streamed,
    "parallel tool calls": _parallel,
    "tool results": _results,
    "tools called by the SDK": _automatic,
    "schema (`.parsed`)": _schema,
    "JSON mode": _json_mode,
    "image": _image,
    "stop": _stop,
    "temperature": _temperature,
    "top_k": _top_k,
    "seed": _seed,
    "output limit": _limit,
    "thinking": _thinking,
    "thinking given back": _thinking_back,
    "built-in tools": _search,
    "count tokens": _count,
    "list of models": _models,
}


@cells(Client.CONTENT)
def test_the_cell_is_as_the_table_says(shared_stage: Stage, row: Row, kind: Kind) -> None:
    hold(shared_stage, row, kind, SCENARIOS, errors.APIError)
