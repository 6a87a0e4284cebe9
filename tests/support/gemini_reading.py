"""The way back from Gemini's generateContent to our chat request; strict, so that nothing is lost silently."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
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

SKIPPED_SIGNATURE = b64encode(b"skip_thought_signature_validator").decode()

_OWN_SETTINGS = {"maxOutputTokens", "temperature", "stopSequences", "responseMimeType", "responseJsonSchema"}
_PART_KINDS = ("text", "functionCall", "functionResponse", "fileData", "inlineData")
_AS_THEY_ARE = ("args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema")


def camel(value: Any) -> Any:
    """Keys in camel case: the API takes both, and the recordings mix them. Schemas and arguments stay as they are."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    renamed = {re.sub(r"_([a-z])", lambda match: match[1].upper(), key): item for key, item in value.items()}
    return {key: item if key in _AS_THEY_ARE else camel(item) for key, item in renamed.items()}


def known(body: Json, unknown: Unknown) -> Json:
    """What of `body` the contract can say."""
    body = camel(body)
    for content in body["contents"]:
        content["parts"] = [part for part in content["parts"] if _is_known(part, unknown)]
        for part in content["parts"]:
            kind = next(kind for kind in _PART_KINDS if kind in part)
            unknown.keys(part, (kind, "thoughtSignature", "thought"), "contents[].parts[]")
            if kind == "functionResponse":
                unknown.keys(part[kind], ("id", "name", "response"), "contents[].parts[].functionResponse")
    body["contents"] = [content for content in body["contents"] if content["parts"]]
    tools = unknown.entries(body.get("tools", []), lambda tool: next(iter(tool)), ("functionDeclarations",), "tools")
    for tool in tools:
        unknown.keys(tool, ("functionDeclarations",), "tools[]")
    body["tools"] = tools
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    if calling.get("mode") == "VALIDATED":
        unknown.paths.add("toolConfig.functionCallingConfig.mode=VALIDATED")
        del body["toolConfig"]["functionCallingConfig"]
    names = {function["name"] for function in declarations(body)}
    if 1 < len(calling.get("allowedFunctionNames", [])) < len(names):
        unknown.keys(calling, ("mode",), "toolConfig.functionCallingConfig")
    return {key: value for key, value in body.items() if value not in ([], {})}


def _is_known(part: Json, unknown: Unknown) -> bool:
    kind = next((kind for kind in _PART_KINDS if kind in part), next(iter(part)))
    medium = part.get(kind, {}).get("mimeType", "") if kind in ("fileData", "inlineData") else "image/"
    if kind not in _PART_KINDS or not medium.startswith("image/"):
        unknown.paths.add(
            f"contents[].parts[{kind}]" + (f"[mimeType={medium}]" if medium not in ("", "image/") else "")
        )
        return False
    return True


def read(body: Json, provider: str) -> tuple[ChatRequest, int]:
    """The request in what `known` left, and its output limit, 0 for none."""
    settings = body.get("generationConfig", {})
    options: Json = {
        "generationConfig": {key: value for key, value in settings.items() if key not in _OWN_SETTINGS},
        "toolConfig": {
            key: value for key, value in body.get("toolConfig", {}).items() if key != "functionCallingConfig"
        },
    }
    options = {key: value for key, value in options.items() if value}
    schema = settings.get("responseJsonSchema")
    json_kind = FormatKind.JSON if settings.get("responseMimeType") else FormatKind.TEXT
    names = [tool["name"] for tool in declarations(body)]
    request = ChatRequest(
        messages=(*_system(body.get("systemInstruction")), *map(_message, body["contents"])),
        tools=tuple(
            Tool(name=tool["name"], description=tool["description"], parameters=_schema(tool))
            for tool in declarations(body)
        ),
        tool_choice=_choice(body.get("toolConfig", {}).get("functionCallingConfig"), names),
        response_format=ResponseFormat(kind=FormatKind.JSON_SCHEMA if schema else json_kind, schema=schema),
        sampling=Sampling(temperature=settings.get("temperature")),
        stop=tuple(settings.get("stopSequences", ())),
        provider_options={provider: options} if options else {},
    )
    return request, settings.get("maxOutputTokens", 0)


