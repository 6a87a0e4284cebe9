"""Anthropic's messages."""

import json
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
    ThinkingDelta,
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
from dataplane.provider.anthropic_model import is_enforceable
from dataplane.provider.http_provider import ADAPTERS
from dataplane.provider.model import Call, CallFailure, Verdict
from dataplane.snapshot.model import WireProtocol
from tests.support.calls import HELLO, answer_to, body_of, call_of, events_of, says

ANTHROPIC = WireProtocol.ANTHROPIC
CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
OLD, NEW, NEWEST = "claude-3-5-sonnet-20241022", "claude-sonnet-4-5", "claude-opus-4-8"
TOOL = Tool(name="t", description="d", parameters=OPEN, strict=True)


def test_a_conversation_is_rendered_as_turns() -> None:
    request = replace(
        HELLO,
        messages=(
            says(Role.SYSTEM, "Be brief."),
            says(Role.USER, "See:", Image(data=b"\x00\x01", media_type="image/png"), Image(url="https://x/y.jpg")),
            says(Role.ASSISTANT, "", ToolCall(id="c1", name="t", arguments='{"a": 1}')),
            says(Role.ASSISTANT, ToolCall(id="c2", name="t", arguments="")),
            says(Role.TOOL, ToolResult(tool_call_id="c1", content="one")),
            says(Role.TOOL, ToolResult(tool_call_id="c2", content="two", is_error=True)),
            says(Role.SYSTEM, "And kind."),
            says(Role.USER, "Well?"),
        ),
    )
    body = body_of(call_of(ANTHROPIC, request))
    assert body["system"] == [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "And kind."}]
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "See:"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAE="}},
                {"type": "image", "source": {"type": "url", "url": "https://x/y.jpg"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "c1", "name": "t", "input": {"a": 1}},
                {"type": "tool_use", "id": "c2", "name": "t", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "two", "is_error": True},
                {"type": "text", "text": "Well?"},
            ],
        },
    ]


def test_there_is_always_an_output_limit() -> None:
    assert body_of(call_of(ANTHROPIC))["max_tokens"] == 4096
    assert body_of(call_of(ANTHROPIC, max_output_tokens=1000))["max_tokens"] == 1000
    assert body_of(call_of(ANTHROPIC, limit=10))["max_tokens"] == 10


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        (OLD, {"temperature": 1.0, "top_p": 0.9, "top_k": 5}),
        ("claude-sonnet-4-20250514", {"temperature": 1.0, "top_p": 0.9, "top_k": 5}),
        ("someone-elses-model", {"temperature": 1.0, "top_p": 0.9, "top_k": 5}),
        (NEW, {"temperature": 1.0, "top_k": 5}),
        ("claude-opus-4-1-20250805", {"temperature": 1.0, "top_k": 5}),
        (NEWEST, {}),
        ("claude-sonnet-5", {}),
    ],
)
def test_each_family_gets_the_sampling_that_it_takes(model: str, sent: dict[str, float]) -> None:
    sampling = Sampling(temperature=1.5, top_p=0.9, top_k=5, frequency_penalty=1, presence_penalty=1)
    body = body_of(call_of(ANTHROPIC, replace(HELLO, sampling=sampling), model=model))
    names = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")
    assert {name: body[name] for name in names if name in body} == sent


