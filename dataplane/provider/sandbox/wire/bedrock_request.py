"""Reads a Bedrock Converse request."""

import json
from collections.abc import Mapping

from dataplane.provider.sandbox.answer.tools import json_text
from dataplane.provider.sandbox.call import AnswerFormat, Call, Format, Prompt, Tool, ToolChoice, ToolMode
from dataplane.provider.sandbox.wire import reading
from dataplane.provider.sandbox.wire.model import Target
from dataplane.provider.sandbox.wire.reading import BadRequest, Json, Path, Problem

_FIELDS_TEXT = """messages system inferenceConfig toolConfig guardrailConfig additionalModelRequestFields promptVariables
    additionalModelResponseFieldPaths requestMetadata performanceConfig serviceTier outputConfig"""
_FIELDS = frozenset(_FIELDS_TEXT.split())
_BLOCKS = ("text", "image", "document", "toolUse", "toolResult", "reasoningContent", "cachePoint")
_IMAGE_FORMATS = ("png", "jpeg", "gif", "webp")
_IMAGE_TOKENS = 1_334


def parse(data: Json, target: Target, _headers: Mapping[str, str]) -> Call:
    """The call that `data` asks for; model and streaming stand in the path.

    Raises:
        BadRequest: a field is missing, unknown or wrong.
    """
    reading.known(data, _FIELDS)
    settings = reading.nested(data, "inferenceConfig")
    path: Path = ("inferenceConfig",)
    reading.known(settings, ("maxTokens", "temperature", "topP", "stopSequences"), path)
    reading.number(settings, "temperature", path, low=0, high=1)
    reading.number(settings, "topP", path, low=0, high=1)
    stops = reading.items(settings, "stopSequences", path, most=2_500)
    tools = _tools(data)
    prompt = _prompt(data)
    if not tools and _uses_tools(data):
        sentence = "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        raise BadRequest(Problem.RULE, (), wanted=sentence)
    thinks = _thinks(reading.nested(data, "additionalModelRequestFields"))
    return Call(
        model=target.model,
        prompt=prompt,
        stream=target.stream,
        include_usage=True,
        tools=tools,
        tool_choice=_tool_choice(data, tools),
        format=_format(data),
        stop=tuple(reading.as_text(stop, (*path, "stopSequences", at)) for at, stop in enumerate(stops)),
        max_tokens=reading.whole(settings, "maxTokens", path, low=1),
        reasoning=thinks,
        show_reasoning=True,
    )


def _thinks(extra: Json) -> bool:
    thinking = reading.nested(extra, "thinking", ("additionalModelRequestFields",))
    return thinking.get("type") in ("enabled", "adaptive") or "reasoningConfig" in extra or "reasoning_effort" in extra


def _tools(data: Json) -> tuple[Tool, ...]:
    config = reading.nested(data, "toolConfig")
    found = []
    for at, item in enumerate(reading.items(config, "tools", ("toolConfig",), least=1)):
        path: Path = ("toolConfig", "tools", at)
        tool = reading.as_object(item, path)
        if "toolSpec" in tool:
            spec, path = reading.nested(tool, "toolSpec", path), (*path, "toolSpec")
            schema = reading.as_object(reading.required(spec, "inputSchema", path), (*path, "inputSchema"))
            found.append(Tool(name=reading.text(spec, "name", path), schema=reading.nested(schema, "json", path)))
    return tuple(found)


def _tool_choice(data: Json, tools: tuple[Tool, ...]) -> ToolChoice:
    path: Path = ("toolConfig", "toolChoice")
    choice = reading.nested(reading.nested(data, "toolConfig"), "toolChoice", ("toolConfig",))
    if not choice:
        return ToolChoice()
    kind = next(iter(choice))
    if kind not in ("auto", "any", "tool"):
        raise BadRequest(Problem.UNKNOWN, (*path, kind))
    if kind != "tool":
        return ToolChoice(mode=ToolMode.REQUIRED if kind == "any" else ToolMode.AUTO)
    name = reading.text(reading.nested(choice, "tool", path), "name", (*path, "tool"))
    if all(tool.name != name for tool in tools):
        raise BadRequest(Problem.RULE, path, wanted=f"There is no tool named {name}.")
    return ToolChoice(mode=ToolMode.REQUIRED, names=(name,))


def _format(data: Json) -> AnswerFormat:
    """The schema is JSON text here."""
    asked = reading.nested(reading.nested(data, "outputConfig"), "textFormat", ("outputConfig",))
    path: Path = ("outputConfig", "textFormat")
    if not asked:
        return AnswerFormat()
    reading.choice(asked, "type", ("json_schema",), path)
    structure = reading.nested(asked, "structure", path)
    path = (*path, "structure", "jsonSchema")
    text = reading.text(reading.nested(structure, "jsonSchema", path), "schema", path)
    try:
        schema = json.loads(text)
    except ValueError:
        raise BadRequest(Problem.RULE, (*path, "schema"), wanted="The schema is not JSON.") from None
    return AnswerFormat(kind=Format.JSON_SCHEMA, schema=reading.as_object(schema, (*path, "schema")))


def _prompt(data: Json) -> Prompt:
    parts = [json_text(data["toolConfig"])] if data.get("toolConfig") else []
    parts += [
        reading.text(reading.as_object(block, ("system", at)), "text", ("system", at))
        for at, block in enumerate(reading.items(data, "system"))
        if not (isinstance(block, dict) and "cachePoint" in block)
    ]
    messages = reading.as_array(reading.required(data, "messages"), ("messages",), least=1)
    question, results, images, before = "", False, 0, ""
    for at, item in enumerate(messages):
        message, path = reading.as_object(item, ("messages", at)), ("messages", at)
        role = reading.choice(message, "role", ("user", "assistant"), path)
        if role == before or (at == 0 and role != "user"):
            sentence = "A conversation must alternate between user and assistant roles, and start with a user message."
            raise BadRequest(Problem.RULE, (), wanted=sentence)
        text, results, pictures = _turn(message, path)
        images, before = images + pictures, role
        if role == "user" and not results:
            question = text
        parts.append(text)
    return Prompt(parts=tuple(parts), question=question, cacheable=0, image_tokens=images, after_tool=results)


def _turn(message: Json, path: Path) -> tuple[str, bool, int]:
    """The text of a turn, whether it gives results of tools, and the tokens of its pictures."""
    said, results, images = [], False, 0
    for at, item in enumerate(
        reading.as_array(reading.required(message, "content", path), (*path, "content"), least=1)
    ):
        where = (*path, "content", at)
        block = reading.as_object(item, where)
        kind = next(iter(block), "")
        if kind not in _BLOCKS:
            raise BadRequest(Problem.UNKNOWN, (*where, kind))
        if kind == "image":
            reading.choice(reading.nested(block, "image", where), "format", _IMAGE_FORMATS, (*where, "image"))
            images += _IMAGE_TOKENS
        elif kind == "text":
            said.append(_text(block, where))
        else:
            results = results or kind == "toolResult"
            said.append(json_text(block))
    return "\n".join(said), results, images


def _text(block: Json, path: Path) -> str:
    text = reading.text(block, "text", path)
    if not text.strip():
        sentence = "The text field in the ContentBlock object is blank. Add text to the text field, and try again."
        raise BadRequest(Problem.RULE, path, wanted=sentence)
    return text


def _uses_tools(data: Json) -> bool:
    return any(
        isinstance(block, dict) and ("toolUse" in block or "toolResult" in block)
        for message in reading.items(data, "messages")
        if isinstance(message, dict)
        for block in message.get("content", ())
    )
