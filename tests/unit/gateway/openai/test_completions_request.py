"""What is read out of requests of chat completions."""

from typing import Any

import pytest

from dataplane.chat.model import (
    ChatRequest,
    Effort,
    FormatKind,
    Image,
    Message,
    Reasoning,
    ResponseFormat,
    Role,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from dataplane.gateway.body import members
from dataplane.gateway.model import Asked, BadRequest
from dataplane.gateway.openai.completions import ChatCompletions
from tests.support.faces import received

USER = {"role": "user", "content": "Hi"}
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def read(**more: Any) -> Asked:
    return ChatCompletions().read(received({"model": "auto", "messages": [USER], **more}))


def request(**more: Any) -> ChatRequest:
    asked = read(**more).request
    assert isinstance(asked, ChatRequest)
    return asked


def test_every_role_is_read() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = request(
        messages=[
            {"role": "system", "content": "a"},
            {"role": "developer", "content": [{"type": "text", "text": "b"}]},
            {
                "role": "user",
                "content": [{"type": "text", "text": "c"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
            },
            {"role": "assistant", "content": "d", "reasoning_content": "t", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "e"}]},
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}],
            },
        ]
    )
    assert said.messages == (
        Message(role=Role.SYSTEM, parts=(Text(text="a"),)),
        Message(role=Role.SYSTEM, parts=(Text(text="b"),)),
        Message(role=Role.USER, parts=(Text(text="c"), Image(data=b"\x89PNG\r\n\x1a\n", media_type="image/png"))),
        Message(
            role=Role.ASSISTANT,
            parts=(
                Thinking(text="t", protocol="openai"),
                Text(text="d"),
                ToolCall(id="c", name="f", arguments="{}"),
            ),
        ),
        Message(role=Role.TOOL, parts=(ToolResult(tool_call_id="c", content="e"),)),
        Message(role=Role.USER, parts=(Image(url="https://x/y.png"),)),
    )


def test_functions_of_the_old_kind_are_tools_with_ids_of_ours() -> None:
    said = request(
        functions=[{"name": "f", "description": "d", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
        messages=[
            USER,
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "1"},
        ],
    )
    assert said.tools == (Tool(name="f", description="d", parameters={"type": "object"}),)
    assert said.tool_choice == ToolChoice(mode=ToolMode.NAMED, name="f", disable_parallel=True)
    assert said.messages[1].parts == (ToolCall(id="call_1", name="f", arguments="{}"),)
    assert said.messages[2].parts == (ToolResult(tool_call_id="call_1", content="1", name="f"),)


@pytest.mark.parametrize(
    ("choice", "read_as"),
    [
        ("auto", ToolChoice()),
        ("none", ToolChoice(mode=ToolMode.NONE)),
        ("required", ToolChoice(mode=ToolMode.REQUIRED)),
        ("any", ToolChoice(mode=ToolMode.REQUIRED)),
        ({"type": "function", "function": {"name": "g"}}, ToolChoice(mode=ToolMode.NAMED, name="g")),
    ],
)
def test_a_choice_of_tools_is_read_in_every_form(choice: Any, read_as: ToolChoice) -> None:
    assert request(tools=TOOLS, tool_choice=choice).tool_choice == read_as


def test_tools_that_are_not_allowed_are_left_out() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}
    said = request(tools=TOOLS, tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [tool.name for tool in said.tools] == ["g"]
    assert said.tool_choice == ToolChoice(mode=ToolMode.REQUIRED)


def test_calls_that_must_not_be_parallel_are_told() -> None:
    assert request(tools=TOOLS, parallel_tool_calls=False).tool_choice == ToolChoice(disable_parallel=True)
    assert request(tools=TOOLS, parallel_tool_calls=True).tool_choice is None


def test_the_form_of_the_answer_is_read() -> None:
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"}
    assert request(response_format={"type": "json_object"}).response_format == ResponseFormat(kind=FormatKind.JSON)
    assert request(response_format={"type": "json_schema", "json_schema": schema}).response_format == ResponseFormat(
        kind=FormatKind.JSON_SCHEMA, name="n", schema={"type": "object"}, strict=True, description="d"
    )


def test_settings_are_read_and_null_is_none() -> None:
    said = request(stop="x", seed=7, max_tokens=5, temperature=0.5, top_p=None, presence_penalty=1, tools=None)
    assert (said.stop, said.seed, said.max_output_tokens) == (("x",), 7, 5)
    assert (said.sampling.temperature, said.sampling.top_p, said.sampling.presence_penalty) == (0.5, None, 1)
    assert request(stop=["a", "b"], max_completion_tokens=9, max_tokens=5).max_output_tokens == 9


@pytest.mark.parametrize(
    ("more", "read_as"),
    [
        ({"reasoning_effort": "minimal"}, Reasoning(effort=Effort.LOW, include=True)),
        ({"reasoning_effort": "none"}, Reasoning(effort=Effort.NONE)),
        ({"reasoning": {"effort": "high", "exclude": True}}, Reasoning(effort=Effort.HIGH)),
        ({"reasoning": {"max_tokens": 99}}, Reasoning(max_tokens=99, include=True)),
        ({"reasoning": {"enabled": False}}, Reasoning(effort=Effort.NONE)),
    ],
)
def test_how_hard_to_think_is_read(more: dict[str, Any], read_as: Reasoning) -> None:
    assert request(**more).reasoning == read_as


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "tools[type=custom]"),
        ({"response_format": {"type": "grammar"}}, "response_format[type=grammar]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            "messages[].content[type=input_audio]",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages[].content[type=file]"),
    ],
)
def test_what_the_callers_code_relies_on_is_kept_to_the_protocol(more: dict[str, Any], path: str) -> None:
    asked = read(**more)
    assert asked.only == (path,)
    assert asked.loses == ()


