"""The way back from OpenAI's chat completions to our chat request; strict, so that nothing is lost silently."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from dataplane.chat.model import (
    ChatRequest,
    FormatKind,
    Image,
    Message,
    Part,
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
from tests.support.unknown_fields import Json, Unknown

REFUSED = ("n", "models", "preset")
"""Top-level settings that provider_options may not have: they ask for more answers or for another model."""

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}
_OWN = (
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "temperature", "top_p",
    "frequency_penalty", "presence_penalty", "stop", "seed", "max_tokens", "max_completion_tokens", "stream",
    "stream_options", "metadata",
)  # fmt: skip
_PART_KEYS = {"text": ("type", "text"), "image_url": ("type", "image_url"), "thinking": ("type", "thinking")}


def known(body: Json, unknown: Unknown) -> Json:
    """What of `body` the contract can say."""
    body = deepcopy(body)
    unknown.keys(body, [key for key in body if key not in REFUSED], "")
    messages = [_known_message(message, unknown) for message in body["messages"]]
    body["messages"] = [message for message in messages if message.get("content") != []]
    tools = unknown.entries(body.get("tools") or [], lambda tool: tool.get("type", "function"), ("function",), "tools")
    for tool in tools:
        unknown.keys(tool, ("type", "function"), "tools[]")
        unknown.keys(tool["function"], ("name", "description", "parameters", "strict"), "tools[].function")
    body["tools"] = tools
    return {key: value for key, value in body.items() if value != []}


def _known_message(message: Json, unknown: Unknown) -> Json:
    unknown.keys(message, ("role", "content", "tool_calls", "tool_call_id", "reasoning_content"), "messages[]")
    for call in message.get("tool_calls") or []:
        unknown.keys(call, ("id", "type", "function"), "messages[].tool_calls[]")
    if isinstance(message.get("content"), list):
        path = "messages[].content"
        message["content"] = unknown.entries(message["content"], lambda part: part["type"], _PART_KEYS, path)
        for part in message["content"]:
            unknown.keys(part, _PART_KEYS[part["type"]], f"{path}[]")
    return message


def read(body: Json, provider: str) -> tuple[ChatRequest, int]:
    """The request in what `known` left, and its output limit, 0 for none."""
    form, choice = body.get("response_format"), body.get("tool_choice")
    options = {key: value for key, value in body.items() if key not in _OWN}
    request = ChatRequest(
        messages=tuple(_message(message) for message in body["messages"]),
        tools=tuple(_tool(tool["function"]) for tool in body.get("tools", [])),
        tool_choice=None if choice is None else _choice(choice, parallel=body.get("parallel_tool_calls", True)),
        response_format=ResponseFormat() if form is None else _format(form),
        sampling=Sampling(
            **{key: body.get(key) for key in ("temperature", "top_p", "frequency_penalty", "presence_penalty")}
        ),
        stop=tuple(body.get("stop", ())),
        seed=body.get("seed"),
        metadata=body.get("metadata", {}),
        provider_options={provider: options} if options else {},
    )
    return request, body.get("max_completion_tokens") or body.get("max_tokens") or 0


def _message(message: Json) -> Message:
    role = _ROLES[message["role"]]
    if role is Role.TOOL:
        return Message(role=role, parts=(ToolResult(tool_call_id=message["tool_call_id"], content=message["content"]),))
    calls = [
        ToolCall(id=call["id"], name=call["function"]["name"], arguments=call["function"]["arguments"])
        for call in message.get("tool_calls") or []
    ]
    thought = message.get("reasoning_content")
    thoughts = (Thinking(text=thought, protocol="openai"),) if thought else ()
    return Message(role=role, parts=(*thoughts, *_content(message.get("content")), *calls))


def _content(content: object) -> Iterator[Part]:
    if isinstance(content, str):
        yield Text(text=content)
    for part in content if isinstance(content, list) else ():
        if part["type"] == "thinking":
            yield from (Thinking(text=piece["text"], protocol="openai") for piece in part["thinking"])
            continue
        yield Text(text=part["text"]) if part["type"] == "text" else Image(url=part["image_url"]["url"])


def _tool(function: Json) -> Tool:
    return Tool(
        name=function["name"],
        description=function.get("description", ""),
        parameters=function.get("parameters"),
        strict=function.get("strict", False),
    )


def _choice(choice: Any, *, parallel: bool) -> ToolChoice:
    if isinstance(choice, dict):
        return ToolChoice(mode=ToolMode.NAMED, name=choice["function"]["name"], disable_parallel=not parallel)
    return ToolChoice(mode=ToolMode("required" if choice == "any" else choice), disable_parallel=not parallel)


def _format(form: Json) -> ResponseFormat:
    if form["type"] != "json_schema":
        return ResponseFormat(kind={"json_object": FormatKind.JSON, "text": FormatKind.TEXT}[form["type"]])
    schema = form["json_schema"]
    return ResponseFormat(
        kind=FormatKind.JSON_SCHEMA,
        name=schema["name"],
        schema=schema["schema"],
        strict=schema.get("strict", False),
        description=schema.get("description", ""),
    )


def same(body: Json, *, streams: bool, usage_on_request: bool) -> Json:
    """`body` in one spelling: two that mean the same to the API become equal.

    Defaults are left out; `developer` and `system` are one role; text parts without pictures are one text; a stream asks
    for its usage, wherever the server knows how to be asked.
    """
    body = json.loads(json.dumps(body))
    if streams and usage_on_request:
        body["stream_options"] = {"include_usage": True}
    if not body.get("stream"):
        body.pop("stream", None)
    if not body.get("tools"):
        body.pop("tool_choice", None)
    for message in body["messages"]:
        message["role"] = {"developer": "system"}.get(message["role"], message["role"])
        content = message.get("content")
        if message.get("tool_calls") == []:
            del message["tool_calls"]
        texts = isinstance(content, list) and all(part["type"] == "text" for part in content)
        one_text = texts and (len(content) == 1 or message["role"] == "assistant")
        message["content"] = "".join(part["text"] for part in content) if one_text else content or ""
    for tool in body.get("tools", []):
        tool["type"] = "function"
        for default in ("strict", "description"):
            if not tool["function"].get(default):
                tool["function"].pop(default, None)
    return dict(body)
