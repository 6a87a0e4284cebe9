"""Thinking goes back by the protocol that it came by, and models are told how to think in their own words."""

from dataclasses import replace
from typing import Any

import pytest

from dataplane.chat.model import (
    ChatRequest,
    Effort,
    FormatKind,
    Image,
    Part,
    Reasoning,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from dataplane.snapshot.model import WireProtocol
from tests.support.calls import HELLO, body_of, call_of, says

ANTHROPIC, GEMINI = WireProtocol.ANTHROPIC, WireProtocol.GEMINI
CALL = ToolCall(id="c", name="t", arguments="{}")
RESULT = ToolResult(tool_call_id="c", content="ok")
TOOLS = (Tool(name="t"),)
EVERY_SAMPLING = Sampling(temperature=0.5, top_p=0.9, top_k=40)


def after(*parts: Part, **settings: Any) -> ChatRequest:
    """A request in which the model has said `parts`, called a tool and got its result."""
    said = (says(Role.USER, "Go"), says(Role.ASSISTANT, *parts, CALL), says(Role.TOOL, RESULT))
    return ChatRequest(messages=said, tools=TOOLS, **settings)


def thinking_on(**reasoning: Any) -> ChatRequest:
    return replace(HELLO, reasoning=Reasoning(**reasoning), sampling=EVERY_SAMPLING)


# --- Anthropic ---------------------------------------------------------------------------------------------


def test_anthropic_gets_its_sealed_blocks_back_and_nothing_else() -> None:
    parts = (
        Thinking(text="hm", signature="s", protocol="anthropic"),
        Thinking(redacted="x", protocol="anthropic"),
        Thinking(text="unsealed", protocol="anthropic"),
        Thinking(text="foreign", signature="s", protocol="gemini"),
    )
    spoken = body_of(call_of(ANTHROPIC, after(*parts)))["messages"][1]["content"]
    assert spoken == [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "tool_use", "id": "c", "name": "t", "input": {}},
    ]


@pytest.mark.parametrize(
    ("reasoning", "limit", "expected"),
    [
        ({"effort": Effort.LOW}, 0, (2048, 4096 + 2048)),
        ({"effort": Effort.HIGH}, 0, (16384, 4096 + 16384)),
        ({"max_tokens": 3000}, 10_000, (3000, 10_000)),
        ({"max_tokens": 10}, 10_000, (1024, 10_000)),
        ({"effort": Effort.HIGH}, 5000, (4000, 5000)),
    ],
)
def test_a_budget_is_less_than_the_limit_of_the_answer(
    reasoning: dict[str, Any], limit: int, expected: tuple[int, int]
) -> None:
    body = body_of(call_of(ANTHROPIC, thinking_on(**reasoning), limit=limit))
    assert (body["thinking"], body["max_tokens"]) == (
        {"type": "enabled", "budget_tokens": expected[0]},
        expected[1],
    )


def test_a_model_that_thinks_takes_no_sampling() -> None:
    body = body_of(call_of(ANTHROPIC, thinking_on(effort=Effort.LOW)))
    assert not {"temperature", "top_p", "top_k"} & body.keys()
    high = replace(thinking_on(effort=Effort.LOW), sampling=Sampling(top_p=0.97))
    assert body_of(call_of(ANTHROPIC, high))["top_p"] == 0.97


@pytest.mark.parametrize(
    "request_",
    [
        thinking_on(effort=Effort.NONE),
        replace(thinking_on(effort=Effort.LOW), response_format=ResponseFormat(kind=FormatKind.JSON)),
        replace(thinking_on(effort=Effort.LOW), tools=TOOLS, tool_choice=ToolChoice(mode=ToolMode.REQUIRED)),
        after(reasoning=Reasoning(effort=Effort.LOW)),
        after(Thinking(text="foreign", protocol="openai"), reasoning=Reasoning(effort=Effort.LOW)),
    ],
    ids=["not wanted", "an answer by tool", "a tool that must be called", "amid tools", "amid another's tools"],
)
def test_nothing_is_thought_where_the_api_would_refuse(request_: ChatRequest) -> None:
    assert "thinking" not in body_of(call_of(ANTHROPIC, request_))


def test_nothing_is_thought_where_the_limit_leaves_no_room() -> None:
    body = body_of(call_of(ANTHROPIC, thinking_on(effort=Effort.LOW), limit=1100))
    assert "thinking" not in body
    assert body["max_tokens"] == 1100


def test_amid_tools_of_its_own_thinking_goes_on() -> None:
    request = after(Thinking(text="hm", signature="s", protocol="anthropic"), reasoning=Reasoning(effort=Effort.LOW))
    assert body_of(call_of(ANTHROPIC, request))["thinking"]["type"] == "enabled"


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-sonnet-4-6", "claude-opus-4-8", "claude-sonnet-5"])
def test_later_claudes_find_the_measure_themselves(model: str) -> None:
    body = body_of(call_of(ANTHROPIC, thinking_on(effort=Effort.HIGH, include=True), model=model))
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "high"}
    body = body_of(call_of(ANTHROPIC, thinking_on(effort=Effort.NONE), model=model))
    assert body["thinking"] == {"type": "disabled"}


