"""Answers are repeatable, suit the prompt a little, and obey the limits, over every protocol."""

import json
from typing import Any

import jsonschema
import pytest

from dataplane.provider.sandbox.call import ProtocolName
from dataplane.provider.sandbox.http1 import Request
from tests.unit.sandbox.calls import (
    TEXT_PROTOCOLS,
    Json,
    answer_of,
    body_of,
    calls_of,
    frames_of,
    reply_of,
    request_of,
    sandbox,
    streamed_text,
    text_of,
    tool_of,
    with_profile,
)

OPENAI, ANTHROPIC, GEMINI = ProtocolName.OPENAI, ProtocolName.ANTHROPIC, ProtocolName.GEMINI
BEDROCK = ProtocolName.BEDROCK
EACH = pytest.mark.parametrize("protocol", ProtocolName)
LONG = "Explain step by step why a turnout needs a frog, a closure rail and a guard rail."
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer", "minimum": 1}},
    "required": ["city", "people"],
    "additionalProperties": False,
}


def whole(protocol: ProtocolName, request: Request) -> str:
    return text_of(protocol, answer_of(sandbox(), request))


def streamed(protocol: ProtocolName, request: Request) -> str:
    return streamed_text(protocol, frames_of(sandbox(), request))


def limited(protocol: ProtocolName, limit: int) -> Json:
    if protocol is GEMINI:
        return {"generationConfig": {"maxOutputTokens": limit}}
    if protocol is BEDROCK:
        return {"inferenceConfig": {"maxTokens": limit}}
    return {"max_tokens": limit}


def stopping(protocol: ProtocolName, *stops: str) -> Json:
    if protocol is GEMINI:
        return {"generationConfig": {"stopSequences": list(stops)}}
    if protocol is BEDROCK:
        return {"inferenceConfig": {"stopSequences": list(stops)}}
    return {"stop" if protocol is OPENAI else "stop_sequences": list(stops)}


def formatted(protocol: ProtocolName, schema: Json) -> Json:
    match protocol:
        case ProtocolName.OPENAI:
            return {"response_format": {"type": "json_schema", "json_schema": {"name": "out", "schema": schema}}}
        case ProtocolName.ANTHROPIC:
            return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
        case ProtocolName.GEMINI:
            return {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema}}
        case ProtocolName.BEDROCK:
            structure = {"jsonSchema": {"name": "out", "schema": json.dumps(schema)}}
            return {"outputConfig": {"textFormat": {"type": "json_schema", "structure": structure}}}


def offered(protocol: ProtocolName, *, force: bool = False) -> Json:
    """A tool, which must be called if `force`."""
    tool = tool_of(protocol, "get_weather", SCHEMA)
    if not force:
        return tool
    if protocol is BEDROCK:
        return {"toolConfig": {**tool["toolConfig"], "toolChoice": {"any": {}}}}
    return tool | forced(protocol)


def forced(protocol: ProtocolName) -> Json:
    match protocol:
        case ProtocolName.OPENAI:
            return {"tool_choice": "required"}
        case ProtocolName.ANTHROPIC:
            return {"tool_choice": {"type": "any"}}
        case ProtocolName.GEMINI:
            return {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}
        case ProtocolName.BEDROCK:
            raise AssertionError("the choice stands beside the tools")


def finish_of(protocol: ProtocolName, answer: Json) -> Any:
    match protocol:
        case ProtocolName.OPENAI:
            return answer["choices"][0]["finish_reason"]
        case ProtocolName.ANTHROPIC:
            return answer["stop_reason"]
        case ProtocolName.GEMINI:
            return answer["candidates"][0]["finishReason"]
        case ProtocolName.BEDROCK:
            return answer["stopReason"]


def output_tokens(protocol: ProtocolName, answer: Json) -> Any:
    match protocol:
        case ProtocolName.OPENAI:
            return answer["usage"]["completion_tokens"]
        case ProtocolName.ANTHROPIC:
            return answer["usage"]["output_tokens"]
        case ProtocolName.GEMINI:
            usage = answer["usageMetadata"]
            return usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
        case ProtocolName.BEDROCK:
            return answer["usage"]["outputTokens"]


