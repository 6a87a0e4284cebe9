"""What a provider would refuse is refused, in its words, and the field is named."""

from typing import Any

import pytest

from dataplane.provider.sandbox import SandboxConfig, Settings
from dataplane.provider.sandbox.call import ProtocolName
from dataplane.provider.sandbox.clock import ManualClock
from dataplane.provider.sandbox.http1 import Request
from dataplane.provider.sandbox.service import Sandbox
from tests.unit.sandbox.calls import (
    KEYS,
    TEXT_PROTOCOLS,
    WHOLE,
    Json,
    answer_of,
    body_of,
    request_of,
    sandbox,
    tool_of,
    with_profile,
)

OPENAI, ANTHROPIC, GEMINI = ProtocolName.OPENAI, ProtocolName.ANTHROPIC, ProtocolName.GEMINI
USER = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "f"}}
CALLED = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}


def refused(protocol: ProtocolName, body: object, status: int = 400, **how: Any) -> Json:
    error: Json = answer_of(sandbox(), request_of(protocol, body, **how), status)["error"]
    return error


@pytest.mark.parametrize(
    ("changes", "param", "code", "words"),
    [
        ({"model": None}, "model", "missing_required_parameter", "you must provide a model"),
        ({"messages": None}, "messages", "missing_required_parameter", "Missing required parameter: 'messages'."),
        ({"messages": "Hi"}, "messages", "invalid_type", "expected an array, but got a string instead"),
        ({"messages": []}, "messages", "empty_array", "Invalid 'messages': empty array"),
        ({"messages": ["Hi"]}, "messages[0]", "invalid_type", "'messages[0]'"),
        (
            {"messages": [{"role": "robot", "content": ""}]},
            "messages[0].role",
            "invalid_value",
            "Invalid value: 'robot'",
        ),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter", "content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "video"}]}]},
            "messages[0].content[0].type",
            "invalid_value",
            "video",
        ),
        (
            {"messages": [USER, {"role": "tool", "tool_call_id": "x", "content": ""}]},
            "messages[1].role",
            "invalid_value",
            "preceeding",
        ),
        ({"temperature": 3}, "temperature", "decimal_above_max_value", "Expected a value <= 2, but got 3 instead"),
        ({"temperature": "hot"}, "temperature", "invalid_type", "expected a decimal, but got a string"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value", "Expected a value >= 1, but got 0 instead"),
        ({"max_tokens": 1.5}, "max_tokens", "invalid_type", "expected an integer, but got a decimal"),
        ({"stream": "yes"}, "stream", "invalid_type", "expected a boolean"),
        ({"stop": ["a"] * 5}, "stop", "array_above_max_length", "maximum length 4"),
        ({"stop": [1]}, "stop[0]", "invalid_type", "expected a string, but got an integer"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value", "only allowed when 'stream'"),
        ({"temprature": 1}, "temprature", "unknown_parameter", "Unrecognized request argument supplied: temprature"),
        ({"tools": []}, "tools", "empty_array", "empty array"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter", "tools[0].function"),
        ({"tool_choice": "auto"}, "tool_choice", "invalid_value", "only allowed when 'tools' are specified"),
        ({"tools": [TOOL], "tool_choice": "always"}, "tool_choice", "invalid_value", "'none', 'auto', 'required'"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice",
            "invalid_value",
            "'g'",
        ),
        ({"response_format": {"type": "json_object"}}, "messages", "invalid_value", "must contain the word 'json'"),
        ({"response_format": {"type": "yaml"}}, "response_format.type", "invalid_value", "yaml"),
        (
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema",
            "missing_required_parameter",
            "json_schema",
        ),
        ({"n": 2}, "n", "invalid_value", "does not serve 'n'"),
        ({"logprobs": True}, "logprobs", "invalid_value", "does not serve 'logprobs'"),
        ({"reasoning_effort": "heroic"}, "reasoning_effort", "invalid_value", "heroic"),
    ],
)
def test_openai_names_the_field(changes: Json, param: str, code: str, words: str) -> None:
    body = {key: value for key, value in (body_of(OPENAI, "Hi") | changes).items() if value is not None}
    error = refused(OPENAI, body)
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert words in error["message"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": None}, "model: Field required"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"messages": None}, "messages: Field required"),
        ({"messages": []}, "messages: at least 1 item is required"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"max_tokens": "many"}, "max_tokens: Input should be a valid integer"),
        ({"temperature": 2}, "temperature: Input should be less than or equal to 1"),
        (
            {"messages": [{"role": "tool", "content": ""}]},
            "messages.0.role: Input should be 'user', 'assistant' or 'system'",
        ),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content.0.type: Field required"),
        ({"stop_sequences": "x"}, "stop_sequences: Input should be a valid list"),
        ({"max_completion_tokens": 3}, "max_completion_tokens: Extra inputs are not permitted"),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9}},
            "thinking.budget_tokens: Input should be greater than or equal to 1024",
        ),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens: Field required"),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 5000}},
            "`max_tokens` must be greater than `thinking.budget_tokens`.",
        ),
        ({"tool_choice": {"type": "auto"}}, "tool_choice may only be specified while providing tools"),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema: Field required"),
        (
            {"messages": [USER, CALLED, USER]},
            "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: t1.",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t9", "content": ""}]}]},
            "messages.0.content: unexpected `tool_use_id` found in `tool_result` blocks: t9.",
        ),
    ],
)
def test_anthropic_names_the_field(changes: Json, message: str) -> None:
    body = {key: value for key, value in (body_of(ANTHROPIC, "Hi") | changes).items() if value is not None}
    error = refused(ANTHROPIC, body)
    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith(message)