@pytest.mark.parametrize("model", ["claude-3-5-haiku-latest", "claude-3-opus-20240229", "somebody-s-model"])
def test_a_model_that_cannot_think_is_not_told_to(model: str) -> None:
    body = body_of(call_of(ANTHROPIC, thinking_on(effort=Effort.HIGH), model=model))
    assert "thinking" not in body
    assert body["temperature"] == 0.5


def test_anthropic_takes_pictures_in_results() -> None:
    shown = ToolResult(tool_call_id="c", content="see", images=(Image(data=b"x", media_type="image/png"),))
    request = ChatRequest(messages=(says(Role.USER, "Go"), says(Role.ASSISTANT, CALL), says(Role.TOOL, shown)))
    (result,) = body_of(call_of(ANTHROPIC, request))["messages"][2]["content"]
    assert [part["type"] for part in result["content"]] == ["text", "image"]


# --- Gemini ------------------------------------------------------------------------------------------------


def test_gemini_gets_a_signature_back_with_what_it_signed() -> None:
    parts = (Thinking(text="hm", signature="s", protocol="gemini"),)
    contents = body_of(call_of(GEMINI, after(*parts), model="gemini-3-pro"))["contents"]
    assert contents[1]["parts"] == [
        {"text": "hm", "thought": True},
        {"functionCall": {"id": "c", "name": "t", "args": {}}, "thoughtSignature": "s"},
    ]


def test_only_the_first_call_without_a_signature_says_that_it_has_none() -> None:
    second = replace(CALL, id="d")
    request = ChatRequest(messages=(says(Role.USER, "Go"), says(Role.ASSISTANT, CALL, second)), tools=TOOLS)
    first, other = body_of(call_of(GEMINI, request, model="gemini-3-pro"))["contents"][1]["parts"]
    assert "thoughtSignature" in first
    assert "thoughtSignature" not in other


def test_a_signature_after_the_last_text_stands_alone() -> None:
    said = says(Role.ASSISTANT, Text(text="Hi"), Thinking(signature="s", protocol="gemini"))
    request = ChatRequest(messages=(says(Role.USER, "Go"), said, says(Role.USER, "On")))
    assert body_of(call_of(GEMINI, request))["contents"][1]["parts"] == [
        {"text": "Hi"},
        {"text": "", "thoughtSignature": "s"},
    ]


def test_foreign_thinking_does_not_reach_gemini() -> None:
    contents = body_of(call_of(GEMINI, after(Thinking(text="no", signature="no", protocol="anthropic"))))["contents"]
    assert "no" not in str(contents[1])


@pytest.mark.parametrize(
    ("model", "reasoning", "expected"),
    [
        ("gemini-2.5-flash", {"effort": Effort.NONE}, {"thinkingBudget": 0}),
        ("gemini-2.5-pro", {"effort": Effort.NONE}, {"thinkingBudget": 128}),
        ("gemini-2.5-pro", {"max_tokens": 2000, "include": True}, {"thinkingBudget": 2000, "includeThoughts": True}),
        ("gemini-3-pro-preview", {"effort": Effort.HIGH}, {"thinkingLevel": "high"}),
        ("gemini-3-pro-preview", {"effort": Effort.NONE}, {"thinkingLevel": "low"}),
        ("gemini-3-flash-preview", {"effort": Effort.NONE}, {"thinkingLevel": "minimal"}),
        ("gemini-3-pro-preview", {"include": True}, {"includeThoughts": True}),
        ("gemini-2.0-flash", {"effort": Effort.HIGH}, None),
    ],
)
def test_gemini_is_told_by_budget_or_level(
    model: str, reasoning: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    body = body_of(call_of(GEMINI, thinking_on(**reasoning), model=model))
    assert body["generationConfig"].get("thinkingConfig") == expected


@pytest.mark.parametrize(("model", "within"), [("gemini-3-pro", True), ("gemini-2.5-pro", False)])
def test_gemini_takes_pictures_of_results(model: str, within: bool) -> None:
    shown = ToolResult(tool_call_id="c", content="see", images=(Image(data=b"x", media_type="image/png"),))
    request = ChatRequest(messages=(says(Role.USER, "Go"), says(Role.ASSISTANT, CALL), says(Role.TOOL, shown)))
    first, *rest = body_of(call_of(GEMINI, request, model=model))["contents"][2]["parts"]
    pictures = first["functionResponse"].get("parts", []) if within else rest
    assert [picture["inlineData"]["mimeType"] for picture in pictures] == ["image/png"]
