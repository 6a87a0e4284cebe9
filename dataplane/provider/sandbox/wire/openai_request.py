"""Reads an OpenAI chat completion request."""

from collections.abc import Mapping

from dataplane.provider.sandbox.answer.tools import json_text
from dataplane.provider.sandbox.call import AnswerFormat, Call, Format, Prompt, Tool, ToolChoice, ToolMode
from dataplane.provider.sandbox.wire import reading
from dataplane.provider.sandbox.wire.model import Target
from dataplane.provider.sandbox.wire.reading import BadRequest, Json, Path, Problem

_FIELDS_TEXT = """audio frequency_penalty logit_bias logprobs max_completion_tokens max_tokens messages metadata modalities
    model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options
    prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop store stream
    stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options"""
_FIELDS = frozenset(_FIELDS_TEXT.split())
_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_CONTENT = ("text", "image_url", "input_audio", "refusal", "audio", "file")
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_NO_REASONING = ("none", "minimal")
# https://platform.openai.com/docs/guides/images: 85 for low detail, and 170 for each of four 512-pixel tiles.
_IMAGE_TOKENS, _LOW_DETAIL_TOKENS = 765, 85


def parse(data: Json, _target: Target, _headers: Mapping[str, str]) -> Call:
    """The call that `data` asks for.

    Raises:
        BadRequest: a field is missing, unknown or wrong.
    """
    reading.known(data, _FIELDS)
    model = reading.text(data, "model")
    stream = reading.flag(data, "stream")
    _check_sampling(data)
    tools = tuple(_tool(item, ("tools", at)) for at, item in enumerate(reading.items(data, "tools", least=1, most=128)))
    form = _format(data)
    prompt = _prompt(data)
    if form.kind is Format.JSON_OBJECT and not any("json" in part.lower() for part in prompt.parts):
        sentence = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
        raise BadRequest(Problem.RULE, ("messages",), wanted=sentence)
    return Call(
        model=model,
        prompt=prompt,
        stream=stream,
        include_usage=_include_usage(data, stream=stream),
        tools=tools,
        tool_choice=_tool_choice(data, tools),
        format=form,
        stop=_stop(data),
        max_tokens=reading.whole(data, "max_completion_tokens", low=1) or reading.whole(data, "max_tokens", low=1),
        reasoning=reading.choice(data, "reasoning_effort", _EFFORTS, absent="medium") not in _NO_REASONING,
    )


def _check_sampling(data: Json) -> None:
    reading.number(data, "temperature", low=0, high=2)
    reading.number(data, "top_p", low=0, high=1)
    reading.number(data, "presence_penalty", low=-2, high=2)
    reading.number(data, "frequency_penalty", low=-2, high=2)
    reading.whole(data, "seed")
    for key, only in (("n", reading.whole(data, "n", low=1, high=128) in (None, 1)), ("logprobs", not _asked(data))):
        if not only:
            raise BadRequest(Problem.RULE, (key,), wanted=f"The sandbox does not serve '{key}': leave it out.")


def _asked(data: Json) -> bool:
    return reading.flag(data, "logprobs")


def _include_usage(data: Json, *, stream: bool) -> bool:
    options = reading.nested(data, "stream_options")
    if options and not stream:
        sentence = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise BadRequest(Problem.RULE, ("stream_options",), wanted=sentence)
    reading.known(options, ("include_usage", "include_obfuscation"), ("stream_options",))
    return reading.flag(options, "include_usage", ("stream_options",))


def _stop(data: Json) -> tuple[str, ...]:
    value = data.get("stop")
    if value is None or isinstance(value, str):
        return (value,) if value else ()
    stops = reading.as_array(value, ("stop",), most=4)
    return tuple(reading.as_text(stop, ("stop", at)) for at, stop in enumerate(stops) if stop != "")


def _tool(item: object, path: Path) -> Tool:
    tool = reading.as_object(item, path)
    reading.choice(tool, "type", ("function",), path)
    function = reading.as_object(reading.required(tool, "function", path), (*path, "function"))
    path = (*path, "function")
    reading.known(function, ("name", "description", "parameters", "strict"), path)
    schema = reading.nested(function, "parameters", path) or {"type": "object", "properties": {}}
    return Tool(name=reading.text(function, "name", path), schema=schema)


def _tool_choice(data: Json, tools: tuple[Tool, ...]) -> ToolChoice:
    value = data.get("tool_choice")
    parallel = reading.flag(data, "parallel_tool_calls", absent=True)
    if value is None:
        return ToolChoice(parallel=parallel)
    if not tools:
        sentence = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        raise BadRequest(Problem.RULE, ("tool_choice",), wanted=sentence)
    if isinstance(value, str):
        return ToolChoice(mode=_mode(data, "tool_choice", ()), parallel=parallel)
    wanted = reading.as_object(value, ("tool_choice",))
    kind = reading.choice(wanted, "type", ("function", "allowed_tools"), ("tool_choice",))
    inner, path = reading.nested(wanted, kind, ("tool_choice",)), ("tool_choice", kind)
    if kind == "function":
        names = _offered((reading.text(inner, "name", path),), tools)
        return ToolChoice(mode=ToolMode.REQUIRED, names=names, parallel=parallel)
    return ToolChoice(mode=_mode(inner, "mode", path), names=_offered(_allowed(inner, path), tools), parallel=parallel)