@EACH
def test_the_same_seed_model_and_prompt_give_the_same_text(protocol: ProtocolName) -> None:
    request = request_of(protocol, body_of(protocol, LONG))
    first, second = (text_of(protocol, answer_of(sandbox(), request)) for _ in range(2))
    assert first == second
    assert first


def test_another_seed_gives_another_text() -> None:
    request = request_of(OPENAI, body_of(OPENAI, LONG))
    assert text_of(OPENAI, answer_of(sandbox(seed=1), request)) != text_of(OPENAI, answer_of(sandbox(seed=2), request))


def test_the_protocols_give_the_same_text() -> None:
    texts = {text_of(name, answer_of(sandbox(), request_of(name, body_of(name, LONG)))) for name in ProtocolName}
    assert len(texts) == 1


@EACH
def test_a_stream_gives_the_same_text(protocol: ProtocolName) -> None:
    body = body_of(protocol, LONG)
    whole = text_of(protocol, answer_of(sandbox(), request_of(protocol, body)))
    assert streamed_text(protocol, frames_of(sandbox(), request_of(protocol, body, stream=True))) == whole


@EACH
@pytest.mark.parametrize("stream", [False, True])
def test_the_token_limit_is_kept(protocol: ProtocolName, stream: bool) -> None:
    request = request_of(protocol, body_of(protocol, LONG, **limited(protocol, 5)), stream=stream)
    full = text_of(protocol, answer_of(sandbox(), request_of(protocol, body_of(protocol, LONG))))
    if stream:
        text = streamed_text(protocol, frames_of(sandbox(), request))
    else:
        answer = answer_of(sandbox(), request)
        text = text_of(protocol, answer)
        ends = {OPENAI: "length", ANTHROPIC: "max_tokens", GEMINI: "MAX_TOKENS", BEDROCK: "max_tokens"}
        assert finish_of(protocol, answer) == ends[protocol]
        assert output_tokens(protocol, answer) == 5
    assert full.startswith(text)
    assert 0 < len(text) < 40


def test_the_model_has_a_limit_of_its_own() -> None:
    answer = answer_of(sandbox(with_profile(max_output_tokens=3)), request_of(OPENAI, body_of(OPENAI, LONG)))
    assert answer["usage"]["completion_tokens"] == 3
    assert answer["choices"][0]["finish_reason"] == "length"


@EACH
def test_a_stop_sequence_ends_the_text_before_it(protocol: ProtocolName) -> None:
    full = text_of(protocol, answer_of(sandbox(), request_of(protocol, body_of(protocol, LONG))))
    stop = full[20:26]
    request = request_of(protocol, body_of(protocol, LONG, **stopping(protocol, "\x00", stop)))
    answer = answer_of(sandbox(), request)
    assert text_of(protocol, answer) == full[: full.index(stop)]
    ends = {OPENAI: "stop", ANTHROPIC: "stop_sequence", GEMINI: "STOP", BEDROCK: "stop_sequence"}
    assert finish_of(protocol, answer) == ends[protocol]
    if protocol is ANTHROPIC:
        assert answer["stop_sequence"] == stop


@EACH
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_for_a_schema_is_valid_json(protocol: ProtocolName, stream: bool) -> None:
    request = request_of(
        protocol, body_of(protocol, "How many live there?", **formatted(protocol, SCHEMA)), stream=stream
    )
    read = streamed if stream else whole
    jsonschema.validate(json.loads(read(protocol, request)), SCHEMA)


def test_any_json_object_will_do_where_no_schema_is_given() -> None:
    form = {"response_format": {"type": "json_object"}}
    answer = answer_of(sandbox(), request_of(OPENAI, body_of(OPENAI, "Cities as JSON", **form)))
    assert isinstance(json.loads(text_of(OPENAI, answer)), dict)
    config = {"generationConfig": {"response_mime_type": "application/json"}}
    answer = answer_of(sandbox(), request_of(GEMINI, body_of(GEMINI, "Cities", **config)))
    assert isinstance(json.loads(text_of(GEMINI, answer)), dict)


@EACH
def test_a_tool_that_the_prompt_names_is_called(protocol: ProtocolName) -> None:
    tool = tool_of(protocol, "get_weather", SCHEMA)
    answer = answer_of(sandbox(), request_of(protocol, body_of(protocol, "Use get_weather, please.", **tool)))
    ((name, arguments),) = calls_of(protocol, answer)
    assert name == "get_weather"
    jsonschema.validate(arguments, SCHEMA)
    ends = {OPENAI: "tool_calls", ANTHROPIC: "tool_use", GEMINI: "STOP", BEDROCK: "tool_use"}
    assert finish_of(protocol, answer) == ends[protocol]


