"""Reads a Gemini generateContent request, in the camel case or the snake case of its JSON."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from dataplane.provider.sandbox.answer.tools import json_text
from dataplane.provider.sandbox.call import AnswerFormat, Call, Format, Prompt, Tool, ToolChoice, ToolMode
from dataplane.provider.sandbox.wire import reading
from dataplane.provider.sandbox.wire.model import Target
from dataplane.provider.sandbox.wire.reading import BadRequest, Json, Path, Problem

_FIELDS_TEXT = """cachedContent contents generationConfig labels model safetySettings serviceTier store
    systemInstruction toolConfig tools"""
_FIELDS = frozenset(_FIELDS_TEXT.split())
_GENERATION_TEXT = """audioTimestamp candidateCount enableEnhancedCivicAnswers frequencyPenalty imageConfig logprobs maxOutputTokens
    mediaResolution presencePenalty responseFormat responseJsonSchema responseLogprobs responseMimeType
    responseModalities responseSchema routingConfig seed speechConfig stopSequences temperature thinkingConfig topK
    topP"""
_GENERATION = frozenset(_GENERATION_TEXT.split())
_PART_TEXT = """codeExecutionResult executableCode fileData functionCall functionResponse inlineData mediaResolution
    partMetadata text thought thoughtSignature toolCall toolResponse videoMetadata"""
_PART = frozenset(_PART_TEXT.split())
_MODES: Mapping[str, ToolMode] = MappingProxyType(
    {
        "AUTO": ToolMode.AUTO,
        "VALIDATED": ToolMode.AUTO,
        "ANY": ToolMode.REQUIRED,
        "NONE": ToolMode.NONE,
        "MODE_UNSPECIFIED": ToolMode.AUTO,
    }
)
# https://ai.google.dev/gemini-api/docs/tokens: an image of up to 384 pixels a side.
_IMAGE_TOKENS = 258
_SNAKE = re.compile(r"_([a-z])")
_JSON = "application/json"


def parse(data: Json, target: Target, _headers: Mapping[str, str]) -> Call:
    """The call that `data` asks for; model and streaming come from the path.

    Raises:
        BadRequest: a field is missing, unknown or wrong.
    """
    data = _camel(data)
    reading.known(data, _FIELDS)
    config = _camel(reading.nested(data, "generationConfig"))
    path = ("generationConfig",)
    reading.known(config, _GENERATION, path)
    _check_sampling(config, path)
    tools = _tools(data)
    thinking = _camel(reading.nested(config, "thinkingConfig", path))
    stops = reading.items(config, "stopSequences", path, most=5)
    return Call(
        model=target.model,
        prompt=_prompt(data),
        stream=target.stream,
        include_usage=True,
        tools=tools,
        tool_choice=_tool_choice(data, tools),
        format=_format(config, path),
        stop=tuple(reading.as_text(stop, (*path, "stopSequences", at)) for at, stop in enumerate(stops)),
        max_tokens=reading.whole(config, "maxOutputTokens", path, low=1),
        reasoning=thinking.get("thinkingBudget") != 0,
        show_reasoning=reading.flag(thinking, "includeThoughts", (*path, "thinkingConfig")),
    )


def _camel(data: Json) -> Json:
    """The same object with camel-case names: Google's JSON takes both."""
    if not any("_" in key for key in data):
        return data
    return {_SNAKE.sub(lambda found: found.group(1).upper(), key): value for key, value in data.items()}


def _check_sampling(config: Json, path: Path) -> None:
    reading.number(config, "temperature", path, low=0, high=2)
    reading.number(config, "topP", path, low=0, high=1)
    reading.number(config, "topK", path, low=0)
    if reading.whole(config, "candidateCount", path, low=1) not in (None, 1):
        raise BadRequest(Problem.RULE, path, wanted="The sandbox serves one candidate: leave candidateCount out.")


def _tools(data: Json) -> tuple[Tool, ...]:
    found = []
    for at, item in enumerate(reading.items(data, "tools")):
        tool, path = _camel(reading.as_object(item, ("tools", at))), ("tools", at)
        for number, one in enumerate(reading.items(tool, "functionDeclarations", path)):
            where = (*path, "function_declarations", number)
            function = _camel(reading.as_object(one, where))
            reading.known(
                function,
                (
                    "name",
                    "description",
                    "parameters",
                    "parametersJsonSchema",
                    "response",
                    "responseJsonSchema",
                    "behavior",
                ),
                where,
            )
            schema = reading.nested(function, "parametersJsonSchema", where) or reading.nested(
                function, "parameters", where
            )
            found.append(Tool(name=reading.text(function, "name", where), schema=schema or {"type": "object"}))
    return tuple(found)


