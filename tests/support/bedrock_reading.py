"""The way back from Bedrock's Converse to our chat request; strict, so that nothing is lost silently."""

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

_BLOCKS = ("text", "image", "toolUse", "toolResult", "reasoningContent")
_OWN = ("messages", "system", "inferenceConfig", "toolConfig", "outputConfig")


def known(body: Json, unknown: Unknown) -> Json:
    """What of `body` the contract can say."""
    body = deepcopy(body)
    for message in body["messages"]:
        message["content"] = unknown.entries(message["content"], _kind, _BLOCKS, "messages[].content")
        for block in message["content"]:
            unknown.keys(block.get("toolUse", {}), ("toolUseId", "name", "input"), "messages[].content[].toolUse")
            if "toolResult" in block:
                _known_result(block["toolResult"], unknown)
    body["messages"] = [message for message in body["messages"] if message["content"]]
    body["system"] = unknown.entries(body.get("system", []), _kind, ("text",), "system")
    tools = body.get("toolConfig", {}).get("tools", [])
    if tools:
        body["toolConfig"]["tools"] = unknown.entries(tools, _kind, ("toolSpec",), "toolConfig.tools")
    if not body.get("toolConfig", {}).get("tools"):
        body.pop("toolConfig", None)
    return body


def _known_result(result: Json, unknown: Unknown) -> None:
    path = "messages[].content[].toolResult"
    unknown.keys(result, ("toolUseId", "content", "status"), path)
    result["content"] = unknown.entries(result["content"], _kind, ("text", "image"), f"{path}.content")


def _kind(entry: Json) -> str:
    """What the provider's own tools said has a type within."""
    kind = next(iter(entry))
    return f"{kind} of the provider" if kind.startswith("tool") and "type" in entry[kind] else kind


def speaks_of_called_tools(body: Json) -> bool:
    """Whether tools were called that are offered no more, which the API itself refuses today."""
    blocks = [block for message in body["messages"] for block in message["content"]]
    return "toolConfig" not in body and any("toolUse" in block or "toolResult" in block for block in blocks)


def read(body: Json, provider: str) -> tuple[ChatRequest, int]:
    """The request in what `known` left, and its output limit, 0 for none."""
    settings = body.get("inferenceConfig", {})
    options = {key: value for key, value in body.items() if key not in _OWN and value}
    request = ChatRequest(
        messages=(*_system(body["system"]), *map(_message, body["messages"])),
        tools=tuple(_tool(tool["toolSpec"]) for tool in body.get("toolConfig", {}).get("tools", [])),
        tool_choice=_choice(body.get("toolConfig", {}).get("toolChoice")),
        response_format=_format(body.get("outputConfig")),
        sampling=Sampling(temperature=settings.get("temperature"), top_p=settings.get("topP")),
        stop=tuple(settings.get("stopSequences", ())),
        provider_options={provider: options} if options else {},
    )
    return request, settings.get("maxTokens", 0)


def _system(blocks: list[Json]) -> Iterator[Message]:
    for block in blocks:
        yield Message(role=Role.SYSTEM, parts=(Text(text=block["text"]),))


def _message(message: Json) -> Message:
    return Message(role=Role(message["role"]), parts=tuple(_part(block) for block in message["content"]))


def _part(block: Json) -> Part:
    match block:
        case {"text": text}:
            return Text(text=text)
        case {"image": image}:
            return _image(image)
        case {"toolUse": call}:
            return ToolCall(id=call["toolUseId"], name=call["name"], arguments=json.dumps(call["input"]))
        case {"toolResult": result}:
            return ToolResult(
                tool_call_id=result["toolUseId"],
                content="".join(part["text"] for part in result["content"] if "text" in part),
                images=tuple(_image(part["image"]) for part in result["content"] if "image" in part),
                is_error=result.get("status") == "error",
            )
        case {"reasoningContent": {"redactedContent": redacted}}:
            return Thinking(redacted=redacted, protocol="bedrock")
        case _:
            thought = block["reasoningContent"]["reasoningText"]
            return Thinking(text=thought["text"], signature=thought["signature"], protocol="bedrock")


def _image(image: Json) -> Image:
    return Image(url=image["source"]["s3Location"]["uri"], media_type=f"image/{image['format']}")


def _tool(spec: Json) -> Tool:
    return Tool(
        name=spec["name"],
        description=spec.get("description", ""),
        parameters=spec["inputSchema"]["json"],
        strict=spec.get("strict", False),
    )


def _choice(choice: Json | None) -> ToolChoice | None:
    if choice is None:
        return None
    return ToolChoice(mode={"auto": ToolMode.AUTO, "any": ToolMode.REQUIRED}[_kind(choice)])


def _format(config: Any) -> ResponseFormat:
    if config is None:
        return ResponseFormat()
    schema = config["textFormat"]["structure"]["jsonSchema"]
    return ResponseFormat(
        kind=FormatKind.JSON_SCHEMA,
        name=schema["name"],
        schema=json.loads(schema["schema"]),
        description=schema.get("description", ""),
    )


def same(body: Json) -> Json:
    """`body` in one spelling: two that mean the same to the API become equal.

    Neighbours of one side are one message, with results first; blank texts are none; a result is a success unless it says
    that it is an error; schemas are values.
    """
    body = json.loads(json.dumps(body))
    messages: list[tuple[str, list[Json]]] = []
    for message in body["messages"]:
        if not messages or messages[-1][0] != message["role"]:
            messages.append((message["role"], []))
        messages[-1][1].extend(_same_block(block) for block in message["content"] if block.get("text", "x").strip())
    for _, blocks in messages:
        blocks.sort(key=lambda block: "toolResult" not in block)
    if "outputConfig" in body:
        schema = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
        schema["schema"] = json.loads(schema["schema"])
    return {
        **{key: value for key, value in body.items() if value},
        "messages": messages,
        "system": body.get("system") or [],
    }


def _same_block(block: Json) -> Json:
    if "toolResult" not in block:
        return block
    result = block["toolResult"]
    texts = "".join(part["text"] for part in result["content"] if "text" in part)
    rest = [part for part in result["content"] if "text" not in part]
    content = [*([{"text": texts}] if texts else []), *rest]
    return {"toolResult": {**result, "content": content, "status": result.get("status", "success")}}