def test_anthropic_wants_its_version() -> None:
    error = refused(ANTHROPIC, body_of(ANTHROPIC, "Hi"), headers={"x-api-key": "k"})
    assert error["message"] == "anthropic-version: header is required"


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "contents", "contents is not specified"),
        ({"contents": []}, "contents", "contents is not specified"),
        ({"contents": "Hi"}, "contents", "expected an array, got a string"),
        (
            {"contents": [{"role": "assistant", "parts": [{"text": ""}]}]},
            "contents[0].role",
            "Please use a valid role: user, model.",
        ),
        (
            {"contents": [{"parts": [{"txt": "Hi"}]}]},
            "contents[0].parts[0].txt",
            "Unknown name \"txt\" at 'contents[0].parts[0]'",
        ),
        (body_of(GEMINI, "Hi", temperature=1), "temperature", 'Unknown name "temperature": Cannot find field.'),
        (
            body_of(GEMINI, "Hi", generationConfig={"maxTokens": 1}),
            "generationConfig.maxTokens",
            "at 'generationConfig'",
        ),
        (
            body_of(GEMINI, "Hi", generationConfig={"maxOutputTokens": 0}),
            "generationConfig.maxOutputTokens",
            "at least 1",
        ),
        (body_of(GEMINI, "Hi", generationConfig={"topP": 7}), "generationConfig.topP", "at most 1"),
        (
            body_of(GEMINI, "Hi", generationConfig={"stopSequences": ["a"] * 6}),
            "generationConfig.stopSequences",
            "6 items",
        ),
        (body_of(GEMINI, "Hi", generationConfig={"candidateCount": 2}), "generationConfig", "one candidate"),
        (
            body_of(GEMINI, "Hi", generationConfig={"responseSchema": {"type": "STRING"}}),
            "generationConfig.response_schema",
            "only supported with",
        ),
        (
            body_of(GEMINI, "Hi", toolConfig={"functionCallingConfig": {"allowedFunctionNames": ["f"]}}),
            "tool_config.function_calling_config.allowed_function_names",
            "f is not declared",
        ),
        (
            {"contents": [{"parts": [{"functionResponse": {"name": "f", "response": {}}}]}]},
            "contents[0]",
            "the number of function response parts is equal",
        ),
    ],
)
def test_gemini_names_the_field(body: Json, field: str, words: str) -> None:
    error = refused(GEMINI, body)
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert words in error["message"]
    assert error["details"][0]["fieldViolations"][0]["field"] == field


def test_gemini_streams_events_only() -> None:
    request = request_of(GEMINI, body_of(GEMINI, "Hi"), stream=True)
    plain = Request(method="POST", path=request.path, query="", headers=request.headers, body=request.body)
    assert "alt=sse" in answer_of(sandbox(), plain, 400)["error"]["message"]


@pytest.mark.parametrize("protocol", TEXT_PROTOCOLS)
@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_not_an_object_is_refused(protocol: ProtocolName, body: bytes) -> None:
    assert "JSON" in refused(protocol, body)["message"]


@pytest.mark.parametrize("protocol", TEXT_PROTOCOLS)
def test_a_schema_without_a_value_is_refused(protocol: ProtocolName) -> None:
    body = body_of(protocol, "Use f.", **tool_of(protocol, "f", {"$ref": "#/$defs/none"}))
    assert "$ref '#/$defs/none' leads nowhere" in refused(protocol, body)["message"]


@pytest.mark.parametrize("protocol", TEXT_PROTOCOLS)
def test_a_prompt_longer_than_the_window_is_refused(protocol: ProtocolName) -> None:
    request = request_of(protocol, body_of(protocol, "train " * 100))
    error = answer_of(sandbox(with_profile(context_window=50)), request, 400)["error"]
    assert "50" in error["message"]
    if protocol is OPENAI:
        assert error["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    ("protocol", "status", "words"),
    [
        (OPENAI, 401, "You didn't provide an API key"),
        (ANTHROPIC, 401, "x-api-key header is required"),
        (GEMINI, 403, "unregistered callers"),
    ],
)
@pytest.mark.parametrize(
    "empty", [{}, {"authorization": "Bearer "}, {"authorization": "Basic abc"}, {"x-api-key": "", "x-goog-api-key": ""}]
)
def test_a_call_without_a_key_is_refused(
    protocol: ProtocolName, status: int, words: str, empty: dict[str, str]
) -> None:
    assert words in refused(protocol, body_of(protocol, "Hi"), status, headers=empty)["message"]


