"""LiteLLM's SDK, unmodified, over the protocols of OpenAI, Anthropic and Gemini, before every kind of provider."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support.matrix import Scenario, cells, hold
from tests.support.matrix_said import BRIEF, CITY_TOOLS, ONE, PICTURE, PICTURE_URL, SYSTEM, chat_tools
from tests.support.matrix_stage import Heard, Stage
from tools.compatibility_table import Client, Kind, Row

pytestmark = pytest.mark.filterwarnings("ignore")
"""LiteLLM and what it uses warn of themselves in many ways; what is warned of is not ours to change."""
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "inhabitants": {"type": "integer"}},
    "required": ["name", "inhabitants"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module", autouse=True)
def quiet_and_offline() -> Iterator[None]:
    """It fetches prices and reports its use, unless it is told not to before it is imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        patch.setenv("LITELLM_LOG", "ERROR")
        import litellm

        patch.setattr(litellm, "telemetry", False, raising=False)
        patch.setattr(litellm, "suppress_debug_info", True)
        yield


ADDRESSES = {"openai": "/v1", "anthropic": "", "gemini": "/v1beta"}


def _ask(heard: Heard, content: Any = BRIEF, **more: Any) -> Any:
    import litellm

    spoken = heard.client_of.value.partition(": ")[2].partition("/")[0]
    messages = more.pop("messages", [{"role": "user", "content": content}])
    return litellm.completion(
        model=f"{spoken}/{heard.model}",
        messages=messages,
        api_base=heard.url + ADDRESSES[spoken],
        api_key=heard.key,
        num_retries=0,
        max_retries=0,
        _skip_mcp_handler=True,  # which it cannot import where only the SDK is installed
        **more,
    )


def _text(heard: Heard) -> None:
    answer = _ask(heard, messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": BRIEF}])
    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens > 0
    assert heard.arrived[-1].says(SYSTEM)


def _stream(heard: Heard) -> None:
    texts = [chunk.choices[0].delta.content or "" for chunk in _ask(heard, stream=True)]
    assert "".join(texts) == _ask(heard).choices[0].message.content


def _tool_call(heard: Heard) -> None:
    (call,) = _ask(heard, ONE, tools=chat_tools()).choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert "city" in json.loads(call.function.arguments)
    assert heard.told("tools") == CITY_TOOLS


def _results(heard: Heard) -> None:
    asked = {"role": "user", "content": ONE}
    called = _ask(heard, ONE, tools=chat_tools()).choices[0].message
    result = {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "result of get_weather"}
    assert _ask(heard, messages=[asked, called.model_dump(), result], tools=chat_tools()).choices[0].message.content
    assert "result of get_weather" in heard.told("results")[0]


def _schema(heard: Heard) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}
    answer = _ask(heard, "Which city?", response_format=form)
    found = json.loads(answer.choices[0].message.content)
    if (
        heard.client_of is Client.LITELLM_GEMINI
    ):  # for names that are not Google's it asks for JSON, with the schema in words
        assert isinstance(found, dict)
        assert heard.arrived[-1].says("inhabitants")
    else:
        assert found.keys() == {"name", "inhabitants"}


def _image(heard: Heard) -> None:
    picture = {"type": "image_url", "image_url": {"url": PICTURE_URL}}
    assert _ask(heard, [{"type": "text", "text": BRIEF}, picture]).choices[0].message.content
    assert heard.told("images") == [PICTURE]


SCENARIOS: Mapping[str, Scenario] = {
    "text": _text,
    "stream": _stream,
    "tool call": _tool_call,
    "tool results": _results,
    "schema": _schema,
    "image": _image,
}


@cells(Client.LITELLM_OPENAI, Client.LITELLM_ANTHROPIC, Client.LITELLM_GEMINI)
def test_the_cell_is_as_the_table_says(shared_stage: Stage, row: Row, kind: Kind) -> None:
    hold(shared_stage, row, kind, SCENARIOS, Exception)
