"""Bedrock's Converse: what is asked, how it is signed, what is answered."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dataplane.chat.model import (
    ChatRequest,
    Effort,
    Finished,
    FinishReason,
    FormatKind,
    Image,
    Reasoning,
    ResponseFormat,
    Role,
    Sampling,
    StreamEvent,
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
from dataplane.provider.adapter import ErrorInAnswer, Outgoing
from dataplane.provider.http_provider import ADAPTERS
from dataplane.provider.model import Call, CallFailure, Verdict
from dataplane.provider.sse import ServerEvent
from dataplane.snapshot.model import WireProtocol
from tests.support.calls import HELLO, answer_to, body_of, call_of, says

BEDROCK = WireProtocol.BEDROCK
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KEYS = "AKIDEXAMPLEEXAMPLE12:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOVA, LLAMA, GPT_OSS = (
    "us.amazon.nova-2-lite-v1:0",
    "us.meta.llama4-maverick-17b-instruct-v1:0",
    "openai.gpt-oss-120b-1:0",
)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
WITH_SCHEMA = replace(HELLO, response_format=ResponseFormat(kind=FormatKind.JSON_SCHEMA, name="form", schema=SCHEMA))
CALL = ToolCall(id="c", name="t", arguments='{"a":1}')
TOOLS = (Tool(name="t", description="d"),)


def outgoing(call: Call, *, stream: bool = False) -> Outgoing:
    return Outgoing(url=ADAPTERS[BEDROCK].url(call.deployment, stream=stream), body=b'{"messages":[]}', now=NOW)


def headers_of(credential: str, **deployment: Any) -> dict[str, str]:
    call = call_of(BEDROCK, **deployment)
    return dict(ADAPTERS[BEDROCK].headers(call.deployment, credential, outgoing(call)))


def refused(request: ChatRequest, **deployment: Any) -> CallFailure:
    with pytest.raises(CallFailure) as caught:
        body_of(call_of(BEDROCK, request, **deployment))
    return caught.value


# --- addresses and signatures ------------------------------------------------------------------------------


def test_the_model_is_part_of_the_path() -> None:
    call = call_of(BEDROCK, model="arn:aws:bedrock:us-east-1:1:application-inference-profile/x")
    assert ADAPTERS[BEDROCK].url(call.deployment, stream=True) == (
        "https://bedrock-runtime.us-east-1.amazonaws.com"
        "/model/arn:aws:bedrock:us-east-1:1:application-inference-profile%2Fx/converse-stream"
    )


@pytest.mark.parametrize("token", ["", "session/token=="])
def test_a_request_is_signed_as_botocore_itself_signs_it(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None))
    sent = outgoing(call_of(BEDROCK))
    request = AWSRequest(method="POST", url=sent.url, data=sent.body)
    key, _, secret = KEYS.partition(":")
    botocore.auth.SigV4Auth(Credentials(key, secret, token or None), "bedrock", "us-east-1").add_auth(request)
    assert headers_of(f"{KEYS}:{token}" if token else KEYS) == dict(request.headers.items())


@pytest.mark.parametrize(
    ("base_url", "region"),
    [
        ("https://bedrock-runtime.eu-central-1.amazonaws.com", "eu-central-1"),
        ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("https://vpce-1.bedrock-runtime.us-west-2.vpce.amazonaws.com", "us-west-2"),
    ],
)
def test_the_region_stands_in_the_host_or_with_the_keys(base_url: str, region: str) -> None:
    assert f"/{region}/bedrock/aws4_request" in headers_of(KEYS, base_url=base_url)["Authorization"]
    for keys in (KEYS, f"{KEYS}:token"):
        signed = headers_of(f"{keys}@ap-south-1", base_url="https://proxy.internal")
        assert "/ap-south-1/bedrock/aws4_request" in signed["Authorization"]
        assert signed.get("X-Amz-Security-Token", "token") == "token"


def test_a_host_without_a_region_names_the_way_out() -> None:
    with pytest.raises(CallFailure) as caught:
        headers_of(KEYS, base_url="https://proxy.internal")
    failure = caught.value
    assert (failure.verdict, failure.error, failure.unsent) == (Verdict.MISCONFIGURED, "base_url", True)
    assert "@REGION" in failure.message


def test_an_api_key_is_a_bearer_token_and_needs_no_region() -> None:
    assert headers_of("ABSKexample", base_url="https://proxy.internal") == {"Authorization": "Bearer ABSKexample"}
    assert headers_of("") == {}


@pytest.mark.parametrize("credential", ["AKIDEXAMPLEEXAMPLE12:", "user:password", "AKIDEXAMPLEEXAMPLE12:short:x"])
def test_half_a_key_is_our_mistake_and_is_not_told(credential: str) -> None:
    with pytest.raises(CallFailure) as caught:
        headers_of(credential)
    assert (caught.value.verdict, caught.value.error) == (Verdict.MISCONFIGURED, "credential")
    assert credential not in str(caught.value)


def test_without_botocore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    with pytest.raises(CallFailure) as caught:
        headers_of(KEYS)
    assert caught.value.verdict is Verdict.MISCONFIGURED
    assert "turnout[bedrock]" in caught.value.message
    assert headers_of("ABSKexample")


def test_a_worker_without_aws_keys_does_not_load_botocore() -> None:
    code = "import dataplane.provider.http_provider, sys; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- requests ----------------------------------------------------------------------------------------------


def test_claude_is_told_to_think_as_at_anthropic() -> None:
    request = replace(HELLO, reasoning=Reasoning(effort=Effort.LOW), sampling=Sampling(temperature=0.5, top_k=4))
    body = body_of(call_of(BEDROCK, request))
    assert body["additionalModelRequestFields"] == {"thinking": {"type": "enabled", "budget_tokens": 2048}}
    assert body["inferenceConfig"] == {"maxTokens": 4096 + 2048}
    later = body_of(call_of(BEDROCK, request, model="global.anthropic.claude-opus-4-6-v1:0"))
    assert later["additionalModelRequestFields"] == {
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "low"},
    }


@pytest.mark.parametrize(
    ("model", "extra"),
    [
        (NOVA, {"inferenceConfig": {"topK": 4}, "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        (GPT_OSS, {"reasoning_effort": "low"}),
        (LLAMA, None),
    ],
)
def test_each_family_has_its_own_words_for_thinking(model: str, extra: dict[str, Any] | None) -> None:
    request = replace(HELLO, reasoning=Reasoning(effort=Effort.LOW), sampling=Sampling(top_k=4))
    assert body_of(call_of(BEDROCK, request, model=model)).get("additionalModelRequestFields") == extra


def test_sealed_thinking_goes_back_in_its_place() -> None:
    thoughts = (Thinking(text="hm", signature="s", protocol="bedrock"), Thinking(redacted="eA==", protocol="bedrock"))
    foreign = Thinking(text="no", signature="s", protocol="anthropic")
    said = says(Role.ASSISTANT, *thoughts, foreign, CALL)
    result = says(Role.TOOL, ToolResult(tool_call_id="c", content="ok"))
    body = body_of(call_of(BEDROCK, ChatRequest(messages=(says(Role.USER, "Go"), said, result), tools=TOOLS)))
    assert body["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "eA=="}},
        {"toolUse": {"toolUseId": "c", "name": "t", "input": {"a": 1}}},
    ]


def test_results_keep_their_pictures_and_say_whether_they_failed() -> None:
    shown = ToolResult(tool_call_id="c", content="", images=(Image(data=b"x", media_type="image/png"),), is_error=True)
    request = ChatRequest(
        messages=(says(Role.USER, "Go"), says(Role.ASSISTANT, CALL), says(Role.TOOL, shown)), tools=TOOLS
    )
    (block,) = body_of(call_of(BEDROCK, request))["messages"][2]["content"]
    picture = {"image": {"format": "png", "source": {"bytes": "eA=="}}}
    assert block["toolResult"] == {"toolUseId": "c", "content": [picture], "status": "error"}


def test_a_schema_is_enforced_where_the_model_can_and_asked_for_by_tool_where_it_cannot() -> None:
    enforced = body_of(call_of(BEDROCK, WITH_SCHEMA))
    assert json.loads(enforced["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]) == SCHEMA
    assert "toolConfig" not in enforced
    by_tool = body_of(call_of(BEDROCK, WITH_SCHEMA, model=NOVA))["toolConfig"]
    assert by_tool["toolChoice"] == {"tool": {"name": "form"}}
    assert by_tool["tools"][0]["toolSpec"]["inputSchema"] == {"json": SCHEMA}


@pytest.mark.parametrize(
    ("request_", "model", "field"),
    [
        (WITH_SCHEMA, LLAMA, "response_format"),
        (replace(HELLO, tools=TOOLS, tool_choice=ToolChoice(mode=ToolMode.REQUIRED)), LLAMA, "tool_choice"),
        (
            replace(HELLO, tools=TOOLS, tool_choice=ToolChoice(disable_parallel=True)),
            "",
            "tool_choice.disable_parallel",
        ),
        (ChatRequest(messages=(says(Role.USER, "a"), says(Role.ASSISTANT, CALL))), "", "tools"),
        (ChatRequest(messages=(says(Role.USER, Image(url="https://x/y.png")),)), "", "messages"),
        (ChatRequest(messages=(says(Role.USER, Image(data=b"x", media_type="image/tiff")),)), "", "messages"),
        (ChatRequest(messages=(says(Role.SYSTEM, "a"),)), "", "messages"),
    ],
)
def test_what_converse_cannot_say_is_unsupported(request_: ChatRequest, model: str, field: str) -> None:
    failure = refused(request_, model=model)
    assert (failure.verdict, failure.error, failure.field) == (Verdict.IGNORED, "unsupported", field)
    assert failure.unsent


def test_a_model_that_may_call_nothing_is_offered_nothing() -> None:
    request = replace(HELLO, tools=TOOLS, tool_choice=ToolChoice(mode=ToolMode.NONE))
    assert "toolConfig" not in body_of(call_of(BEDROCK, request))


# --- answers -----------------------------------------------------------------------------------------------


def told(call: Call, *events: tuple[str, dict[str, Any]], ended: bool = False) -> list[StreamEvent]:
    reader = ADAPTERS[BEDROCK].reader(call)
    found = [told for name, value in events for told in reader.read(ServerEvent(name=name, data=json.dumps(value)))]
    return [*found, *(reader.finish() if ended else ())]


USAGE = {"inputTokens": 5, "outputTokens": 2, "totalTokens": 17, "cacheReadInputTokens": 10}
COUNTED = UsageReport(usage=Usage(input_tokens=15, cached_input_tokens=10, output_tokens=2))
MODEL = call_of(BEDROCK).deployment.model


def test_a_stream_is_its_events() -> None:
    events = told(
        call_of(BEDROCK),
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "s"}}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Hi"}}),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "c", "name": "t"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"a":1}'}}}),
        ("contentBlockStop", {"contentBlockIndex": 2}),
        ("contentBlockStart", {"contentBlockIndex": 3, "start": {"toolUse": {"toolUseId": "d", "name": "u"}}}),
        ("contentBlockStop", {"contentBlockIndex": 3}),
        ("somethingNew", {}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
    )
    assert events == [
        ThinkingDelta(text="hm", protocol=BEDROCK),
        ThinkingDelta(signature="s", protocol=BEDROCK),
        TextDelta(text="Hi"),
        ToolCallDelta(index=0, id="c", name="t"),
        ToolCallDelta(index=0, arguments='{"a":1}'),
        ToolCallDelta(index=1, id="d", name="u"),
        ToolCallDelta(index=1, arguments="{}"),
        COUNTED,
        Finished(reason=FinishReason.TOOL_CALLS, provider_model=MODEL),
    ]


def test_a_stop_reason_ends_a_stream_whose_usage_never_came() -> None:
    events = told(call_of(BEDROCK), ("messageStop", {"stopReason": "max_tokens"}), ended=True)
    assert events == [Finished(reason=FinishReason.LENGTH, provider_model=MODEL)]
    with pytest.raises(CallFailure, match="stream_cut"):
        told(call_of(BEDROCK), ("metadata", {"usage": USAGE}), ended=True)


def test_an_exception_in_a_stream_is_an_error() -> None:
    with pytest.raises(ErrorInAnswer):
        told(call_of(BEDROCK), ("error", {"error": {"type": "modelStreamErrorException", "message": "no"}}))


@pytest.mark.parametrize("streaming", [False, True])
def test_the_arguments_of_the_answering_tool_are_the_text(streaming: bool) -> None:
    call = call_of(BEDROCK, WITH_SCHEMA, model=NOVA)
    if streaming:
        events = told(
            call,
            ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "c", "name": "form"}}}),
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"a":"x"}'}}}),
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("messageStop", {"stopReason": "tool_use"}),
            ("metadata", {"usage": USAGE}),
        )
        assert events[0] == TextDelta(text='{"a":"x"}')
        assert events[-1] == Finished(reason=FinishReason.STOP, provider_model=NOVA)
        return
    content = [{"toolUse": {"toolUseId": "c", "name": "form", "input": {"a": "x"}}}]
    answer = answer_to(call, {"output": {"message": {"content": content}}, "stopReason": "tool_use", "usage": USAGE})
    assert answer.parts == (Text(text='{"a":"x"}'),)
    assert answer.finish_reason is FinishReason.STOP


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
def test_output_that_could_not_be_read_is_the_provider_s_fault(reason: str) -> None:
    with pytest.raises(CallFailure) as caught:
        answer_to(call_of(BEDROCK), {"output": {"message": {"content": []}}, "stopReason": reason})
    assert (caught.value.verdict, caught.value.error) == (Verdict.FAILED, "malformed")


@pytest.mark.parametrize("reason", ["guardrail_intervened", "content_filtered"])
def test_a_guardrail_is_a_content_filter(reason: str) -> None:
    answer = answer_to(call_of(BEDROCK), {"output": {"message": {"content": []}}, "stopReason": reason})
    assert answer.finish_reason is FinishReason.CONTENT_FILTER