@pytest.mark.parametrize(
    "more",
    [
        {"logit_bias": {"1": 2}},
        {"service_tier": "flex"},
        {"store": True},
        {"prediction": {}},
        {"verbosity": "low"},
        {"user": "u"},
        {"something_new": 1},
    ],
)
def test_what_changes_no_answer_may_be_lost(more: dict[str, Any]) -> None:
    asked = read(**more)
    assert asked.loses == tuple(more)
    assert asked.only == ()


def test_what_says_nothing_is_not_reported() -> None:
    said = read(n=1, logprobs=False, modalities=["text"], store=False, service_tier="auto", logit_bias={}, user=None)
    assert (said.only, said.loses) == ((), ())


def test_a_path_is_told_once_for_all_places() -> None:
    named = [{**USER, "name": "Ann"}, {**USER, "name": "Bob"}]
    assert read(messages=named).loses == ("messages[].name",)


def test_the_caller_is_known_by_its_own_ids() -> None:
    asked = read(user="u", safety_identifier="s", prompt_cache_key="k")
    assert (asked.user, asked.session) == ("u", "k")
    assert read(safety_identifier="s").user == "s"


def test_a_stream_has_usage_only_if_asked() -> None:
    asked = read(stream=True)
    assert asked.stream
    assert not asked.include_usage
    assert not asked.original.wants_usage
    assert read(stream=True, stream_options={"include_usage": True}).include_usage


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [({"turnout_workload": "w", "a": "b"}, {"a": "b"}), ({"turnout_workload": "w"}, None), ({"a": "b"}, {"a": "b"})],
)
@pytest.mark.parametrize("last", [True, False])
def test_hints_in_metadata_do_not_go_to_the_provider(metadata: Any, kept: Any, last: bool) -> None:
    body = {"model": "auto", "messages": [USER]}
    body = {**body, "metadata": metadata} if last else {"metadata": metadata, **body}
    asked = ChatCompletions().read(received(body))
    assert asked.hints == ({"workload": "w"} if "turnout_workload" in metadata else {})
    assert isinstance(asked.request, ChatRequest)
    assert asked.request.metadata == (kept or {})
    value, spans = members(asked.original.text)
    assert value == {"model": "auto", "messages": [USER], **({"metadata": kept} if kept else {})}
    assert spans == asked.original.spans


def test_a_request_without_hints_stays_as_it_is() -> None:
    text = '{ "messages" : [{"role":"user","content":"\\u00e9"}],\n"model":"auto", "metadata": {"a": "b"} }'
    assert ChatCompletions().read(received(text)).original.text == text