def _mode(data: Json, key: str, path: Path) -> ToolMode:
    return ToolMode(reading.choice(data, key, ("none", "auto", "required"), path))


def _allowed(inner: Json, path: Path) -> tuple[str, ...]:
    listed = reading.items(inner, "tools", path, least=1)
    return tuple(
        reading.text(
            reading.nested(reading.as_object(item, (*path, "tools", at)), "function", (*path, "tools", at)),
            "name",
            (*path, "tools", at, "function"),
        )
        for at, item in enumerate(listed)
    )


def _offered(names: tuple[str, ...], tools: tuple[Tool, ...]) -> tuple[str, ...]:
    for name in names:
        if all(tool.name != name for tool in tools):
            sentence = (
                f"Invalid value for 'tool_choice': no function named '{name}' was specified in the 'tools' parameter."
            )
            raise BadRequest(Problem.RULE, ("tool_choice",), wanted=sentence)
    return names


def _format(data: Json) -> AnswerFormat:
    asked = reading.nested(data, "response_format")
    path: Path = ("response_format",)
    if not asked:
        return AnswerFormat()
    kind = Format(reading.choice(asked, "type", ("text", "json_object", "json_schema"), path))
    if kind is not Format.JSON_SCHEMA:
        return AnswerFormat(kind=kind)
    inner = reading.as_object(reading.required(asked, "json_schema", path), (*path, "json_schema"))
    path = (*path, "json_schema")
    reading.text(inner, "name", path)
    return AnswerFormat(kind=kind, schema=reading.nested(inner, "schema", path) or {"type": "object"})


def _prompt(data: Json) -> Prompt:
    parts = [json_text(data["tools"])] if data.get("tools") else []
    messages = reading.as_array(reading.required(data, "messages"), ("messages",), least=1)
    question, role, images, open_calls = "", "", 0, frozenset[str]()
    for at, item in enumerate(messages):
        message, path = reading.as_object(item, ("messages", at)), ("messages", at)
        role = reading.choice(message, "role", _ROLES, path)
        text, tokens = _content(message, path)
        images += tokens
        if role == "tool":
            _check_answer(message, open_calls, path)
        elif role == "assistant":
            open_calls = _call_ids(message, path)
        elif role == "user":
            question = text
        parts.append(text)
    return Prompt(
        parts=tuple(parts), question=question, cacheable=len(parts), image_tokens=images, after_tool=role == "tool"
    )


def _check_answer(message: Json, open_calls: frozenset[str], path: Path) -> None:
    if reading.text(message, "tool_call_id", path) not in open_calls:
        sentence = (
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
        )
        raise BadRequest(Problem.RULE, (*path, "role"), wanted=sentence)


def _call_ids(message: Json, path: Path) -> frozenset[str]:
    calls = reading.items(message, "tool_calls", path)
    return frozenset(
        reading.text(reading.as_object(call, (*path, "tool_calls", at)), "id", (*path, "tool_calls", at))
        for at, call in enumerate(calls)
    )


def _content(message: Json, path: Path) -> tuple[str, int]:
    """The text of a message, and the tokens of the images and files in it."""
    content, calls = message.get("content"), message.get("tool_calls")
    if content is None and message.get("role") != "assistant":
        raise BadRequest(Problem.MISSING, (*path, "content"))
    said = json_text(calls) if calls else ""
    if content is None or isinstance(content, str):
        return f"{content or ''}{said}", 0
    texts, images = [said], 0
    for at, item in enumerate(reading.as_array(content, (*path, "content"))):
        text, tokens = _content_part(item, (*path, "content", at))
        texts.append(text)
        images += tokens
    return "".join(texts), images


def _content_part(item: object, path: Path) -> tuple[str, int]:
    part = reading.as_object(item, path)
    kind = reading.choice(part, "type", _CONTENT, path)
    if kind in ("text", "refusal"):
        return reading.text(part, kind, path), 0
    body = reading.as_object(reading.required(part, kind, path), (*path, kind))
    if kind == "image_url":
        reading.text(body, "url", (*path, kind))
        low = reading.choice(body, "detail", ("low", "high", "auto"), (*path, kind), absent="auto") == "low"
        return "", _LOW_DETAIL_TOKENS if low else _IMAGE_TOKENS
    return "", _IMAGE_TOKENS
