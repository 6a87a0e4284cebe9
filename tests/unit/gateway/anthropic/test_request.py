import base64
from typing import Any

import pytest

from dataplane.chat.model import (
    Effort,
    FormatKind,
    Image,
    Message,
    Reasoning,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from dataplane.gateway.anthropic.counting import CountTokens
from dataplane.gateway.anthropic.messages import Messages
from dataplane.gateway.model import Asked, BadRequest
from dataplane.provider.model import Endpoint
from tests.support.faces import received, refused_field

Json = dict[str, Any]

HELLO: Json = {"role": "user", "content": "Hello"}
TOOL: Json = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}


def body(*content: Json, role: str = "user", **more: object) -> Json:
    messages = [{"role": role, "content": list(content)}] if content else [HELLO]
    return {"model": "auto", "max_tokens": 64, "messages": messages, **more}


def read(value: Json) -> Asked:
    return Messages().read(received(value))


def chat(value: Json) -> Any:
    return read(value).request


def parts(*content: Json, role: str = "user") -> Any:
    return chat(body(*content, role=role)).messages[0].parts


def test_a_plain_request_is_read_whole() -> None:
    value = body(system="Be kind.", temperature=0.5, top_p=0.9, top_k=5, stop_sequences=["END"], stream=True)
    asked = read(value)
    assert (asked.model, asked.stream, asked.only, asked.loses) == ("auto", True, (), ())
    assert asked.original.endpoint is Endpoint.MESSAGES
    start, end = asked.original.spans["model"]
    assert asked.original.text[start:end] == '"auto"'
    request = chat(value)
    assert request.messages == (
        Message(role=Role.SYSTEM, parts=(Text(text="Be kind."),)),
        Message(role=Role.USER, parts=(Text(text="Hello"),)),
    )
    assert (request.max_output_tokens, request.stop) == (64, ("END",))
    assert (request.sampling.temperature, request.sampling.top_p, request.sampling.top_k) == (0.5, 0.9, 5)


def test_pictures_come_as_bytes_or_by_address() -> None:
    data = base64.b64encode(b"picture").decode()
    assert parts(
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/cat.png"}},
    ) == (Image(data=b"picture", media_type="image/png"), Image(url="https://example.org/cat.png"))


def test_what_the_model_thought_and_called_is_kept_in_order() -> None:
    assert parts(
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "secret"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": ["a", 1]}},
        role="assistant",
    ) == (
        Thinking(text="Hm.", signature="c2ln", protocol="anthropic"),
        Thinking(redacted="secret", protocol="anthropic"),
        Text(text="I look."),
        ToolCall(id="toolu_1", name="look", arguments='{"at":["a",1]}'),
    )


def test_a_result_keeps_its_texts_its_pictures_and_that_it_is_an_error() -> None:
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.org/cat.png"}}
    texts = [{"type": "text", "text": "one"}, picture, {"type": "text", "text": "two"}]
    assert parts(
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": texts, "is_error": True},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "plain"},
        {"type": "tool_result", "tool_use_id": "toolu_3"},
    ) == (
        ToolResult(
            tool_call_id="toolu_1",
            content="one\ntwo",
            is_error=True,
            images=(Image(url="https://example.org/cat.png"),),
        ),
        ToolResult(tool_call_id="toolu_2", content="plain"),
        ToolResult(tool_call_id="toolu_3", content=""),
    )


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ({"type": "auto"}, ToolChoice(mode=ToolMode.AUTO)),
        ({"type": "none"}, ToolChoice(mode=ToolMode.NONE)),
        (
            {"type": "any", "disable_parallel_tool_use": True},
            ToolChoice(mode=ToolMode.REQUIRED, disable_parallel=True),
        ),
        ({"type": "tool", "name": "look"}, ToolChoice(mode=ToolMode.NAMED, name="look")),
    ],
)
def test_every_tool_choice_is_read(given: Json, choice: ToolChoice) -> None:
    request = chat(body(tools=[TOOL], tool_choice=given))
    assert request.tool_choice == choice
    assert [(tool.name, tool.description, tool.parameters) for tool in request.tools] == [
        ("look", "Looks.", {"type": "object", "properties": {}})
    ]


@pytest.mark.parametrize(
    ("given", "reasoning"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}}, Reasoning(effort=Effort.NONE)),
        ({"thinking": {"type": "adaptive"}}, Reasoning(include=True)),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, Reasoning(max_tokens=2048, include=True)),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}},
            Reasoning(max_tokens=2048),
        ),
        ({"output_config": {"effort": "low"}}, Reasoning(effort=Effort.LOW)),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            Reasoning(effort=Effort.HIGH, include=True),
        ),
    ],
)
def test_thinking_and_effort_are_one_setting_of_ours(given: Json, reasoning: Reasoning | None) -> None:
    assert chat(body(**given)).reasoning == reasoning


@pytest.mark.parametrize("where", ["output_config", "output_format"])
def test_a_schema_for_the_answer_is_read_from_either_place(where: str) -> None:
    closed = {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}
    form = {"type": "json_schema", "schema": closed}
    given: Json = {where: {"format": form} if where == "output_config" else form}
    read_format = chat(body(**given)).response_format
    assert (read_format.kind, read_format.schema, read_format.strict) == (FormatKind.JSON_SCHEMA, closed, True)


def test_a_schema_with_optional_members_is_not_called_strict() -> None:
    loose = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    assert not chat(body(output_config={"format": {"type": "json_schema", "schema": loose}})).response_format.strict


