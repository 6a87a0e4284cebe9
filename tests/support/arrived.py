"""What of a request came to a provider, in the provider's own words: five wire protocols, read by paths into their JSON."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]
Word = Callable[[Json], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One request as a provider got it."""

    path: str
    headers: Mapping[str, str]
    body: Json

    def told(self, word: str) -> Any:
        """What the provider was told by that word of `WORDS`; None for nothing."""
        return wire_of(self.path)[word](self.body)

    def says(self, text: str) -> bool:
        """Whether `text` stands anywhere in it."""
        return text in json.dumps(self.body, ensure_ascii=False)


def wire_of(path: str) -> Mapping[str, Word]:
    """The words of the protocol that is spoken at `path`."""
    plain = unquote(path)
    return next(words for end, words in _WIRES.items() if end in plain)


def _nothing(_: Json) -> None:
    """The protocol has no word for it."""


def _at(*keys: str | int) -> Word:
    """The value at a path of members and items; None where the path ends before."""

    def look(body: Any) -> Any:
        for key in keys:
            if isinstance(key, int):
                body = body[key] if isinstance(body, list) and len(body) > key else None
            else:
                body = body.get(key) if isinstance(body, dict) else None
        return body

    return look


def _each(body: Any, key: str) -> Iterator[Any]:
    """All values of that member, at any depth, in order."""
    if isinstance(body, dict):
        if key in body:
            yield body[key]
        for value in body.values():
            yield from _each(value, key)
    elif isinstance(body, list):
        for value in body:
            yield from _each(value, key)


def _tools(*, within: tuple[str, ...], schema: tuple[str, ...]) -> Word:
    def look(body: Json) -> Any:
        found = [_at(*within)(tool) for tool in body.get("tools") or ()]
        return {tool["name"]: sorted(_at(*schema, "properties")(tool) or ()) for tool in found if tool}

    return look


def _chat_system(body: Json) -> str:
    said = [message["content"] for message in body["messages"] if message["role"] in ("system", "developer")]
    return "\n".join(_text(content) for content in said)


def _text(content: Any) -> str:
    """Text that stands plainly, or in parts."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())


def _picture(url: str) -> bytes | str:
    return base64.b64decode(url.partition(",")[2]) if url.startswith("data:") else url


def _choice(name: tuple[str, ...]) -> Word:
    def look(body: Json) -> Any:
        choice = body.get("tool_choice")
        return _at(*name)(choice) or _at("type")(choice) if isinstance(choice, dict) else choice

    return look


_CHAT: Mapping[str, Word] = {
    "model": _at("model"),
    "system": _chat_system,
    "tools": _tools(within=("function",), schema=("parameters",)),
    "choice": _choice(("function", "name")),
    "single": lambda body: body.get("parallel_tool_calls") is False or None,
    "results": lambda body: [_text(one["content"]) for one in body["messages"] if one["role"] == "tool"],
    "images": lambda body: [_picture(image["url"]) for image in _each(body["messages"], "image_url")],
    "stop": lambda body: [body["stop"]] if isinstance(body.get("stop"), str) else body.get("stop"),
    "seed": lambda body: body.get("seed", body.get("random_seed")),
    "temperature": _at("temperature"),
    "top_p": _at("top_p"),
    "top_k": _at("top_k"),
    "frequency_penalty": _at("frequency_penalty"),
    "limit": lambda body: body.get("max_completion_tokens") or body.get("max_tokens"),
    "schema": lambda body: sorted(_at("response_format", "json_schema", "schema", "properties")(body) or ()),
    "json": lambda body: _at("response_format", "type")(body) == "json_object" or None,
    "reasoning": lambda body: next(
        filter(None, map(body.get, ("reasoning_effort", "reasoning", "thinking", "chat_template_kwargs"))), None
    ),
    "signatures": lambda body: list(_each(body["messages"], "signature")),
    "user": lambda body: body.get("safety_identifier") or body.get("user"),
    "metadata": _at("metadata"),
}
_RESPONSES: Mapping[str, Word] = {
    **_CHAT,
    "system": lambda body: (
        body.get("instructions") or _chat_system({"messages": [item for item in body["input"] if "role" in item]})
    ),
    "tools": _tools(within=(), schema=("parameters",)),
    "choice": _choice(("name",)),
    "results": lambda body: [item["output"] for item in body["input"] if item.get("type") == "function_call_output"],
    "images": lambda body: [_picture(url) for url in _each(body["input"], "image_url")],
    "limit": _at("max_output_tokens"),
    "schema": lambda body: sorted(_at("text", "format", "schema", "properties")(body) or ()),
    "json": lambda body: _at("text", "format", "type")(body) == "json_object" or None,
    "reasoning": _at("reasoning", "effort"),
    "signatures": lambda body: [item for item in body["input"] if item.get("type") == "reasoning"],
}


def _claude_results(body: Json) -> list[str]:
    blocks = (block for message in body["messages"] for block in message["content"] if isinstance(block, dict))
    return [_text(block.get("content", "")) for block in blocks if block["type"] == "tool_result"]


def _claude_picture(source: Json) -> bytes | str:
    return str(source["url"]) if source["type"] == "url" else base64.b64decode(source["data"])


_MESSAGES: Mapping[str, Word] = {
    "model": _at("model"),
    "system": lambda body: _text(body.get("system")),
    "tools": _tools(within=(), schema=("input_schema",)),
    "choice": _choice(("name",)),
    "single": _at("tool_choice", "disable_parallel_tool_use"),
    "results": _claude_results,
    "images": lambda body: [_claude_picture(source) for source in _each(body["messages"], "source")],
    "stop": _at("stop_sequences"),
    "seed": _at("seed"),
    "temperature": _at("temperature"),
    "top_p": _at("top_p"),
    "top_k": _at("top_k"),
    "frequency_penalty": _at("frequency_penalty"),
    "limit": _at("max_tokens"),
    "schema": lambda body: sorted(_at("output_config", "format", "schema", "properties")(body) or ()),
    "json": _nothing,
    "reasoning": lambda body: _at("thinking", "type")(body) not in (None, "disabled") or None,
    "signatures": lambda body: list(_each(body["messages"], "signature")),
    "user": _at("metadata", "user_id"),
    "metadata": _nothing,
}


def _camel(value: Any) -> Any:
    """Members in Google's own spelling, for its servers take both."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {_humped(key): _camel(item) for key, item in value.items()}


