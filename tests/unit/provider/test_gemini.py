"""Gemini's generateContent."""

import json
from base64 import b64decode
from dataclasses import replace
from typing import Any

import pytest

from dataplane.chat.model import (
    ChatRequest,
    Finished,
    FinishReason,
    FormatKind,
    Image,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    TextDelta,
    Thinking,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    ToolMode,
    ToolResult,
    Usage,
    UsageReport,
)
from dataplane.provider.adapter import ErrorInAnswer
from dataplane.provider.http_provider import ADAPTERS
from dataplane.provider.model import CallFailure, Verdict
from dataplane.snapshot.model import WireProtocol
from tests.support.calls import HELLO, answer_to, body_of, call_of, events_of, says

GEMINI = WireProtocol.GEMINI
TOOLS = (Tool(name="t", description="d", parameters={"type": "object"}), Tool(name="u"))


def conversation() -> ChatRequest:
    return replace(
        HELLO,
        messages=(
            says(Role.SYSTEM, "Be brief."),
            says(Role.USER, "See:", Image(data=b"\x00\x01", media_type="image/png"), Image(url="https://x/y.jpg?z=1")),
            says(
                Role.ASSISTANT,
                ToolCall(id="c1", name="t", arguments='{"a": 1}'),
                ToolCall(id="c2", name="u", arguments=""),
            ),
            says(Role.TOOL, ToolResult(tool_call_id="c1", content='{"b": 2}')),
            says(Role.TOOL, ToolResult(tool_call_id="c2", content="plain", is_error=True)),
            says(Role.USER, ToolResult(tool_call_id="c9", content="[1]", name="v"), "Well?"),
        ),
        tools=TOOLS,
    )


def test_a_conversation_is_rendered_as_contents() -> None:
    body = body_of(call_of(GEMINI, conversation()))
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"] == [
        {
            "role": "user",
            "parts": [
                {"text": "See:"},
                {"inlineData": {"mimeType": "image/png", "data": "AAE="}},
                {"fileData": {"fileUri": "https://x/y.jpg?z=1", "mimeType": "image/jpeg"}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"functionCall": {"id": "c1", "name": "t", "args": {"a": 1}}},
                {"functionCall": {"id": "c2", "name": "u", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "c1", "name": "t", "response": {"b": 2}}},
                {"functionResponse": {"id": "c2", "name": "u", "response": {"error": "plain"}}},
                {"functionResponse": {"id": "c9", "name": "v", "response": {"output": "[1]"}}},
                {"text": "Well?"},
            ],
        },
    ]
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "t", "description": "d", "parametersJsonSchema": {"type": "object"}},
                {"name": "u", "description": ""},
            ]
        }
    ]


@pytest.mark.parametrize(
    ("model", "signed"),
    [("gemini-1.5-pro", False), ("gemini-2.5-flash", False), ("gemma-3-27b", False), ("gemini-3-pro-preview", True),
     ("gemini-3.5-flash", True), ("gemini-flash-latest", True)],
)  # fmt: skip
def test_the_first_call_of_a_turn_says_that_it_has_no_signature(model: str, signed: bool) -> None:
    parts = body_of(call_of(GEMINI, conversation(), model=model))["contents"][1]["parts"]
    assert ("thoughtSignature" in parts[0]) is signed
    assert "thoughtSignature" not in parts[1]
    if signed:
        assert b64decode(parts[0]["thoughtSignature"]) == b"skip_thought_signature_validator"


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice(), {"mode": "AUTO"}),
        (ToolChoice(mode=ToolMode.NONE), {"mode": "NONE"}),
        (ToolChoice(mode=ToolMode.REQUIRED), {"mode": "ANY"}),
        (ToolChoice(mode=ToolMode.NAMED, name="t"), {"mode": "ANY", "allowedFunctionNames": ["t"]}),
    ],
)
def test_a_tool_choice_is_rendered(choice: ToolChoice, sent: dict[str, Any]) -> None:
    body = body_of(call_of(GEMINI, replace(HELLO, tools=TOOLS, tool_choice=choice)))
    assert body["toolConfig"] == {"functionCallingConfig": sent}


