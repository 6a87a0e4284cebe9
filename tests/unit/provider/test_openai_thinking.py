"""Thinking at OpenAI-compatible servers: each tells it under its own name, and few want it back."""

import json
from dataclasses import replace
from typing import Any

import pytest

from dataplane.chat.model import (
    ChatRequest,
    Effort,
    Finished,
    FinishReason,
    Image,
    Message,
    Reasoning,
    Role,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolResult,
)
from dataplane.snapshot.model import WireProtocol
from tests.support.calls import HELLO, answer_to, body_of, call_of, events_of, says

OPENAI = WireProtocol.OPENAI
DETAILS = [
    {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.encrypted", "data": "x", "index": 1},
]
THOUGHT = Thinking(text="hm", protocol="openai")
CALL = ToolCall(id="c", name="t", arguments="{}")
RESULT = ToolResult(tool_call_id="c", content="ok")


def asked(request: ChatRequest, *, provider: str, model: str = "some-model") -> dict[str, Any]:
    return body_of(call_of(OPENAI, request, provider=provider, base_url="http://127.0.0.1:1/v1", model=model))


def said(*parts: Any, then: tuple[Message, ...] = ()) -> ChatRequest:
    return ChatRequest(messages=(says(Role.USER, "Go"), says(Role.ASSISTANT, *parts), *then))


def completion(**message: Any) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {"id": "i", "model": "m", "choices": [choice]}


def chunk(reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "i", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning_content": "hm", "content": "Hi"},
        {"reasoning": "hm", "content": "Hi"},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                {"type": "text", "text": "Hi"},
            ]
        },
    ],
    ids=["DeepSeek", "Groq", "Mistral"],
)
def test_thinking_is_found_under_every_name(message: dict[str, Any]) -> None:
    answer = answer_to(call_of(OPENAI), completion(**message))
    assert answer.parts == (THOUGHT, Text(text="Hi"))
    assert events_of(call_of(OPENAI), chunk(**message), chunk("stop")) == [
        ThinkingDelta(text="hm", protocol=OPENAI),
        TextDelta(text="Hi"),
        Finished(reason=FinishReason.STOP, provider_model="m", provider_response_id="i"),
    ]


def test_details_that_come_in_pieces_are_put_together_before_the_answer() -> None:
    pieces = [
        {"type": "reasoning.text", "text": "h", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "text": "m", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "x", "index": 1},
    ]
    chunks = [chunk(reasoning=piece.get("text"), reasoning_details=[piece]) for piece in pieces]
    events = events_of(call_of(OPENAI), *chunks, chunk(content="Hi"), chunk("stop"))
    assert events[:2] == [ThinkingDelta(text="h", protocol=OPENAI), ThinkingDelta(text="m", protocol=OPENAI)]
    assert isinstance(events[2], ThinkingDelta)
    assert json.loads(events[2].signature) == DETAILS
    assert events[3] == TextDelta(text="Hi")


def test_openrouter_gets_its_details_back_as_they_were() -> None:
    answer = answer_to(call_of(OPENAI), completion(reasoning="hm", reasoning_details=DETAILS, content="Hi"))
    spoken = asked(said(*answer.parts), provider="openrouter")["messages"][1]
    assert spoken == {"role": "assistant", "content": "Hi", "reasoning_details": DETAILS}
    spoken = asked(said(THOUGHT, "Hi"), provider="openrouter")["messages"][1]
    assert spoken == {"role": "assistant", "content": "Hi", "reasoning": "hm"}


def test_deepseek_gets_thinking_back_only_while_its_tools_run() -> None:
    amid = asked(said(THOUGHT, CALL, then=(says(Role.TOOL, RESULT),)), provider="deepseek")
    assert amid["messages"][1]["reasoning_content"] == "hm"
    later = asked(said(THOUGHT, CALL, then=(says(Role.TOOL, RESULT), says(Role.USER, "On"))), provider="deepseek")
    assert "reasoning_content" not in later["messages"][1]
    foreign = replace(THOUGHT, protocol="anthropic")
    amid = asked(said(foreign, CALL, then=(says(Role.TOOL, RESULT),)), provider="deepseek")
    assert amid["messages"][1]["reasoning_content"] == ""


