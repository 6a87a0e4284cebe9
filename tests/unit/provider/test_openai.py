"""OpenAI's chat completions, and the servers that are compatible with it."""

from dataclasses import replace
from datetime import UTC, datetime
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
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    ToolMode,
    ToolResult,
    Usage,
    UsageReport,
)
from dataplane.provider.adapter import ErrorInAnswer, Outgoing
from dataplane.provider.http_provider import ADAPTERS
from dataplane.provider.model import Call, CallFailure, Verdict
from dataplane.snapshot.model import WireProtocol
from tests.support.calls import HELLO, answer_to, body_of, call_of, events_of, says

NOW = datetime(2026, 11, 21, tzinfo=UTC)
OPENAI = WireProtocol.OPENAI
EVERYTHING = replace(
    HELLO,
    sampling=Sampling(temperature=0.5, top_p=0.9, top_k=40, frequency_penalty=0.1, presence_penalty=-0.1),
    seed=7,
    stop=("END",),
)


def elsewhere(
    base_url: str, request: ChatRequest = EVERYTHING, *, model: str = "some-model", provider: str = "x"
) -> Call:
    return call_of(OPENAI, request, limit=100, model=model, base_url=base_url, provider=provider)


@pytest.mark.parametrize(
    ("base_url", "model", "field"),
    [
        ("https://api.openai.com/v1", "gpt-4o", "max_completion_tokens"),
        ("https://api.openai.com/v1", "o3-mini", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "gpt-4o", "max_completion_tokens"),
        ("https://openrouter.ai/api/v1", "meta/llama", "max_completion_tokens"),
        ("http://proxy.internal/v1", "openai/gpt-5-mini", "max_completion_tokens"),
        ("http://proxy.internal/v1", "o1", "max_completion_tokens"),
        ("http://proxy.internal/v1", "gpt-4o", "max_tokens"),
        ("http://proxy.internal/v1", "gpt-oss-120b", "max_tokens"),
        ("http://proxy.internal/v1", "olmo-7b", "max_tokens"),
        ("https://api.groq.com/openai/v1", "llama", "max_tokens"),
        ("https://api.mistral.ai/v1", "mistral-small", "max_tokens"),
        ("https://api.openai.com.evil.example/v1", "gpt-4o", "max_tokens"),
    ],
)
def test_the_output_limit_has_the_name_that_the_server_knows(base_url: str, model: str, field: str) -> None:
    body = body_of(elsewhere(base_url, HELLO, model=model))
    assert [name for name in body if "max" in name] == [field]
    assert body[field] == 100


def test_mistral_is_asked_in_its_own_words() -> None:
    request = replace(EVERYTHING, tools=(Tool(name="t"),), tool_choice=ToolChoice(mode=ToolMode.REQUIRED))
    body = body_of(elsewhere("https://api.mistral.ai/v1", request), stream=True)
    assert body["random_seed"] == 7
    assert body["tool_choice"] == "any"
    assert not {"seed", "stream_options", "top_k"} & body.keys()


def test_a_stream_asks_for_its_usage() -> None:
    assert body_of(elsewhere("http://any/v1"), stream=True)["stream_options"] == {"include_usage": True}
    assert "stream" not in body_of(elsewhere("http://any/v1"))


@pytest.mark.parametrize(
    ("base_url", "provider", "sent"),
    [
        ("https://api.openai.com/v1", "openai", False),
        ("https://openrouter.ai/api/v1", "openrouter", True),
        ("http://10.0.0.1/v1", "vllm", True),
        ("http://10.0.0.1/v1", "other", False),
    ],
)
def test_top_k_goes_only_where_it_is_known(base_url: str, provider: str, sent: bool) -> None:
    assert ("top_k" in body_of(elsewhere(base_url, provider=provider))) is sent