def _tool_choice(data: Json, tools: tuple[Tool, ...]) -> ToolChoice:
    config = _camel(reading.nested(data, "toolConfig"))
    path: Path = ("tool_config", "function_calling_config")
    calling = _camel(reading.nested(config, "functionCallingConfig", path[:1]))
    mode = _MODES[reading.choice(calling, "mode", tuple(_MODES), path, absent="AUTO").upper()]
    listed = reading.items(calling, "allowedFunctionNames", path)
    names = tuple(reading.as_text(name, (*path, "allowed_function_names", at)) for at, name in enumerate(listed))
    unknown = next((name for name in names if all(tool.name != name for tool in tools)), None)
    if unknown is not None:
        sentence = f"allowed_function_names should be a subset of the declared functions: {unknown} is not declared."
        raise BadRequest(Problem.RULE, (*path, "allowed_function_names"), wanted=sentence)
    return ToolChoice(mode=mode, names=names)


def _format(config: Json, path: Path) -> AnswerFormat:
    kind = reading.choice(config, "responseMimeType", ("text/plain", _JSON, "text/x.enum"), path, absent="text/plain")
    schema = reading.nested(config, "responseJsonSchema", path) or reading.nested(config, "responseSchema", path)
    if schema and kind == "text/plain":
        sentence = f"response_schema is only supported with response_mime_type {_JSON}."
        raise BadRequest(Problem.RULE, (*path, "response_schema"), wanted=sentence)
    if kind != _JSON:
        return AnswerFormat()
    return AnswerFormat(kind=Format.JSON_SCHEMA, schema=schema) if schema else AnswerFormat(kind=Format.JSON_OBJECT)


def _prompt(data: Json) -> Prompt:
    parts = [json_text(data["tools"])] if data.get("tools") else []
    system = data.get("systemInstruction")
    if system is not None:
        turn = (
            {"parts": [{"text": system}]}
            if isinstance(system, str)
            else reading.as_object(system, ("system_instruction",))
        )
        parts.append(_turn(turn, ("system_instruction",))[0])
    if data.get("contents") in (None, []):
        raise BadRequest(Problem.MISSING, ("contents",))
    question, images, results, calls = "", 0, 0, 0
    for at, item in enumerate(reading.as_array(data["contents"], ("contents",))):
        content, path = reading.as_object(item, ("contents", at)), ("contents", at)
        role = reading.choice(content, "role", ("user", "model"), path, absent="user")
        text, tokens, results = _turn(content, path)
        images += tokens
        parts.append(text)
        if role == "model":
            calls += _calls(content)
            continue
        _check_results(results, calls, path)
        calls = 0
        question = question if results else text
    return Prompt(
        parts=tuple(parts), question=question, cacheable=len(parts), image_tokens=images, after_tool=results > 0
    )


def _check_results(results: int, calls: int, path: Path) -> None:
    if results and results != calls:
        sentence = (
            "Please ensure that the number of function response parts is equal to the number of function call "
            "parts of the function call turn."
        )
        raise BadRequest(Problem.RULE, path, wanted=sentence)


def _calls(content: Json) -> int:
    listed = content.get("parts")
    parts = listed if isinstance(listed, list) else []
    return sum(1 for part in parts if isinstance(part, dict) and ("functionCall" in part or "function_call" in part))


def _turn(content: Json, path: Path) -> tuple[str, int, int]:
    """The text of a turn, the tokens of its images and files, and how many results of functions it has."""
    texts, images, results = [], 0, 0
    reading.known(content, ("role", "parts"), path)
    for at, item in enumerate(reading.as_array(reading.required(content, "parts", path), (*path, "parts"))):
        part, where = _camel(reading.as_object(item, (*path, "parts", at))), (*path, "parts", at)
        reading.known(part, _PART, where)
        if "text" in part:
            texts.append(reading.text(part, "text", where))
        elif "inlineData" in part or "fileData" in part:
            images += _IMAGE_TOKENS
        else:
            results += "functionResponse" in part
            texts.append(json_text({key: value for key, value in part.items() if key != "thoughtSignature"}))
    return "\n".join(texts), images, results