def declarations(body: Json) -> list[Json]:
    """All functions of all tools."""
    return [function for tool in body.get("tools", []) for function in tool["functionDeclarations"]]


def _schema(tool: Json) -> Json | None:
    """The schema in the words of JSON schema: the older field has its types in capitals."""
    return _lower_types(tool["parameters"]) if "parameters" in tool else tool.get("parametersJsonSchema")


def _lower_types(value: Any) -> Any:
    if isinstance(value, list):
        return [_lower_types(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: item.lower() if key == "type" and isinstance(item, str) else _lower_types(item)
        for key, item in value.items()
    }


def _system(instruction: Json | None) -> Iterator[Message]:
    for part in (instruction or {}).get("parts", []):
        yield Message(role=Role.SYSTEM, parts=(Text(text=part["text"]),))


def _message(content: Json) -> Message:
    parts = tuple(ours for part in content["parts"] for ours in _parts(part))
    return Message(role=Role.ASSISTANT if content["role"] == "model" else Role.USER, parts=parts)


def _parts(part: Json) -> Iterator[Part]:
    """A signature stands before what it signs."""
    signature = part.get("thoughtSignature", "")
    if part.get("thought"):
        yield Thinking(text=part["text"], signature=signature, protocol="gemini")
        return
    if signature not in ("", SKIPPED_SIGNATURE):
        yield Thinking(signature=signature, protocol="gemini")
    yield _part(part)


def _part(part: Json) -> Part:
    match part:
        case {"functionCall": call}:
            return ToolCall(id=call["id"], name=call["name"], arguments=json.dumps(call["args"]))
        case {"functionResponse": {"id": call_id, "name": name, "response": {"error": str(error), **rest}}} if not rest:
            return ToolResult(tool_call_id=call_id, content=error, is_error=True, name=name)
        case {"functionResponse": result}:
            return ToolResult(tool_call_id=result["id"], content=json.dumps(result["response"]), name=result["name"])
        case {"fileData": file}:
            return Image(url=file["fileUri"], media_type=file["mimeType"])
        case {"inlineData": data}:
            return Image(data=b64decode(data["data"]), media_type=data["mimeType"])
        case _:
            return Text(text=part["text"])


def _choice(calling: Json | None, names: list[str]) -> ToolChoice | None:
    if calling is None:
        return None
    allowed = calling.get("allowedFunctionNames", names)
    if calling["mode"] == "ANY" and sorted(allowed) != sorted(names):
        (name,) = allowed
        return ToolChoice(mode=ToolMode.NAMED, name=name)
    return ToolChoice(mode={"AUTO": ToolMode.AUTO, "NONE": ToolMode.NONE, "ANY": ToolMode.REQUIRED}[calling["mode"]])


def same(body: Json) -> Json:
    """`body` in one spelling: two that mean the same to the API become equal.

    Neighbours of one side are one content; the older field of schemas is the newer one; a list of all functions allows all
    of them; a signature that says that there is none is none.
    """
    body = camel(json.loads(json.dumps(body)))
    contents: list[tuple[str, list[Json]]] = []
    for content in body["contents"]:
        if not contents or contents[-1][0] != content["role"]:
            contents.append((content["role"], []))
        contents[-1][1].extend(_same_part(part) for part in content["parts"])
    functions = [
        {"name": tool["name"], "description": tool["description"], "schema": _schema(tool)}
        for tool in declarations(body)
    ]
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    if sorted(calling.get("allowedFunctionNames", [])) == sorted(tool["name"] for tool in functions):
        calling.pop("allowedFunctionNames", None)
    system = [part["text"] for part in body.get("systemInstruction", {}).get("parts", [])]
    return {**body, "contents": contents, "tools": functions, "systemInstruction": system}


def _same_part(part: Json) -> Json:
    if part.get("thoughtSignature") != SKIPPED_SIGNATURE:
        return part
    return {key: value for key, value in part.items() if key != "thoughtSignature"}