def test_mistral_gets_thinking_back_in_the_content() -> None:
    spoken = asked(said(THOUGHT, "Hi"), provider="mistral")["messages"][1]
    assert [part["type"] for part in spoken["content"]] == ["thinking", "text"]


@pytest.mark.parametrize("provider", ["openai", "groq", "together", "vllm", "ollama", "azure", "x"])
def test_all_others_get_none_back(provider: str) -> None:
    assert asked(said(THOUGHT, "Hi"), provider=provider)["messages"][1] == {"role": "assistant", "content": "Hi"}


@pytest.mark.parametrize(
    ("provider", "model", "reasoning", "expected"),
    [
        ("openai", "gpt-5", {"effort": Effort.NONE}, {"reasoning_effort": "minimal"}),
        ("openai", "gpt-5.2", {"effort": Effort.NONE}, {"reasoning_effort": "none"}),
        ("azure", "o4-mini", {"effort": Effort.NONE}, {"reasoning_effort": "low"}),
        ("openai", "gpt-4o", {"effort": Effort.HIGH}, {}),
        ("openai", "gpt-5.2", {"max_tokens": 1024}, {"reasoning_effort": "low"}),
        ("openai", "gpt-5.2", {"max_tokens": 1025}, {"reasoning_effort": "medium"}),
        ("openai", "gpt-5.2", {"max_tokens": 100_000}, {"reasoning_effort": "high"}),
        ("openai", "o3", {"max_tokens": 100}, {"reasoning_effort": "low"}),
        ("groq", "openai/gpt-oss-120b", {"effort": Effort.HIGH}, {"reasoning_effort": "high"}),
        (
            "groq",
            "qwen/qwen3-32b",
            {"effort": Effort.HIGH, "include": True},
            {"reasoning_effort": "default", "reasoning_format": "parsed"},
        ),
        ("groq", "llama-3.3-70b", {"effort": Effort.HIGH}, {}),
        ("openrouter", "x/y", {"effort": Effort.LOW, "include": True}, {"reasoning": {"effort": "low"}}),
        ("openrouter", "x/y", {"max_tokens": 9}, {"reasoning": {"max_tokens": 9, "exclude": True}}),
        ("openrouter", "x/y", {"effort": Effort.NONE}, {"reasoning": {"enabled": False}}),
        (
            "deepseek",
            "deepseek-chat",
            {"effort": Effort.LOW},
            {"thinking": {"type": "enabled"}, "reasoning_effort": "low"},
        ),
        ("deepseek", "deepseek-chat", {"effort": Effort.NONE}, {"thinking": {"type": "disabled"}}),
        ("mistral", "mistral-large", {"effort": Effort.HIGH}, {}),
    ],
)
def test_each_server_is_told_how_to_think_in_its_own_words(
    provider: str, model: str, reasoning: dict[str, Any], expected: dict[str, Any]
) -> None:
    body = asked(replace(HELLO, reasoning=Reasoning(**reasoning)), provider=provider, model=model)
    assert {name: value for name, value in body.items() if "reason" in name or name == "thinking"} == expected


def test_pictures_of_results_follow_all_results_of_the_turn() -> None:
    picture = Image(data=b"x", media_type="image/png")
    shown = (replace(RESULT, images=(picture,)), replace(RESULT, tool_call_id="d"))
    then = (*(says(Role.TOOL, result) for result in shown), says(Role.USER, "On"))
    messages = asked(said(CALL, replace(CALL, id="d"), then=then), provider="openai")["messages"]
    assert [message["role"] for message in messages[2:]] == ["tool", "tool", "user", "user"]
    assert messages[4]["content"][1]["type"] == "image_url"
