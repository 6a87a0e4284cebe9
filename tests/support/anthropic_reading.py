"""The way back from Anthropic's messages to our chat request; strict, so that nothing is lost silently."""

import json
from collections.abc import Iterator
from copy import deepcopy

from dataplane.chat.model import (
    ChatRequest,
    FormatKind,
    Image,
    Message,
    Part,
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
from tests.support.unknown_fields import Json, Unknown

_OWN = ("model", "max_tokens", "messages", "system", "tools", "tool_choice", "stop_sequences", "stream", "metadata")
_BLOCK_KEYS = {
    "text": ("type", "text"),
    "tool_use": ("type", "id", "name", "input"),
    "tool_result": ("type", "tool_use_id", "content", "is_error"),
    "image": ("type", "source"),
    "thinking": ("type", "thinking", "signature"),
    "redacted_thinking": ("type", "data"),
}
_MODES = {"auto": ToolMode.AUTO, "any": ToolMode.REQUIRED, "none": ToolMode.NONE, "tool": ToolMode.NAMED}


def known(body: Json, unknown: Unknown) -> Json:
    """What of `body` the contract can say."""
    body = deepcopy(body)
    for message in body["messages"]:
        if isinstance(message["content"], list):
            message["content"] = _known_blocks(message["content"], unknown, "messages[].content")
    body["messages"] = [message for message in body["messages"] if message["content"]]
    body["tools"] = unknown.entries(body.get("tools", []), _tool_kind, ("custom",), "tools")
    for tool in body["tools"]:
        unknown.keys(tool, ("type", "name", "description", "input_schema", "strict"), "tools[]")
    return {key: value for key, value in body.items() if value != []}


def _tool_kind(tool: Json) -> str:
    return str(tool.get("type", "custom"))


def _known_blocks(blocks: list[Json], unknown: Unknown, path: str) -> list[Json]:
    blocks = unknown.entries(blocks, _block_kind, _BLOCK_KEYS, path)
    for block in blocks:
        unknown.keys(block, _BLOCK_KEYS[block["type"]], f"{path}[]")
        if isinstance(block.get("content"), list):
            inner = f"{path}[].content"
            block["content"] = unknown.entries(block["content"], lambda part: part["type"], ("text",), inner)
    return blocks


def _block_kind(block: Json) -> str:
    """Pictures by where they are: an uploaded file is none of ours."""
    source = block.get("source", {}).get("type") if block["type"] == "image" else None
    return f"image of {source}" if source not in (None, "url", "base64") else str(block["type"])


def read(body: Json, provider: str) -> tuple[ChatRequest, int]:
    """The request in what `known` left, and its output limit."""
    form = body.get("output_config", {}).get("format")
    options = {key: value for key, value in body.items() if key not in _OWN}
    if form:
        options["output_config"] = {key: value for key, value in body["output_config"].items() if key != "format"}
    options = {key: value for key, value in options.items() if value != {}}
    request = ChatRequest(
        messages=(*_system(body.get("system")), *map(_message, body["messages"])),
        tools=tuple(_tool(tool) for tool in body.get("tools", [])),
        tool_choice=_choice(body.get("tool_choice")),
        response_format=ResponseFormat(kind=FormatKind.JSON_SCHEMA, schema=form["schema"])
        if form
        else ResponseFormat(),
        stop=tuple(body.get("stop_sequences", ())),
        metadata=body.get("metadata", {}),
        provider_options={provider: options} if options else {},
    )
    return request, body["max_tokens"]


def _system(system: object) -> Iterator[Message]:
    texts = [system] if isinstance(system, str) else [block["text"] for block in system or ()]  # type: ignore[attr-defined]
    for text in texts:
        yield Message(role=Role.SYSTEM, parts=(Text(text=text),))


def _message(message: Json) -> Message:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return Message(role=Role(message["role"]), parts=tuple(_part(block) for block in blocks))


def _part(block: Json) -> Part:
    match block["type"]:
        case "text":
            return Text(text=block["text"])
        case "tool_use":
            return ToolCall(id=block["id"], name=block["name"], arguments=json.dumps(block["input"]))
        case "tool_result":
            return ToolResult(
                tool_call_id=block["tool_use_id"], content=_result(block), is_error=block.get("is_error", False)
            )
        case "thinking":
            return Thinking(text=block["thinking"], signature=block["signature"], protocol="anthropic")
        case "redacted_thinking":
            return Thinking(redacted=block["data"], protocol="anthropic")
        case _:
            return Image(url=block["source"]["url"])


def _result(block: Json) -> str:
    content = block.get("content", "")
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _tool(tool: Json) -> Tool:
    return Tool(
        name=tool["name"],
        description=tool.get("description", ""),
        parameters=tool["input_schema"],
        strict=tool.get("strict", False),
    )


def _choice(choice: Json | None) -> ToolChoice | None:
    if choice is None:
        return None
    disable = choice.get("disable_parallel_tool_use", False)
    return ToolChoice(mode=_MODES[choice["type"]], name=choice.get("name", ""), disable_parallel=disable)


def same(body: Json) -> Json:
    """`body` in one spelling: two that mean the same to the API become equal.

    Defaults are left out; neighbours of one side are one message, with results first; system messages in the midst of the
    conversation stand at its head; texts of a tool's result are one text.
    """
    body = json.loads(json.dumps(body))
    system = body.get("system") or []
    texts = [system] if isinstance(system, str) else [block["text"] for block in system]
    messages: list[tuple[str, list[Json]]] = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if message["role"] == "system":
            texts += [block["text"] for block in blocks]
            continue
        if not messages or messages[-1][0] != message["role"]:
            messages.append((message["role"], []))
        messages[-1][1].extend(_same_block(block) for block in blocks)
    for _, blocks in messages:
        blocks.sort(key=lambda block: block["type"] != "tool_result")
    for tool in body.get("tools", []):
        for name, default in (("type", "custom"), ("description", ""), ("strict", False)):
            if tool.get(name) == default:
                del tool[name]
    if not body.get("stream"):
        body.pop("stream", None)
    if not body.get("tools"):
        body.pop("tool_choice", None)
    return {**body, "system": texts, "messages": messages}


def _same_block(block: Json) -> Json:
    if block["type"] != "tool_result":
        return block
    return {**block, "content": _result(block), "is_error": block.get("is_error", False)}
