"""Every recorded request, read into our contract and rendered again, is the request that was recorded."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dataplane.chat.model import ChatRequest, Message, Role, Text
from dataplane.provider.http_provider import ADAPTERS
from dataplane.provider.openai_dialect import dialect
from dataplane.snapshot.model import WireProtocol
from tests.support import anthropic_reading, bedrock_reading, gemini_reading, openai_reading
from tests.support.recordings import HOSTS, Recording, read_recordings
from tests.support.unknown_fields import Unknown

READING: dict[WireProtocol, Any] = {
    WireProtocol.OPENAI: openai_reading,
    WireProtocol.ANTHROPIC: anthropic_reading,
    WireProtocol.GEMINI: gemini_reading,
    WireProtocol.BEDROCK: bedrock_reading,
}

UNKNOWN: dict[WireProtocol, set[str]] = {
    WireProtocol.OPENAI: {
        # Prompt caching by place.
        "messages[].content[].cache_control",
        "messages[].content[].prompt_cache_breakpoint",
        "tools[].cache_control",
        # Documents and videos.
        "messages[].content[type=document_url]",
        "messages[].content[type=file]",
        "messages[].content[type=video_url]",
        # Habits of clients that change nothing.
        "messages[].prefix",
        "messages[].tool_calls[].index",
        "tools[].eager_input_streaming",
        # More answers, or other models, than the decision allows.
        "models",
        "n",
        "preset",
        # Tools that the provider runs.
        "tools[type=openrouter:advisor]",
        "tools[type=openrouter:web_search]",
    },
    WireProtocol.ANTHROPIC: {
        "messages[].content[].cache_control",
        "messages[].content[type=compaction]",
        "messages[].content[type=document]",
        "messages[].content[].content[type=document]",
        "messages[].content[type=image of file]",
        "messages[].content[].content[type=tool_reference]",
        "messages[].content[type=tool_addition]",
        "messages[].content[type=bash_code_execution_tool_result]",
        "messages[].content[type=container_upload]",
        "messages[].content[type=mcp_tool_use]",
        "messages[].content[type=server_tool_use]",
        "messages[].content[type=tool_search_tool_result]",
        "messages[].content[type=web_fetch_tool_result]",
        "tools[].defer_loading",
        "tools[type=code_execution_20250522]",
        "tools[type=code_execution_20260120]",
        "tools[type=tool_search_tool_bm25_20251119]",
        "tools[type=web_fetch_20250910]",
        "tools[type=web_search_20250305]",
    },
    WireProtocol.GEMINI: {
        # Calls of tools that the provider runs.
        "contents[].parts[thoughtSignature]",
        "contents[].parts[].functionResponse.parts",
        "contents[].parts[fileData][mimeType=application/pdf]",
        "contents[].parts[fileData][mimeType=audio/mpeg]",
        "contents[].parts[fileData][mimeType=video/mp4]",
        "contents[].parts[inlineData][mimeType=application/pdf]",
        # Of several tools, some; and any tool or none, but if one, then by its schema.
        "toolConfig.functionCallingConfig.allowedFunctionNames",
        "toolConfig.functionCallingConfig.mode=VALIDATED",
        "tools[type=codeExecution]",
        "tools[type=fileSearch]",
        "tools[type=googleSearch]",
        "tools[type=urlContext]",
    },
    WireProtocol.BEDROCK: {
        "messages[].content[type=cachePoint]",
        "system[type=cachePoint]",
        "toolConfig.tools[type=cachePoint]",
        "messages[].content[type=document]",
        "messages[].content[].toolResult.content[type=document]",
        "messages[].content[].toolResult.content[type=video]",
        # Tools that the provider runs.
        "messages[].content[type=toolUse of the provider]",
        "messages[].content[type=toolResult of the provider]",
        "toolConfig.tools[type=systemTool]",
    },
}
"""What recorded requests have and the contract has no word for, not even through provider_options."""


@pytest.fixture(scope="module")
def fitting(shared: Path) -> list[Recording]:
    found = [recording for recording in read_recordings(shared) if recording.protocol is not None]
    return [recording for recording in found if recording.request]


def known(recording: Recording, unknown: Unknown) -> dict[str, Any]:
    assert recording.protocol is not None
    return dict(READING[recording.protocol].known(recording.request, unknown))


def spelled(recording: Recording, body: object) -> object:
    """`body` in the one spelling of its protocol."""
    assert recording.protocol is not None
    if recording.protocol is WireProtocol.OPENAI:
        usage = dialect(recording.deployment).usage_on_request
        return openai_reading.same(dict(body), streams=recording.streams, usage_on_request=usage)  # type: ignore[call-overload]
    return READING[recording.protocol].same(body)


def rendered(recording: Recording, body: dict[str, Any]) -> tuple[ChatRequest, object]:
    assert recording.protocol is not None
    request, limit = READING[recording.protocol].read(body, recording.provider)
    call = recording.call(request, limit=limit)
    return request, ADAPTERS[recording.protocol].body(call, stream=recording.streams)


def is_said_otherwise(recording: Recording, body: dict[str, Any]) -> bool:
    """Whether Bedrock was asked for something that we ask for in another way, or not at all."""
    if recording.protocol is not WireProtocol.BEDROCK:
        return False
    return "minLength" in str(body.get("outputConfig")) or bedrock_reading.speaks_of_called_tools(body)


def test_every_recorded_request_is_rendered_as_it_was_sent(fitting: list[Recording]) -> None:
    others = []
    for recording in fitting:
        body = known(recording, Unknown())
        if is_said_otherwise(recording, body):
            others.append(recording.id)
            continue
        _, ours = rendered(recording, body)
        assert spelled(recording, ours) == spelled(recording, body), recording.id
    print(dict(Counter(recording.kind for recording in fitting)))
    assert len(fitting) > 600
    assert len(others) < 10


def test_every_recorded_address_is_made_again(fitting: list[Recording]) -> None:
    for recording in fitting:
        assert recording.protocol is not None
        streams = recording.streams or recording.path.endswith("-stream")
        url = ADAPTERS[recording.protocol].url(recording.deployment, stream=streams)
        query = recording.query.replace("beta=true", "")
        path = recording.path.replace("%3A", ":") if recording.protocol is WireProtocol.BEDROCK else recording.path
        assert url == HOSTS[recording.provider] + path + (f"?{query}" if query else ""), recording.id


@pytest.mark.parametrize("protocol", list(WireProtocol))
def test_what_the_contract_cannot_say_is_listed(fitting: list[Recording], protocol: WireProtocol) -> None:
    unknown = Unknown()
    for recording in fitting:
        if recording.protocol is protocol:
            known(recording, unknown)
    assert unknown.paths == UNKNOWN[protocol]


def test_a_request_that_differs_in_one_word_is_noticed(fitting: list[Recording]) -> None:
    for recording in fitting[::25]:
        body = known(recording, Unknown())
        request, _ = rendered(recording, body)
        other = Message(role=Role.USER, parts=(Text(text="another word"),))
        call = recording.call(replace(request, messages=(*request.messages, other)))
        assert recording.protocol is not None
        ours = ADAPTERS[recording.protocol].body(call, stream=recording.streams)
        assert spelled(recording, ours) != spelled(recording, body), recording.id