@pytest.mark.parametrize(
    ("model", "sent"),
    [("gpt-5", False), ("gpt-5-mini-2025-08-07", False), ("o3", False), ("openai/o1-preview", False), ("gpt-5.1", True),
     ("gpt-5-chat-latest", True), ("gpt-4o", True), ("o3d", True)],
)  # fmt: skip
def test_models_that_take_only_default_sampling_get_none(model: str, sent: bool) -> None:
    request = replace(EVERYTHING, stop=())
    assert ("temperature" in body_of(elsewhere("https://api.openai.com/v1", request, model=model))) is sent


@pytest.mark.parametrize(
    ("decision", "request_own", "models", "sent"),
    [
        (100, None, 0, 100),
        (100, 50, 0, 50),
        (100, 500, 0, 100),
        (0, 500, 0, 500),
        (900, None, 300, 300),
        (0, None, 0, None),
    ],
)
def test_the_least_limit_counts(decision: int, request_own: int | None, models: int, sent: int | None) -> None:
    request = replace(HELLO, max_output_tokens=request_own)
    body = body_of(call_of(OPENAI, request, limit=decision, max_output_tokens=models))
    assert body.get("max_completion_tokens") == sent


def test_metadata_goes_only_where_the_caller_lets_the_answer_be_stored() -> None:
    tagged = replace(HELLO, metadata={"team": "a"})
    assert "metadata" not in body_of(call_of(OPENAI, tagged))
    stored = replace(tagged, provider_options={"openai": {"store": True}})
    assert body_of(call_of(OPENAI, stored))["metadata"] == {"team": "a"}


def test_a_conversation_with_pictures_and_tools_is_rendered() -> None:
    call = ToolCall(id="c1", name="look", arguments='{"at": 1}')
    request = replace(
        HELLO,
        messages=(
            says(Role.SYSTEM, "Be brief.", "Be kind."),
            says(Role.USER, "See:", Image(data=b"\x00\x01", media_type="image/png"), Image(url="https://x/y.jpg")),
            says(Role.ASSISTANT, "Looking. ", "Now.", call),
            says(Role.TOOL, ToolResult(tool_call_id="c1", content="a cat"), ToolResult(tool_call_id="c2", content="")),
            says(Role.USER, ToolResult(tool_call_id="c3", content="late"), "Well?"),
            says(Role.ASSISTANT, ToolCall(id="c4", name="look", arguments="")),
        ),
        tools=(Tool(name="look", description="d", parameters={"type": "object"}, strict=True), Tool(name="bare")),
        tool_choice=ToolChoice(mode=ToolMode.NAMED, name="look", disable_parallel=True),
    )
    body = body_of(call_of(OPENAI, request))
    assert body["messages"] == [
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "See:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAE="}},
                {"type": "image_url", "image_url": {"url": "https://x/y.jpg"}},
            ],
        },
        {
            "role": "assistant",
            "content": "Looking. Now.",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        {"role": "tool", "tool_call_id": "c2", "content": ""},
        {"role": "tool", "tool_call_id": "c3", "content": "late"},
        {"role": "user", "content": "Well?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c4", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
        },
    ]
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "look", "description": "d", "parameters": {"type": "object"}, "strict": True},
        },
        {"type": "function", "function": {"name": "bare"}},
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert body["parallel_tool_calls"] is False


def test_a_tool_choice_without_tools_is_left_out() -> None:
    choice = ToolChoice(mode=ToolMode.AUTO, disable_parallel=True)
    assert (
        not {"tool_choice", "parallel_tool_calls"} & body_of(call_of(OPENAI, replace(HELLO, tool_choice=choice))).keys()
    )


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        (ResponseFormat(), None),
        (ResponseFormat(kind=FormatKind.JSON), {"type": "json_object"}),
        (
            ResponseFormat(
                kind=FormatKind.JSON_SCHEMA, name="n", schema={"type": "object"}, strict=True, description="d"
            ),
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object"}, "description": "d", "strict": True},
            },
        ),
    ],
)
def test_a_form_is_asked_for(form: ResponseFormat, sent: object) -> None:
    assert body_of(call_of(OPENAI, replace(HELLO, response_format=form))).get("response_format") == sent