def test_other_models_than_the_decided_one_are_not_asked() -> None:
    asked = read(models=["a", "b"], route="fallback", preset="p")
    assert members(asked.original.text)[0] == {"model": "auto", "messages": [USER]}
    assert set(asked.loses) == {"models", "route", "preset"}


def user(*parts: Any) -> dict[str, Any]:
    return {"messages": [USER, {"role": "user", "content": list(parts)}]}


def picture(url: Any) -> dict[str, Any]:
    return user({"type": "image_url", "image_url": {"url": url}})


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"messages": None}, "messages", "at least one"),
    ({"messages": []}, "messages", "at least one"),
    ({"messages": "Hi"}, "messages", "must be an array, not a string"),
    ({"messages": ["Hi"]}, "messages[0]", "must be an object"),
    ({"messages": [{"content": "Hi"}]}, "messages[0].role", "is missing"),
    ({"messages": [{"role": "robot", "content": "Hi"}]}, "messages[0].role", "must be one of"),
    ({"messages": [{"role": "user"}]}, "messages[0].content", "is missing"),
    ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content", "is a number"),
    ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "at least one part"),
    (user({"text": "x"}), "messages[1].content[0].type", "is missing"),
    (user({"type": "text"}), "messages[1].content[0].text", "is missing"),
    (picture(7), "messages[1].content[0].image_url.url", "must be a string, not a number"),
    (picture("http://x/y.png"), "messages[1].content[0].image_url.url", "must be an https address"),
    (picture("data:image/png;base64,???"), "messages[1].content[0].image_url.url", "is no base64"),
    (picture("data:text/plain;base64,aGk="), "messages[1].content[0].image_url.url", "must be written as"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id", "is missing"),
    (
        {"messages": [{"role": "function", "name": "f", "content": "x"}]},
        "messages[0].name",
        "names no function that was called",
    ),
    (
        {"messages": [{"role": "system", "content": [{"type": "image_url"}]}]},
        "messages[0].content[0].type",
        "text parts only",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]},
        "messages[0].tool_calls[0].function",
        "missing",
    ),
    ({"model": None}, "model", "is missing"),
    ({"model": ""}, "model", "must not be empty"),
    ({"temperature": "hot"}, "temperature", "must be a number"),
    ({"temperature": 3}, "temperature", "must be between 0 and 2"),
    ({"max_tokens": 0}, "max_tokens", "at least 1"),
    ({"max_completion_tokens": 1.5}, "max_completion_tokens", "must be a whole number"),
    ({"seed": True}, "seed", "must be a whole number, not a boolean"),
    ({"n": 0}, "n", "at least 1"),
    ({"n": 2}, "n", "must be 1"),
    ({"stream": "yes"}, "stream", "must be a boolean"),
    ({"stop": ["a", 1]}, "stop[1]", "must be a string"),
    ({"tools": [{"type": "function"}]}, "tools[0].function", "is missing"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", "is missing"),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]},
        "tools[0].function.parameters",
        "must be an object",
    ),
    ({"tools": TOOLS, "functions": [{"name": "f"}]}, "functions", "together with tools"),
    ({"tools": TOOLS, "tool_choice": "sometimes"}, "tool_choice", "must be none, auto, required"),
    ({"tool_choice": "required"}, "tool_choice", "there is none"),
    (
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "h"}}},
        "tool_choice",
        "no function among the tools",
    ),
    ({"response_format": "json"}, "response_format", "must be an object"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "is missing"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}},
        "response_format.json_schema.schema",
        "is missing",
    ),
    ({"metadata": {"a": 1}}, "metadata.a", "must be a string"),
    ({"metadata": "a"}, "metadata", "must be an object"),
    ({"user": 7}, "user", "must be a string"),
    ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage", "must be a boolean"),
]


@pytest.mark.parametrize(("more", "field", "why"), WRONG, ids=[f"{field} {why}" for _, field, why in WRONG])
def test_what_is_wrong_is_named_with_the_reason(more: dict[str, Any], field: str, why: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read(**more)
    assert raised.value.field == field
    assert why in raised.value.message