def test_top_p_alone_goes_where_one_is_taken() -> None:
    assert body_of(call_of(ANTHROPIC, replace(HELLO, sampling=Sampling(top_p=0.9)), model=NEW))["top_p"] == 0.9


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice(), {"type": "auto"}),
        (ToolChoice(mode=ToolMode.NONE, disable_parallel=True), {"type": "none"}),
        (ToolChoice(mode=ToolMode.REQUIRED), {"type": "any"}),
        (
            ToolChoice(mode=ToolMode.NAMED, name="t", disable_parallel=True),
            {"type": "tool", "name": "t", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_a_tool_choice_is_rendered(choice: ToolChoice, sent: dict[str, Any]) -> None:
    body = body_of(call_of(ANTHROPIC, replace(HELLO, tools=(TOOL,), tool_choice=choice)))
    assert body["tool_choice"] == sent
    assert body["tools"] == [{"name": "t", "description": "d", "input_schema": OPEN, "strict": True}]


def test_an_older_model_is_not_asked_to_be_strict() -> None:
    assert "strict" not in body_of(call_of(ANTHROPIC, replace(HELLO, tools=(TOOL,)), model=OLD))["tools"][0]


def test_a_tool_without_parameters_has_an_empty_schema() -> None:
    tools = body_of(call_of(ANTHROPIC, replace(HELLO, tools=(Tool(name="t"),))))["tools"]
    assert tools == [{"name": "t", "input_schema": {"type": "object", "properties": {}}}]


def by_schema(model: str, schema: dict[str, Any] | None, *tools: Tool, **more: Any) -> Call:
    kind = FormatKind.JSON_SCHEMA if schema else FormatKind.JSON
    form = ResponseFormat(kind=kind, name="place" if schema else "", schema=schema, description="A place")
    return call_of(ANTHROPIC, replace(HELLO, response_format=form, tools=tools, **more), model=model)


def test_a_schema_that_can_be_enforced_is_enforced() -> None:
    body = body_of(by_schema(NEW, CLOSED))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": CLOSED}}
    assert "tools" not in body


@pytest.mark.parametrize(("model", "schema"), [(OLD, CLOSED), (NEW, OPEN), ("someone-elses-model", CLOSED)])
def test_any_other_schema_is_a_tool_that_must_be_called(model: str, schema: dict[str, Any]) -> None:
    body = body_of(by_schema(model, schema))
    assert body["tools"] == [{"name": "place", "description": "A place", "input_schema": schema}]
    assert body["tool_choice"] == {"type": "tool", "name": "place"}
    assert "output_config" not in body


def test_beside_tools_of_the_caller_s_some_tool_must_be_called() -> None:
    body = body_of(by_schema(OLD, CLOSED, Tool(name="place"), TOOL))
    assert [tool["name"] for tool in body["tools"]] == ["place", "t", "place_"]
    assert body["tool_choice"] == {"type": "any"}
    none = body_of(by_schema(OLD, CLOSED, TOOL, tool_choice=ToolChoice(mode=ToolMode.NONE)))
    assert none["tool_choice"] == {"type": "tool", "name": "place"}
    named = body_of(by_schema(OLD, CLOSED, TOOL, tool_choice=ToolChoice(mode=ToolMode.NAMED, name="t")))
    assert named["tool_choice"] == {"type": "tool", "name": "t"}


def test_any_json_object_is_a_tool_for_every_model() -> None:
    body = body_of(by_schema(NEW, None))
    assert body["tools"][0]["input_schema"] == {"type": "object", "additionalProperties": True}
    assert body["tool_choice"] == {"type": "tool", "name": "answer"}


def test_the_answering_tool_s_arguments_are_the_answer() -> None:
    call = by_schema(OLD, CLOSED)
    block = {"type": "tool_use", "id": "x", "name": "place", "input": {"a": "é"}}
    answer = answer_to(call, {"content": [block], "stop_reason": "tool_use"})
    assert (answer.parts, answer.finish_reason) == ((Text(text='{"a":"é"}'),), FinishReason.STOP)


def test_the_answering_tool_s_arguments_stream_as_text() -> None:
    events = events_of(
        by_schema(OLD, CLOSED),
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "x", "name": "place"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"a":'}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '"b"}'}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    )
    assert events == [
        TextDelta(text='{"a":'),
        TextDelta(text='"b"}'),
        UsageReport(usage=Usage(output_tokens=3)),
        Finished(reason=FinishReason.STOP),
    ]


def test_another_tool_beside_the_answering_one_is_a_call() -> None:
    call = by_schema(OLD, CLOSED, TOOL)
    block = {"type": "tool_use", "id": "x", "name": "t", "input": {}}
    answer = answer_to(call, {"content": [block], "stop_reason": "tool_use"})
    assert (answer.parts, answer.finish_reason) == (
        (ToolCall(id="x", name="t", arguments="{}"),),
        FinishReason.TOOL_CALLS,
    )


@pytest.mark.parametrize(
    ("schema", "enforceable"),
    [
        (CLOSED, True),
        (OPEN, False),
        ({"type": "string"}, True),
        ({"type": "array", "items": CLOSED, "minItems": 1}, True),
        ({"type": "array", "items": OPEN}, False),
        ({"type": "array", "items": CLOSED, "minItems": 2}, False),
        ({**CLOSED, "properties": {"minimum": {"type": "integer"}}}, True),
        ({**CLOSED, "properties": {"a": {"type": "integer", "minimum": 1}}}, False),
        ({"anyOf": [CLOSED, {"type": "null"}]}, True),
        ({"anyOf": [CLOSED, OPEN]}, False),
        ({**CLOSED, "$defs": {"maximum": CLOSED}}, True),
        ({**CLOSED, "$defs": {"b": OPEN}}, False),
        ({"enum": [{"type": "object"}]}, True),
        ({"type": ["object", "null"]}, False),
        (None, True),
    ],
)
def test_a_schema_is_enforceable_if_every_object_is_closed_and_nothing_is_bounded(
    schema: dict[str, Any], enforceable: bool
) -> None:
    assert is_enforceable(schema) is enforceable


def test_only_the_user_s_id_of_the_metadata_is_passed_on() -> None:
    body = body_of(call_of(ANTHROPIC, replace(HELLO, metadata={"user_id": "u", "team": "t"})))
    assert body["metadata"] == {"user_id": "u"}
    assert "metadata" not in body_of(call_of(ANTHROPIC, replace(HELLO, metadata={"team": "t"})))


def test_effort_goes_beside_the_schema_but_not_over_it() -> None:
    call = by_schema(NEW, CLOSED, provider_options={"anthropic": {"output_config": {"effort": "low"}}})
    assert body_of(call)["output_config"]["effort"] == "low"
    with pytest.raises(CallFailure, match="provider_options"):
        body_of(by_schema(NEW, CLOSED, provider_options={"anthropic": {"output_config": {"format": {}}}}))


@pytest.mark.parametrize(
    "request_",
    [
        ChatRequest(messages=(says(Role.SYSTEM, "Only instructions"),)),
        ChatRequest(messages=(says(Role.USER, ""),)),
        ChatRequest(messages=(says(Role.ASSISTANT, ToolCall(id="c", name="t", arguments="no json")),)),
        ChatRequest(messages=(says(Role.ASSISTANT, ToolCall(id="c", name="t", arguments="[1]")),)),
    ],
)
def test_what_only_this_protocol_cannot_say_may_go_elsewhere(request_: ChatRequest) -> None:
    with pytest.raises(CallFailure) as caught:
        body_of(call_of(ANTHROPIC, request_))
    assert (caught.value.verdict, caught.value.error, caught.value.unsent) == (Verdict.IGNORED, "unsupported", True)


def test_an_image_without_its_type_is_the_caller_s_mistake() -> None:
    with pytest.raises(CallFailure, match="media_type"):
        body_of(call_of(ANTHROPIC, replace(HELLO, messages=(says(Role.USER, Image(data=b"x")),))))


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1/", "https://api.anthropic.com/v1/messages"),
        ("http://127.0.0.1:80/anthropic", "http://127.0.0.1:80/anthropic/v1/messages"),
    ],
)
def test_the_address_has_one_version(base_url: str, url: str) -> None:
    assert ADAPTERS[ANTHROPIC].url(call_of(ANTHROPIC, base_url=base_url).deployment, stream=False) == url