@pytest.mark.parametrize(
    "key", ["model", "models", "messages", "n", "max_tokens", "stream", "tools", "route", "preset"]
)
def test_options_do_not_lead_around_the_decision(key: str) -> None:
    request = replace(HELLO, provider_options={"openai": {key: "x"}})
    with pytest.raises(CallFailure) as caught:
        body_of(call_of(OPENAI, request))
    assert (caught.value.error, caught.value.field) == ("bad_request", f"provider_options.openai.{key}")


def test_options_of_another_provider_are_left_alone() -> None:
    request = replace(HELLO, provider_options={"anthropic": {"n": 5}, "openai": {"reasoning_effort": "low"}})
    body = body_of(call_of(OPENAI, request))
    assert "n" not in body
    assert body["reasoning_effort"] == "low"


def test_a_part_in_a_role_that_cannot_say_it_is_the_caller_s_mistake() -> None:
    request = ChatRequest(messages=(says(Role.USER, "a"), says(Role.ASSISTANT, "b", Image(url="https://x"))))
    with pytest.raises(CallFailure) as caught:
        body_of(call_of(OPENAI, request))
    failure = caught.value
    assert (failure.verdict, failure.field, failure.unsent) == (Verdict.IGNORED, "messages[1].parts[1]", True)


def test_the_address_keeps_a_query_and_its_slashes_in_order() -> None:
    call = elsewhere("https://x.example/deployments/d/?api-version=1")
    assert (
        ADAPTERS[OPENAI].url(call.deployment, stream=True)
        == "https://x.example/deployments/d/chat/completions?api-version=1"
    )


@pytest.mark.parametrize(
    ("protocol", "headers"),
    [
        (WireProtocol.OPENAI, {"Authorization": "Bearer k"}),
        (WireProtocol.ANTHROPIC, {"x-api-key": "k", "anthropic-version": "2023-06-01"}),
        (WireProtocol.GEMINI, {"x-goog-api-key": "k"}),
    ],
)
def test_each_protocol_has_its_credential_in_its_own_header(protocol: WireProtocol, headers: dict[str, str]) -> None:
    deployment = call_of(protocol).deployment
    outgoing = Outgoing(url="https://x", body=b"{}", now=NOW)
    assert ADAPTERS[protocol].headers(deployment, "k", outgoing) == headers
    assert "k" not in ADAPTERS[protocol].headers(deployment, "", outgoing).values()


# --- answers ----------------------------------------------------------------------------------------------


def completion(message: dict[str, Any], reason: str | None = "stop", **more: object) -> dict[str, Any]:
    return {"id": "a", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": reason}], **more}


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("stop", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("model_length", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("function_call", FinishReason.TOOL_CALLS),
        ("brand_new", FinishReason.UNKNOWN),
        (None, FinishReason.UNKNOWN),
    ],
)
def test_a_finish_reason_is_ours_or_unknown(reason: str | None, ours: FinishReason) -> None:
    assert answer_to(call_of(OPENAI), completion({"content": "x"}, reason)).finish_reason is ours


def test_a_refusal_is_text_and_its_own_reason() -> None:
    answer = answer_to(call_of(OPENAI), completion({"content": None, "refusal": "I will not."}))
    assert (answer.parts, answer.finish_reason) == ((Text(text="I will not."),), FinishReason.REFUSAL)


def test_calls_without_ids_get_one_and_objects_become_text() -> None:
    calls = [{"function": {"name": "f", "arguments": {"a": 1}}}, {"function": {"name": "g"}}]
    answer = answer_to(call_of(OPENAI), completion({"content": "", "tool_calls": calls}))
    assert answer.parts == (
        ToolCall(id="call_a_0", name="f", arguments='{"a":1}'),
        ToolCall(id="call_a_1", name="g", arguments=""),
    )
    assert answer.finish_reason is FinishReason.TOOL_CALLS


@pytest.mark.parametrize(
    "body", [None, [], {}, {"choices": []}, {"choices": [{}]}, {"choices": [{"message": "x"}]}, "x"]
)
def test_an_answer_without_a_message_is_malformed(body: object) -> None:
    with pytest.raises(CallFailure) as caught:
        answer_to(call_of(OPENAI), body)
    assert (caught.value.verdict, caught.value.error) == (Verdict.FAILED, "malformed")


@pytest.mark.parametrize("reason", ["error", "insufficient_system_resource"])
def test_a_reason_that_is_a_failure_is_no_answer(reason: str) -> None:
    with pytest.raises(ErrorInAnswer):
        answer_to(call_of(OPENAI), completion({"content": "half"}, reason))
    with pytest.raises(ErrorInAnswer):
        events_of(call_of(OPENAI), {"choices": [{"delta": {}, "finish_reason": reason}]})


def test_deepseek_s_cache_is_counted() -> None:
    raw = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12, "prompt_cache_hit_tokens": 8}
    usage = answer_to(call_of(OPENAI), completion({"content": "x"}, usage=raw)).usage
    assert usage == Usage(input_tokens=10, cached_input_tokens=8, output_tokens=2)