@EACH
@pytest.mark.parametrize("prompt", ["What is the weather?", "Do not say get_weather_now or forget_weather."])
def test_a_tool_that_the_prompt_does_not_name_is_left_alone(protocol: ProtocolName, prompt: str) -> None:
    tool = tool_of(protocol, "get_weather", SCHEMA)
    answer = answer_of(sandbox(), request_of(protocol, body_of(protocol, prompt, **tool)))
    assert not calls_of(protocol, answer)
    assert text_of(protocol, answer)


@EACH
def test_a_forced_tool_is_called(protocol: ProtocolName) -> None:
    tool = offered(protocol, force=True)
    answer = answer_of(sandbox(), request_of(protocol, body_of(protocol, "Hello", **tool)))
    assert [name for name, _ in calls_of(protocol, answer)] == ["get_weather"]


def two_tools(**choice: Any) -> Json:
    tools = [tool_of(OPENAI, name, SCHEMA)["tools"][0] for name in ("first", "second")]
    return body_of(OPENAI, "Call first and second", tools=tools, **choice)


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({}, ["first", "second"]),
        ({"parallel_tool_calls": False}, ["first"]),
        ({"tool_choice": "none"}, []),
        ({"tool_choice": {"type": "function", "function": {"name": "second"}}}, ["second"]),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "second"}}]},
                }
            },
            ["second"],
        ),
    ],
)
def test_the_choice_of_tools_is_obeyed(choice: Json, called: list[str]) -> None:
    answer = answer_of(sandbox(), request_of(OPENAI, two_tools(**choice)))
    assert [name for name, _ in calls_of(OPENAI, answer)] == called


def test_the_choices_of_the_other_protocols_are_obeyed() -> None:
    tools = {"tools": [{"name": name, "input_schema": SCHEMA} for name in ("first", "second")]}
    one = body_of(ANTHROPIC, "first, second", **tools, tool_choice={"type": "tool", "name": "second"})
    assert [name for name, _ in calls_of(ANTHROPIC, answer_of(sandbox(), request_of(ANTHROPIC, one)))] == ["second"]
    single = one | {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    assert [name for name, _ in calls_of(ANTHROPIC, answer_of(sandbox(), request_of(ANTHROPIC, single)))] == ["first"]
    declared = {"tools": [{"function_declarations": [{"name": name} for name in ("first", "second")]}]}
    calling = {"tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["second"]}}}
    body = body_of(GEMINI, "Hello", **declared, **calling)
    assert [name for name, _ in calls_of(GEMINI, answer_of(sandbox(), request_of(GEMINI, body)))] == ["second"]


AFTER_TOOL: dict[ProtocolName, Json] = {
    OPENAI: {
        "model": "m",
        "messages": [
            {"role": "user", "content": "Use get_weather."},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ],
    },
    ANTHROPIC: {
        "model": "m",
        "max_tokens": 100,
        "messages": [
            {"role": "user", "content": "Use get_weather."},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "get_weather", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}]},
        ],
    },
    GEMINI: {
        "contents": [
            {"role": "user", "parts": [{"text": "Use get_weather."}]},
            {"role": "model", "parts": [{"functionCall": {"name": "get_weather", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "get_weather", "response": {"sky": "sunny"}}}]},
        ]
    },
    BEDROCK: {
        "messages": [
            {"role": "user", "content": [{"text": "Use get_weather."}]},
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "c1", "name": "get_weather", "input": {}}}],
            },
            {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "sunny"}]}}]},
        ]
    },
}


@EACH
def test_after_the_result_of_a_tool_the_answer_is_in_words(protocol: ProtocolName) -> None:
    body = AFTER_TOOL[protocol] | tool_of(protocol, "get_weather", SCHEMA)
    answer = answer_of(sandbox(), request_of(protocol, body))
    assert not calls_of(protocol, answer)
    assert "tools returned" in text_of(protocol, answer)