def _humped(name: str) -> str:
    first, _, rest = name.partition("_")
    return first + "".join(word.capitalize() for word in rest.split("_"))


def _gemini(look: Word) -> Word:
    return lambda body: look(_camel(body))


def _setting(name: str) -> Word:
    return _gemini(_at("generationConfig", name))


def _declared(body: Json) -> dict[str, list[str]]:
    found = [tool for group in body.get("tools") or () for tool in group.get("functionDeclarations") or ()]
    return {tool["name"]: sorted((_schema_of(tool) or {}).get("properties", ())) for tool in found}


def _schema_of(tool: Json) -> Json | None:
    found: Json | None = tool.get("parametersJsonSchema") or tool.get("parameters")
    return found


def _calling(body: Json) -> Any:
    how = _at("toolConfig", "functionCallingConfig")(body) or {}
    names = how.get("allowedFunctionNames") or ()
    return next(iter(names), how.get("mode"))


def _answer_schema(body: Json) -> list[str]:
    settings = body.get("generationConfig") or {}
    schema = settings.get("responseJsonSchema") or settings.get("responseSchema") or {}
    return sorted(schema.get("properties", ()))


def _asks_for_json(body: Json) -> bool | None:
    settings = body.get("generationConfig") or {}
    return (settings.get("responseMimeType") == "application/json" and not _answer_schema(body)) or None


def _thinks(body: Json) -> Any:
    config = _at("generationConfig", "thinkingConfig")(body)
    return config and any(config.values())


def _gemini_images(body: Json) -> list[bytes | str]:
    data = [base64.b64decode(found["data"] + "==", altchars=b"-_") for found in _each(body["contents"], "inlineData")]
    return [*data, *(found["fileUri"] for found in _each(body["contents"], "fileData"))]


_GENERATE: Mapping[str, Word] = {
    "model": _nothing,
    "system": _gemini(lambda body: _text(_at("systemInstruction", "parts")(body))),
    "tools": _gemini(_declared),
    "choice": _gemini(_calling),
    "single": _nothing,
    "results": _gemini(
        lambda body: [json.dumps(found["response"]) for found in _each(body["contents"], "functionResponse")]
    ),
    "images": _gemini(_gemini_images),
    "stop": _setting("stopSequences"),
    "seed": _setting("seed"),
    "temperature": _setting("temperature"),
    "top_p": _setting("topP"),
    "top_k": _setting("topK"),
    "frequency_penalty": _setting("frequencyPenalty"),
    "limit": _setting("maxOutputTokens"),
    "schema": _gemini(_answer_schema),
    "json": _gemini(_asks_for_json),
    "reasoning": _gemini(_thinks),
    "signatures": _gemini(lambda body: list(_each(body["contents"], "thoughtSignature"))),
    "user": _nothing,
    "metadata": _nothing,
}


def _converse_results(body: Json) -> list[str]:
    return ["".join(_each(found["content"], "text")) for found in _each(body["messages"], "toolResult")]


def _specs(body: Json) -> dict[str, list[str]]:
    found = [tool["toolSpec"] for tool in _at("toolConfig", "tools")(body) or () if "toolSpec" in tool]
    return {tool["name"]: sorted(_at("inputSchema", "json", "properties")(tool) or ()) for tool in found}


def _converse_choice(body: Json) -> Any:
    choice = _at("toolConfig", "toolChoice")(body)
    return choice and (_at("tool", "name")(choice) or next(iter(choice)))


def _converse_schema(body: Json) -> list[str]:
    text = _at("outputConfig", "textFormat", "structure", "jsonSchema", "schema")(body)
    return sorted(json.loads(text).get("properties", ())) if text else []


_CONVERSE: Mapping[str, Word] = {
    "model": _nothing,
    "system": lambda body: _text(body.get("system")),
    "tools": _specs,
    "choice": _converse_choice,
    "single": _nothing,
    "results": _converse_results,
    "images": lambda body: [base64.b64decode(image["source"]["bytes"]) for image in _each(body["messages"], "image")],
    "stop": _at("inferenceConfig", "stopSequences"),
    "seed": _at("seed"),
    "temperature": _at("inferenceConfig", "temperature"),
    "top_p": _at("inferenceConfig", "topP"),
    "top_k": _at("additionalModelRequestFields", "top_k"),
    "frequency_penalty": _nothing,
    "limit": _at("inferenceConfig", "maxTokens"),
    "schema": _converse_schema,
    "json": _nothing,
    "reasoning": _at("additionalModelRequestFields", "thinking"),
    "signatures": lambda body: list(_each(body["messages"], "signature")),
    "user": _nothing,
    "metadata": _at("requestMetadata"),
}

_WIRES: Mapping[str, Mapping[str, Word]] = {
    "/chat/completions": _CHAT,
    "/responses": _RESPONSES,
    "/messages": _MESSAGES,
    "enerateContent": _GENERATE,
    "/converse": _CONVERSE,
}
WORDS = tuple(_MESSAGES)