def chunk(delta: dict[str, Any], reason: str | None = None, **more: object) -> dict[str, Any]:
    return {"id": "a", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}


def piece(index: object = None, call_id: str = "", name: str = "", arguments: object = "") -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}]}


def test_calls_that_share_an_index_are_told_apart_by_id() -> None:
    """Gemini's compatible endpoint, and some self-hosted servers."""
    events = events_of(
        call_of(OPENAI),
        chunk(piece(0, "x", "f", '{"a":1}')),
        chunk(piece(0, "y", "g", '{"b":')),
        chunk(piece(0, "y", "g", "2}")),
        chunk(piece(None, "z", "h", {"c": 3})),
        chunk({}, "stop"),
        "[DONE]",
    )
    assert events == [
        ToolCallDelta(index=0, id="x", name="f", arguments='{"a":1}'),
        ToolCallDelta(index=1, id="y", name="g", arguments='{"b":'),
        ToolCallDelta(index=1, arguments="2}"),
        ToolCallDelta(index=2, id="z", name="h", arguments='{"c":3}'),
        Finished(reason=FinishReason.TOOL_CALLS, provider_model="m", provider_response_id="a"),
    ]


def test_other_choices_are_read_over() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]}
    events = events_of(call_of(OPENAI), chunk({"content": "yes"}), other, chunk({}, "stop"), "[DONE]")
    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta(text="yes")]
    assert isinstance(events[-1], Finished)
    assert events[-1].reason is FinishReason.STOP


def test_groq_s_usage_is_found_where_groq_puts_it() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    events = events_of(call_of(OPENAI), chunk({}, "stop", x_groq={"usage": usage}), "[DONE]")
    assert events[0] == UsageReport(usage=Usage(input_tokens=3, output_tokens=4))


def test_a_finish_reason_and_a_polite_end_will_do_without_done() -> None:
    assert isinstance(events_of(call_of(OPENAI), chunk({"content": "x"}), chunk({}, "stop"))[-1], Finished)


def test_done_without_a_reason_ends_for_an_unknown_one() -> None:
    assert events_of(call_of(OPENAI), chunk({"content": "x"}), "[DONE]")[-1] == Finished(
        reason=FinishReason.UNKNOWN, provider_model="m", provider_response_id="a"
    )


def test_a_refusal_that_streams_is_text_and_its_own_reason() -> None:
    events = events_of(
        call_of(OPENAI), chunk({"refusal": "I will"}), chunk({"refusal": " not."}), chunk({}, "stop"), "[DONE]"
    )
    assert events[:2] == [TextDelta(text="I will"), TextDelta(text=" not.")]
    assert isinstance(events[-1], Finished)
    assert events[-1].reason is FinishReason.REFUSAL


@pytest.mark.parametrize("data", ["nonsense", "[1]", "{"])
def test_an_event_that_is_no_object_is_malformed(data: str) -> None:
    with pytest.raises(CallFailure) as caught:
        events_of(call_of(OPENAI), data)
    assert caught.value.error == "malformed"