@EACH
def test_tool_calls_that_do_not_fit_are_left_out(protocol: ProtocolName) -> None:
    more = offered(protocol, force=True) | limited(protocol, 3)
    answer = answer_of(sandbox(), request_of(protocol, body_of(protocol, "Hello", **more)))
    assert not calls_of(protocol, answer)
    assert output_tokens(protocol, answer) == 3


@pytest.mark.parametrize(
    ("prompt", "sign"),
    [
        ("Write a python function that sorts trains", "```python"),
        ("Write a SQL query for trains", "```sql"),
        ("List the stations in this text: Kyoto, Nara and Uji", "\n- "),
        ("Translate into French: the station is closed", "«"),
        ("Translate into german: the station is closed, come again tomorrow morning", " und "),
        ("Which is right?\nA. the frog\nB. the heel\nC. the toe", "The answer is ("),
        ("Summarize the meeting of the signal engineers", "In short: "),
        ("Explain why trains stop", "So the answer is "),
    ],
)
def test_the_answer_has_the_form_that_the_prompt_asks_for(prompt: str, sign: str) -> None:
    texts = [
        text_of(OPENAI, answer_of(sandbox(seed=seed), request_of(OPENAI, body_of(OPENAI, prompt)))) for seed in range(6)
    ]
    assert any(sign in text for text in texts)


def test_a_short_question_gets_a_short_answer() -> None:
    answer = answer_of(sandbox(), request_of(OPENAI, body_of(OPENAI, "What is the capital of Mexico?")))
    assert answer["usage"]["completion_tokens"] < 40


def test_verbosity_scales_the_length() -> None:
    terse, wordy = (
        answer_of(sandbox(with_profile(verbosity=by)), request_of(OPENAI, body_of(OPENAI, LONG)))["usage"]
        for by in (0.3, 3.0)
    )
    assert wordy["completion_tokens"] > 3 * terse["completion_tokens"]


def test_the_length_has_a_spread() -> None:
    prompts = [f"Tell me what you know about platform number {number}, its clock and its staff" for number in range(60)]
    served = sandbox()
    lengths = [
        answer_of(served, request_of(OPENAI, body_of(OPENAI, prompt)))["usage"]["completion_tokens"]
        for prompt in prompts
    ]
    assert max(lengths) > 3 * min(lengths)


def quality_of(served: Any, prompt: str) -> str:
    return dict(reply_of(served, request_of(OPENAI, body_of(OPENAI, prompt))).headers)["x-sandbox-quality"]


def test_poor_answers_are_as_frequent_as_the_quality_says_and_marked() -> None:
    served = sandbox(with_profile(quality=0.7))
    marks = [quality_of(served, f"Describe train {number}") for number in range(1_500)]
    assert set(marks) == {"good", "poor"}
    assert 0.66 < marks.count("good") / len(marks) < 0.74


@pytest.mark.parametrize(("quality", "mark"), [(1.0, "good"), (0.0, "poor")])
def test_the_extremes_of_quality_are_certain(quality: float, mark: str) -> None:
    served = sandbox(with_profile(quality=quality))
    assert {quality_of(served, f"Describe train {number}") for number in range(50)} == {mark}


def test_a_poor_answer_refuses_is_cut_or_is_off_the_topic() -> None:
    served = sandbox(with_profile(quality=0.0))
    texts = [
        text_of(
            OPENAI,
            answer_of(
                served,
                request_of(OPENAI, body_of(OPENAI, f"Describe the locomotive, its boiler and its crew {number}")),
            ),
        )
        for number in range(60)
    ]
    refused = [text for text in texts if "can't" in text or "cannot" in text or "not able" in text]
    astray = [
        text for text in texts if "glacier" in text or "lighthouse" in text or "marmalade" in text or "harbour" in text
    ]
    cut = [text for text in texts if not text.endswith((".", "2"))]
    assert min(len(refused), len(astray), len(cut)) >= 10


def test_a_poor_structured_answer_refuses_in_a_field_of_its_own() -> None:
    served = sandbox(with_profile(quality=0.0))
    messages = [
        answer_of(served, request_of(OPENAI, body_of(OPENAI, f"City {number}", **formatted(OPENAI, SCHEMA))))[
            "choices"
        ][0]["message"]
        for number in range(30)
    ]
    refusals = [message for message in messages if message["refusal"]]
    assert refusals
    assert all(message["content"] is None for message in refusals)


THINKER = with_profile(reasoning_tokens=80)


