"""LangChain's ChatOpenAI, unmodified, before every kind of provider."""

import asyncio
from collections.abc import Mapping
from typing import Any

import openai
import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from tests.support.matrix import Scenario, cells, hold
from tests.support.matrix_said import BOTH, BRIEF, CITY_TOOLS, ONE, PICTURE, PICTURE_URL, SYSTEM, City, chat_tools
from tests.support.matrix_stage import Heard, Stage
from tools.compatibility_table import Client, Kind, Row


def _chat(heard: Heard, **more: Any) -> ChatOpenAI:
    key = SecretStr(heard.key)
    return ChatOpenAI(model=heard.model, base_url=f"{heard.url}/v1", api_key=key, max_retries=0, **more)


def _invoke(heard: Heard) -> None:
    answer = _chat(heard).invoke([SystemMessage(SYSTEM), HumanMessage(BRIEF)])
    assert answer.text
    assert answer.usage_metadata
    assert answer.usage_metadata["output_tokens"] > 0
    assert heard.told("system") == SYSTEM


def _runner(_: Heard) -> asyncio.Runner:
    """One event loop for all cells: LangChain keeps one client for all of its models."""
    return asyncio.Runner()


def _ainvoke(heard: Heard) -> None:
    assert heard.client(_runner).run(_chat(heard).ainvoke(BRIEF)).text


def _stream(heard: Heard) -> None:
    chunks = list(_chat(heard, stream_usage=True).stream(BRIEF))
    whole = sum(chunks[1:], chunks[0])
    assert isinstance(whole, AIMessageChunk)
    assert whole.text == _chat(heard).invoke(BRIEF).text
    assert whole.usage_metadata
    assert whole.usage_metadata["output_tokens"] > 0


def _bind_tools(heard: Heard) -> None:
    (call,) = _chat(heard).bind_tools(chat_tools()).invoke(ONE).tool_calls
    assert call["name"] == "get_weather"
    assert "city" in call["args"]
    assert heard.told("tools") == CITY_TOOLS


def _tool_results(heard: Heard) -> None:
    chat = _chat(heard).bind_tools(chat_tools())
    called = chat.invoke(BOTH)
    results = [ToolMessage(content=f"result of {call['name']}", tool_call_id=call["id"]) for call in called.tool_calls]
    assert len(results) == 2
    assert chat.invoke([HumanMessage(BOTH), called, *results]).text
    assert "result of get_weather" in heard.told("results")[0]


def _structured(heard: Heard, **more: Any) -> None:
    assert isinstance(_chat(heard).with_structured_output(City, **more).invoke("Which city?"), City)


def _by_schema(heard: Heard) -> None:
    _structured(heard)
    assert heard.told("schema") == ["inhabitants", "name"]


def _by_tool(heard: Heard) -> None:
    _structured(heard, method="function_calling")
    assert heard.told("choice") == "City"


def _image(heard: Heard) -> None:
    picture = {"type": "image_url", "image_url": {"url": PICTURE_URL}}
    assert _chat(heard).invoke([HumanMessage([{"type": "text", "text": BRIEF}, picture])]).text
    assert heard.told("images") == [PICTURE]


def _responses(heard: Heard) -> None:
    assert _chat(heard, use_responses_api=True).invoke(BRIEF).text


SCENARIOS: Mapping[str, Scenario] = {
    "`invoke`": _invoke,
    "`ainvoke`": _ainvoke,
    "`stream`": _stream,
    "`bind_tools`": _bind_tools,
    "tool results": _tool_results,
    "`with_structured_output`": _by_schema,
    "`with_structured_output` by a tool": _by_tool,
    "image": _image,
    "`use_responses_api`": _responses,
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@cells(Client.LANGCHAIN)
def test_the_cell_is_as_the_table_says(shared_stage: Stage, row: Row, kind: Kind) -> None:
    hold(shared_stage, row, kind, SCENARIOS, openai.APIStatusError)