# --- answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("pause_turn", FinishReason.LENGTH),
        ("tool_use", FinishReason.TOOL_CALLS),
        ("refusal", FinishReason.REFUSAL),
        ("brand_new", FinishReason.UNKNOWN),
        (None, FinishReason.UNKNOWN),
    ],
)
def test_a_finish_reason_is_ours_or_unknown(reason: str | None, ours: FinishReason) -> None:
    assert answer_to(call_of(ANTHROPIC), {"content": [], "stop_reason": reason}).finish_reason is ours


def test_thinking_and_the_provider_s_own_tools_are_no_text() -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "content": []},
        {"type": "text", "text": "Yes."},
        {"type": "brand_new", "text": "no"},
    ]
    assert answer_to(call_of(ANTHROPIC), {"content": blocks, "stop_reason": "end_turn"}).parts == (
        Thinking(text="hm", signature="s", protocol=ANTHROPIC),
        Thinking(redacted="x", protocol=ANTHROPIC),
        Text(text="Yes."),
    )


def test_input_tokens_include_what_the_cache_served_and_took() -> None:
    usage = {"input_tokens": 1, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 300, "output_tokens": 4}
    answer = answer_to(call_of(ANTHROPIC), {"content": [], "usage": usage})
    assert answer.usage == Usage(input_tokens=321, cached_input_tokens=20, cache_write_tokens=300, output_tokens=4)