def test_the_user_and_hints_are_found_in_the_metadata() -> None:
    asked = read(body(metadata={"user_id": "u-1", "turnout_feature": "search"}))
    assert (asked.user, dict(asked.hints), asked.request.metadata) == ("u-1", {"feature": "search"}, {"user_id": "u-1"})  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("more", "only"),
    [
        ({"container": "c-1"}, "container"),
        ({"mcp_servers": [{"type": "url", "url": "https://mcp.example.org"}]}, "mcp_servers"),
        ({"inference_geo": "eu"}, "inference_geo"),
        ({"something_new": 1}, "something_new"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[type=web_search_20250305]"),
        ({"tools": [{**TOOL, "defer_loading": True}]}, "tools[].defer_loading"),
        ({"tools": [{**TOOL, "allowed_callers": ["code_execution_20260120"]}]}, "tools[].allowed_callers"),
        ({"thinking": {"type": "between_tools"}}, "thinking[type=between_tools]"),
    ],
)
def test_what_only_anthropic_can_do_is_named(more: Json, only: str) -> None:
    assert read(body(**more)).only == (only,)


@pytest.mark.parametrize(
    ("block", "only"),
    [
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aaaa"}},
            "messages[].content[type=document]",
        ),
        (
            {"type": "search_result", "source": "s", "title": "t", "content": []},
            "messages[].content[type=search_result]",
        ),
        (
            {"type": "image", "source": {"type": "file", "file_id": "f"}},
            "messages[].content[type=image].source[type=file]",
        ),
        (
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": "x"}]},
            "messages[].content[type=tool_result].content[type=tool_reference]",
        ),
    ],
)
def test_blocks_that_only_anthropic_has_are_named(block: Json, only: str) -> None:
    assert read(body({"type": "text", "text": "Read this."}, block)).only == (only,)


def test_a_document_of_plain_text_is_a_text_elsewhere() -> None:
    asked = read(body({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Long."}}))
    assert asked.request.messages[0].parts == (Text(text="Long."),)  # type: ignore[union-attr]
    assert (asked.only, asked.loses) == ((), ("messages[].content[type=document]",))


def test_what_other_protocols_drop_is_named() -> None:
    cached = {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}
    asked = read(body(cached, service_tier="auto", output_config={"effort": "xhigh"}, metadata={"trace": "t"}))
    assert asked.only == ()
    assert asked.loses == (
        "service_tier",
        "metadata.trace",
        "messages[].content[].cache_control",
        "output_config.effort=xhigh",
    )


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({}, "model"),
        ({"model": ""}, "model"),
        (body() | {"max_tokens": None}, "max_tokens"),
        (body() | {"max_tokens": 0}, "max_tokens"),
        (body() | {"max_tokens": 1.5}, "max_tokens"),
        (body() | {"max_tokens": True}, "max_tokens"),
        (body() | {"messages": []}, "messages"),
        (body() | {"messages": "Hello"}, "messages"),
        (body() | {"messages": [HELLO, 7]}, "messages.1"),
        (body() | {"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        (body() | {"messages": [{"role": "user"}]}, "messages.0.content"),
        (body({"type": "text"}), "messages.0.content.0.text"),
        (body({"text": "x"}), "messages.0.content.0.type"),
        (body({"type": "tool_use", "id": "t", "name": "n", "input": {}}), "messages.0.content.0.type"),
        (body({"type": "tool_result", "tool_use_id": 7}), "messages.0.content.0.tool_use_id"),
        (body({"type": "image", "source": {"type": "url", "url": "http://x"}}), "messages.0.content.0.source.url"),
        (
            body({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "a"}}),
            "messages.0.content.0.source.data",
        ),
        (body(system=[{"type": "image", "source": {}}]), "system.0.type"),
        (body(tools=[{"name": "look"}]), "tools.0.input_schema"),
        (body(tool_choice={"type": "some"}), "tool_choice.type"),
        (body(tool_choice={"type": "tool"}), "tool_choice.name"),
        (body(stop_sequences=["a", 1]), "stop_sequences.1"),
        (body(temperature="hot"), "temperature"),
        (body(temperature=1.5), "temperature"),
        (body(stream="yes"), "stream"),
        (body(thinking={"type": "enabled"}), "thinking.budget_tokens"),
        (body(output_config={"effort": "extreme"}), "output_config.effort"),
        (body(output_config={"format": {"type": "xml"}}), "output_config.format.type"),
        (body(metadata={"user_id": 7}), "metadata.user_id"),
        (body(metadata={"turnout_feature": 7}), "metadata.turnout_feature"),
        (body(fallbacks=[{"model": "other"}]), "fallbacks"),
    ],
)
def test_what_is_wrong_is_named_as_anthropic_names_it(value: Json, field: str) -> None:
    assert refused_field(Messages(), value) == field


def test_nesting_without_end_is_refused() -> None:
    value: Json = {}
    for _ in range(400):
        value = {"items": value}
    given = received(body(output_config={"format": {"type": "json_schema", "schema": value}}))
    with pytest.raises(BadRequest, match="nested"):
        Messages().read(given)


def test_counting_needs_no_limit_of_the_answer() -> None:
    value = {"model": "auto", "messages": [HELLO]}
    asked = CountTokens().read(received(value))
    assert CountTokens().counted(asked, 12) == b'{"input_tokens":12}'
    with pytest.raises(BadRequest):
        Messages().read(received(value))