@pytest.mark.parametrize(("protocol", "status"), [(OPENAI, 401), (ANTHROPIC, 401), (GEMINI, 400)])
def test_only_configured_keys_are_taken_where_there_are_some(protocol: ProtocolName, status: int) -> None:
    settings = Settings(latency_scale=0.0)
    body = body_of(protocol, "Hi")
    strict = Sandbox(
        SandboxConfig(settings=settings, models={"m": WHOLE}, api_keys=frozenset({"other"})), ManualClock()
    )
    error = answer_of(strict, request_of(protocol, body), status)["error"]
    if protocol is GEMINI:
        assert error["details"][0]["reason"] == "API_KEY_INVALID"
    open_ = Sandbox(SandboxConfig(settings=settings, models={"m": WHOLE}, api_keys=frozenset({"key"})), ManualClock())
    assert answer_of(open_, request_of(protocol, body))


def test_a_wrong_key_is_not_repeated_in_full() -> None:
    strict = Sandbox(SandboxConfig(models={"m": WHOLE}, api_keys=frozenset({"other"})), ManualClock())
    request = request_of(OPENAI, body_of(OPENAI, "Hi"), headers={"authorization": "Bearer sk-very-secret-key"})
    assert "very-secret" not in str(answer_of(strict, request, 401))


@pytest.mark.parametrize("protocol", TEXT_PROTOCOLS)
def test_a_model_that_is_not_configured_is_unknown(protocol: ProtocolName) -> None:
    body = body_of(protocol, "Hi")
    if protocol is not GEMINI:
        body["model"] = "m9"
    assert "m9" in refused(protocol, body, 404, model="m9")["message"]


def test_any_model_is_served_where_none_is_configured() -> None:
    served = Sandbox(SandboxConfig(settings=Settings(latency_scale=0.0)), ManualClock())
    assert answer_of(served, request_of(OPENAI, body_of(OPENAI, "Hi", model="whatever-1")))["model"] == "whatever-1"


def test_a_model_of_one_protocol_is_unknown_over_another() -> None:
    served = sandbox(with_profile(protocol=ANTHROPIC))
    assert answer_of(served, request_of(ANTHROPIC, body_of(ANTHROPIC, "Hi")))
    assert answer_of(served, request_of(OPENAI, body_of(OPENAI, "Hi")), 404)


def test_an_answer_names_the_version_of_the_model() -> None:
    served = sandbox(with_profile(version="m-2026-10-01"))
    assert answer_of(served, request_of(OPENAI, body_of(OPENAI, "Hi")))["model"] == "m-2026-10-01"
    assert answer_of(served, request_of(GEMINI, body_of(GEMINI, "Hi")))["modelVersion"] == "m-2026-10-01"


@pytest.mark.parametrize(
    "path", ["/v1beta/models/m%3AgenerateContent", "/v1/models/m:generateContent", "/v1/models/m%3agenerateContent"]
)
def test_gemini_is_spoken_under_both_versions_and_an_escaped_colon(path: str) -> None:
    plain = request_of(GEMINI, body_of(GEMINI, "Hi"))
    request = Request(method="POST", path=path, query="", headers=KEYS[GEMINI], body=plain.body)
    assert answer_of(sandbox(), request)["candidates"]


@pytest.mark.parametrize("protocol", TEXT_PROTOCOLS)
def test_a_protocol_that_is_switched_off_is_no_call(protocol: ProtocolName) -> None:
    others = tuple(name for name in ProtocolName if name is not protocol)
    served = Sandbox(SandboxConfig(protocols=others), ManualClock())
    assert served.exchange(request_of(protocol, body_of(protocol, "Hi"))) is None


def test_a_fault_does_not_hide_what_is_wrong_with_the_request() -> None:
    from dataplane.provider.sandbox import Fault, FaultKind

    served = sandbox()
    served.arm((Fault(id="f", kind=FaultKind.STATUS, count=1),))
    assert answer_of(served, request_of(OPENAI, {"model": "m"}), 400)
    assert answer_of(served, request_of(OPENAI, body_of(OPENAI, "Hi")), 503)


def test_a_repeated_request_is_checked_again_for_its_key() -> None:
    served = sandbox()
    body = body_of(OPENAI, "Hi")
    assert answer_of(served, request_of(OPENAI, body))
    assert answer_of(served, request_of(OPENAI, body, headers={}), 401)


def test_many_different_requests_do_not_fill_the_memory() -> None:
    served = sandbox()
    for number in range(600):
        answer_of(served, request_of(OPENAI, body_of(OPENAI, f"Hi {number}")))
    assert len(served._prepared) <= 256