def test_compaction_is_billed_though_the_totals_leave_it_out() -> None:
    iterations = [
        {"type": "compaction", "input_tokens": 100, "output_tokens": 10},
        {"type": "message", "input_tokens": 1, "output_tokens": 4},
    ]
    usage = {"input_tokens": 1, "output_tokens": 4, "iterations": iterations}
    answer = answer_to(call_of(ANTHROPIC), {"content": [], "usage": usage})
    assert answer.usage == Usage(input_tokens=101, output_tokens=14)


@pytest.mark.parametrize("body", [None, [], {}, {"content": "x"}, "x"])
def test_an_answer_without_content_is_malformed(body: object) -> None:
    with pytest.raises(CallFailure) as caught:
        answer_to(call_of(ANTHROPIC), body)
    assert caught.value.error == "malformed"


def test_a_stream_is_its_events() -> None:
    events = events_of(
        call_of(ANTHROPIC),
        {
            "type": "message_start",
            "message": {"id": "i", "model": "m", "usage": {"input_tokens": 5, "output_tokens": 1}},
        },
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {}}},
        {"type": "content_block_stop", "index": 1},
        {
            "type": "content_block_start",
            "index": 2,
            "content_block": {"type": "server_tool_use", "id": "s", "name": "w"},
        },
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"q":1}'}},
        {"type": "content_block_stop", "index": 2},
        {"type": "content_block_start", "index": 3, "content_block": {"type": "tool_use", "id": "c", "name": "t"}},
        {"type": "content_block_delta", "index": 3, "delta": {"type": "input_json_delta", "partial_json": ""}},
        {"type": "content_block_stop", "index": 3},
        {"type": "content_block_start", "index": 4, "content_block": {"type": "tool_use", "id": "d", "name": "u"}},
        {"type": "content_block_delta", "index": 4, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
        {"type": "content_block_stop", "index": 4},
        {"type": "brand_new"},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )
    assert events == [
        UsageReport(usage=Usage(input_tokens=5, output_tokens=1)),
        ThinkingDelta(text="hm", protocol=ANTHROPIC),
        ThinkingDelta(signature="s", protocol=ANTHROPIC),
        TextDelta(text="Hi"),
        ToolCallDelta(index=0, id="c", name="t"),
        ToolCallDelta(index=0, arguments="{}"),
        ToolCallDelta(index=1, id="d", name="u"),
        ToolCallDelta(index=1, arguments='{"a":1}'),
        UsageReport(usage=Usage(input_tokens=5, output_tokens=9)),
        Finished(reason=FinishReason.TOOL_CALLS, provider_model="m", provider_response_id="i"),
    ]


def test_a_stop_reason_alone_is_not_the_end_of_a_stream() -> None:
    with pytest.raises(CallFailure) as caught:
        events_of(call_of(ANTHROPIC), {"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    assert caught.value.error == "stream_cut"


def test_an_error_event_ends_the_stream() -> None:
    with pytest.raises(ErrorInAnswer) as caught:
        events_of(call_of(ANTHROPIC), {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
    assert json.dumps(caught.value.body)


def test_arguments_that_no_json_can_hold_are_malformed() -> None:
    block = {"type": "tool_use", "id": "x", "name": "t", "input": {"a": float("inf")}}
    with pytest.raises(CallFailure) as caught:
        answer_to(call_of(ANTHROPIC), {"content": [block]})
    assert caught.value.error == "malformed"