def reasoning_of(protocol: ProtocolName, answer: Json) -> int:
    match protocol:
        case ProtocolName.OPENAI:
            return int(answer["usage"]["completion_tokens_details"]["reasoning_tokens"])
        case ProtocolName.ANTHROPIC:
            return int(answer["usage"]["output_tokens_details"]["thinking_tokens"])
        case ProtocolName.GEMINI:
            return int(answer["usageMetadata"]["thoughtsTokenCount"])
        case ProtocolName.BEDROCK:
            raise AssertionError("it does not tell thoughts apart")


@pytest.mark.parametrize("protocol", TEXT_PROTOCOLS)
def test_hidden_reasoning_is_counted(protocol: ProtocolName) -> None:
    more = {"thinking": {"type": "adaptive"}} if protocol is ANTHROPIC else {}
    answer = answer_of(sandbox(THINKER), request_of(protocol, body_of(protocol, LONG, **more)))
    assert 10 < reasoning_of(protocol, answer) < 500
    assert output_tokens(protocol, answer) > reasoning_of(protocol, answer)
    if protocol is ANTHROPIC:
        assert [block["type"] for block in answer["content"]] == ["thinking", "text"]
    if protocol is GEMINI:
        usage = answer["usageMetadata"]
        assert usage["totalTokenCount"] == usage["promptTokenCount"] + output_tokens(protocol, answer)


@pytest.mark.parametrize(
    ("protocol", "more"),
    [
        (OPENAI, {"reasoning_effort": "none"}),
        (ANTHROPIC, {}),
        (ANTHROPIC, {"thinking": {"type": "disabled"}}),
        (GEMINI, {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}),
    ],
)
def test_reasoning_can_be_switched_off(protocol: ProtocolName, more: Json) -> None:
    answer = answer_of(sandbox(THINKER), request_of(protocol, body_of(protocol, "Hi", **more)))
    assert "thinking_tokens" not in json.dumps(answer)
    assert "thoughtsTokenCount" not in json.dumps(answer)
    if protocol is OPENAI:
        assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0


def test_reasoning_takes_its_share_of_the_limit() -> None:
    body = body_of(OPENAI, LONG, max_completion_tokens=4)
    answer = answer_of(sandbox(THINKER), request_of(OPENAI, body))
    assert text_of(OPENAI, answer) == ""
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 4
    assert answer["choices"][0]["finish_reason"] == "length"


def test_thoughts_are_shown_where_gemini_is_asked_for_them() -> None:
    body = body_of(GEMINI, "Hi", generationConfig={"thinkingConfig": {"includeThoughts": True}})
    parts = answer_of(sandbox(THINKER), request_of(GEMINI, body))["candidates"][0]["content"]["parts"]
    assert [part.get("thought", False) for part in parts] == [True, False]


IMAGES = {
    OPENAI: [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ],
    ANTHROPIC: [
        {"type": "text", "text": "What is it?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
    ],
    GEMINI: [{"text": "What is it?"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}],
    BEDROCK: [{"text": "What is it?"}, {"image": {"format": "png", "source": {"bytes": "AAAA"}}}],
}


@EACH
def test_an_image_counts_as_tokens(protocol: ProtocolName) -> None:
    def prompt_tokens(content: Any) -> int:
        body = body_of(protocol, "x")
        turn = body["contents" if protocol is GEMINI else "messages"][0]
        turn["parts" if protocol is GEMINI else "content"] = content
        answer = answer_of(sandbox(), request_of(protocol, body))
        usage = answer.get("usage") or answer["usageMetadata"]
        return int(
            usage.get("prompt_tokens")
            or usage.get("input_tokens")
            or usage.get("inputTokens")
            or usage["promptTokenCount"]
        )

    pictured = prompt_tokens(IMAGES[protocol]) - prompt_tokens(IMAGES[protocol][:1])
    assert pictured in {OPENAI: (765,), ANTHROPIC: (1_334, 1_338), GEMINI: (258,), BEDROCK: (1_334,)}[protocol]


def test_a_picture_of_low_detail_is_cheaper() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}
    body = body_of(OPENAI, "") | {"messages": [{"role": "user", "content": [image]}]}
    assert 85 <= answer_of(sandbox(), request_of(OPENAI, body))["usage"]["prompt_tokens"] < 100