def test_settings_stand_in_the_generation_config() -> None:
    request = replace(
        HELLO,
        sampling=Sampling(temperature=0.5, top_p=0.9, top_k=40, frequency_penalty=0.1, presence_penalty=0.2),
        stop=("END",),
        seed=7,
        response_format=ResponseFormat(kind=FormatKind.JSON_SCHEMA, schema={"type": "object"}),
    )
    assert body_of(call_of(GEMINI, request, limit=50))["generationConfig"] == {
        "maxOutputTokens": 50,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "frequencyPenalty": 0.1,
        "presencePenalty": 0.2,
        "stopSequences": ["END"],
        "seed": 7,
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
    }
    json_only = replace(HELLO, response_format=ResponseFormat(kind=FormatKind.JSON))
    assert body_of(call_of(GEMINI, json_only))["generationConfig"] == {"responseMimeType": "application/json"}
    assert body_of(call_of(GEMINI)) == {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


def test_thinking_is_set_beside_the_limit_and_not_over_it() -> None:
    thinking = {"thinkingConfig": {"thinkingBudget": 0}}
    request = replace(HELLO, provider_options={"gemini": {"generation_config": thinking, "safetySettings": []}})
    body = body_of(call_of(GEMINI, request, limit=50))
    assert body["generationConfig"] == {"maxOutputTokens": 50, **thinking}
    assert body["safetySettings"] == []
    over = replace(HELLO, provider_options={"gemini": {"generationConfig": {"candidate_count": 5}}})
    with pytest.raises(CallFailure, match="candidate_count"):
        body_of(call_of(GEMINI, over))


def test_instructions_alone_are_a_conversation() -> None:
    body = body_of(call_of(GEMINI, ChatRequest(messages=(says(Role.SYSTEM, "Tell a joke."),))))
    assert body["contents"] == [{"role": "user", "parts": [{"text": ""}]}]


def test_a_result_of_an_unknown_call_may_go_elsewhere() -> None:
    request = ChatRequest(messages=(says(Role.TOOL, ToolResult(tool_call_id="c", content="x")),))
    with pytest.raises(CallFailure) as caught:
        body_of(call_of(GEMINI, request))
    assert (caught.value.verdict, caught.value.error) == (Verdict.IGNORED, "unsupported")


@pytest.mark.parametrize(
    ("base_url", "model", "url"),
    [
        ("https://g.example", "gemini-x", "https://g.example/v1beta/models/gemini-x:generateContent"),
        ("https://g.example/v1", "gemini-x", "https://g.example/v1/models/gemini-x:generateContent"),
        ("https://g.example/v1beta/", "models/gemini-x", "https://g.example/v1beta/models/gemini-x:generateContent"),
        ("https://g.example", "tunedModels/mine", "https://g.example/v1beta/tunedModels/mine:generateContent"),
        ("https://g.example", "a?b#c", "https://g.example/v1beta/models/a%3Fb%23c:generateContent"),
    ],
)
def test_the_model_is_part_of_the_address(base_url: str, model: str, url: str) -> None:
    deployment = call_of(GEMINI, base_url=base_url, model=model).deployment
    assert ADAPTERS[GEMINI].url(deployment, stream=False) == url
    streamed = url.replace(":generateContent", ":streamGenerateContent") + "?alt=sse"
    assert ADAPTERS[GEMINI].url(deployment, stream=True) == streamed


# --- answers ----------------------------------------------------------------------------------------------


def content(*parts: dict[str, Any], reason: str | None = "STOP", **more: object) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "modelVersion": "m", "responseId": "r", **more}


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("STOP", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("SAFETY", FinishReason.CONTENT_FILTER),
        ("RECITATION", FinishReason.CONTENT_FILTER),
        ("PROHIBITED_CONTENT", FinishReason.CONTENT_FILTER),
        ("OTHER", FinishReason.UNKNOWN),
        ("BRAND_NEW", FinishReason.UNKNOWN),
        (None, FinishReason.UNKNOWN),
    ],
)
def test_a_finish_reason_is_ours_or_unknown(reason: str | None, ours: FinishReason) -> None:
    assert answer_to(call_of(GEMINI), content({"text": "x"}, reason=reason)).finish_reason is ours


def test_thoughts_and_the_provider_s_own_tools_are_no_text() -> None:
    parts = (
        {"text": "hm", "thought": True},
        {"executableCode": {"code": "print(1)"}},
        {"codeExecutionResult": {"output": "1"}},
        {"text": "Yes", "thoughtSignature": "s"},
        {"text": "", "thoughtSignature": "s"},
        {"text": "."},
    )
    assert answer_to(call_of(GEMINI), content(*parts)).parts == (
        Thinking(text="hm", signature="s", protocol=GEMINI),
        Text(text="Yes"),
        Thinking(signature="s", protocol=GEMINI),
        Text(text="."),
    )


def test_calls_without_ids_get_the_same_ones_whenever_they_are_read() -> None:
    calls = (
        {"functionCall": {"name": "t", "args": {"a": 1}}},
        {"functionCall": {"name": "u", "id": "theirs"}},
        {"functionCall": {"name": "t"}},
    )
    answer = answer_to(call_of(GEMINI), content(*calls))
    assert answer.parts == (
        ToolCall(id="call_r_0", name="t", arguments='{"a":1}'),
        ToolCall(id="theirs", name="u", arguments="{}"),
        ToolCall(id="call_r_2", name="t", arguments="{}"),
    )
    assert answer.finish_reason is FinishReason.TOOL_CALLS
    streamed = events_of(call_of(GEMINI), content(calls[0], reason=None), content(calls[1]), content(calls[2]))
    assert [event.id for event in streamed if isinstance(event, ToolCallDelta)] == ["call_r_0", "theirs", "call_r_2"]


def test_without_an_answer_s_id_the_place_in_the_conversation_makes_the_call_s() -> None:
    raw = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "t"}}]}}]}
    assert answer_to(call_of(GEMINI), raw).parts == (ToolCall(id="call_1_0", name="t", arguments="{}"),)


def test_a_blocked_prompt_is_an_empty_answer_of_the_filter() -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 7}}
    answer = answer_to(call_of(GEMINI), blocked)
    assert (answer.parts, answer.finish_reason) == ((), FinishReason.CONTENT_FILTER)
    assert answer.usage == Usage(input_tokens=7)
    assert events_of(call_of(GEMINI), blocked) == [
        UsageReport(usage=Usage(input_tokens=7)),
        Finished(reason=FinishReason.CONTENT_FILTER),
    ]


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"])
def test_what_the_provider_could_not_read_is_malformed(reason: str) -> None:
    with pytest.raises(CallFailure) as caught:
        answer_to(call_of(GEMINI), content(reason=reason))
    assert (caught.value.verdict, caught.value.error) == (Verdict.FAILED, "malformed")
    with pytest.raises(CallFailure):
        events_of(call_of(GEMINI), content(reason=reason))


@pytest.mark.parametrize("body", [None, [], {}, {"candidates": []}, {"candidates": "x"}, "x"])
def test_an_answer_without_candidates_is_malformed(body: object) -> None:
    with pytest.raises(CallFailure) as caught:
        answer_to(call_of(GEMINI), body)
    assert caught.value.error == "malformed"


def test_usage_counts_thoughts_and_the_provider_s_own_tools() -> None:
    raw = {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 5,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 2,
    }
    usage = answer_to(call_of(GEMINI), content({"text": "x"}, usageMetadata=raw)).usage
    assert usage == Usage(input_tokens=15, cached_input_tokens=4, output_tokens=5, reasoning_tokens=2)


def test_a_stream_is_its_parts_and_ends_when_http_ends() -> None:
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 1}
    events = events_of(
        call_of(GEMINI),
        content({"text": "Hel"}, reason=None, usageMetadata=counts),
        content({"text": "lo"}, reason=None, usageMetadata=counts),
        content({"text": ""}, reason="STOP", usageMetadata={**counts, "candidatesTokenCount": 2}),
    )
    assert events == [
        TextDelta(text="Hel"),
        UsageReport(usage=Usage(input_tokens=3, output_tokens=1)),
        TextDelta(text="lo"),
        UsageReport(usage=Usage(input_tokens=3, output_tokens=2)),
        Finished(reason=FinishReason.STOP, provider_model="m", provider_response_id="r"),
    ]


def test_a_stream_without_a_finish_reason_is_cut() -> None:
    with pytest.raises(CallFailure) as caught:
        events_of(call_of(GEMINI), content({"text": "Hel"}, reason=None))
    assert caught.value.error == "stream_cut"


@pytest.mark.parametrize("error", [{"error": {"code": 503, "status": "UNAVAILABLE"}}, [{"error": {"code": 500}}]])
def test_an_error_in_the_stream_ends_it(error: Any) -> None:
    with pytest.raises(ErrorInAnswer):
        events_of(call_of(GEMINI), json.dumps(error))


def test_an_unknown_kind_of_picture_goes_without_its_type() -> None:
    request = replace(
        HELLO, messages=(says(Role.USER, Image(url="https://x/y"), Image(url="https://x/z", media_type="a/b")),)
    )
    parts = body_of(call_of(GEMINI, request))["contents"][0]["parts"]
    assert parts == [
        {"fileData": {"fileUri": "https://x/y"}},
        {"fileData": {"fileUri": "https://x/z", "mimeType": "a/b"}},
    ]
