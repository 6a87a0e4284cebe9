"""Reads a request for OpenAI's responses as the chat completion that it stands for."""

from collections.abc import Iterator, Mapping

from dataplane.provider.sandbox.call import Call
from dataplane.provider.sandbox.wire import openai_request, reading
from dataplane.provider.sandbox.wire.model import Target
from dataplane.provider.sandbox.wire.reading import BadRequest, Json, Path, Problem

_FIELDS_TEXT = """include input instructions max_output_tokens metadata model parallel_tool_calls prompt_cache_key reasoning
    safety_identifier service_tier store stream stream_options temperature text tool_choice tools top_p truncation user"""
_FIELDS = frozenset(_FIELDS_TEXT.split())
_SAME = ("model", "temperature", "top_p", "stream", "parallel_tool_calls", "metadata", "service_tier")
_PARTS = {"input_text": "text", "output_text": "text", "input_image": "image_url", "refusal": "refusal"}


def parse(data: Json, target: Target, headers: Mapping[str, str]) -> Call:
    """The call that `data` asks for. What only a server with a memory could do is refused.

    Raises:
        BadRequest: a field is missing, unknown or wrong.
    """
    reading.known(data, _FIELDS)
    chat: dict[str, object] = {key: data[key] for key in _SAME if key in data}
    chat["messages"] = list(_messages(data))
    chat["max_completion_tokens"] = reading.whole(data, "max_output_tokens", low=1)
    effort = reading.nested(data, "reasoning").get("effort")
    if effort is not None:
        chat["reasoning_effort"] = effort
    tools = [_tool(item, ("tools", at)) for at, item in enumerate(reading.items(data, "tools"))]
    if tools:
        chat["tools"] = tools
    if data.get("tool_choice") is not None and tools:
        chat["tool_choice"] = _tool_choice(data["tool_choice"])
    form = reading.nested(reading.nested(data, "text"), "format", ("text",))
    if form:
        chat["response_format"] = _format(form)
    return openai_request.parse(chat, target, headers)


def _tool(item: object, path: Path) -> Json:
    tool = reading.as_object(item, path)
    reading.choice(tool, "type", ("function",), path)
    return {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}


def _tool_choice(choice: object) -> object:
    if isinstance(choice, str):
        return choice
    wanted = reading.as_object(choice, ("tool_choice",))
    return {"type": "function", "function": {"name": reading.text(wanted, "name", ("tool_choice",))}}


def _format(form: Json) -> Json:
    if form.get("type") != "json_schema":
        return form
    return {"type": "json_schema", "json_schema": {key: value for key, value in form.items() if key != "type"}}


def _messages(data: Json) -> Iterator[Json]:
    instructions = data.get("instructions")
    if instructions is not None:
        yield {"role": "system", "content": reading.as_text(instructions, ("instructions",))}
    given = reading.required(data, "input")
    if isinstance(given, str):
        yield {"role": "user", "content": given}
        return
    calls: list[Json] = []
    for at, item in enumerate(reading.as_array(given, ("input",), least=1)):
        value, path = reading.as_object(item, ("input", at)), ("input", at)
        if value.get("type") == "function_call":
            calls.append(_call(value, path))
            continue
        if calls:
            yield {"role": "assistant", "content": None, "tool_calls": calls}
            calls = []
        yield from _message(value, path)
    if calls:
        yield {"role": "assistant", "content": None, "tool_calls": calls}


def _call(item: Json, path: Path) -> Json:
    function = {"name": reading.text(item, "name", path), "arguments": reading.text(item, "arguments", path)}
    return {"id": reading.text(item, "call_id", path), "type": "function", "function": function}


def _message(item: Json, path: Path) -> Iterator[Json]:
    match item.get("type", "message"):
        case "message":
            yield {"role": reading.text(item, "role", path), "content": _content(item, path)}
        case "function_call_output":
            output = item.get("output")
            text = output if isinstance(output, str) else "".join(_texts(output, (*path, "output")))
            yield {"role": "tool", "tool_call_id": reading.text(item, "call_id", path), "content": text}
        case "reasoning":
            return
        case kind:
            raise BadRequest(Problem.VALUE, (*path, "type"), wanted="'message', 'function_call'", got=str(kind))


def _texts(parts: object, path: Path) -> Iterator[str]:
    for at, part in enumerate(reading.as_array(parts, path)):
        value = reading.as_object(part, (*path, at)).get("text")
        yield value if isinstance(value, str) else ""


def _content(item: Json, path: Path) -> object:
    content = reading.required(item, "content", path)
    if isinstance(content, str):
        return content
    listed = reading.as_array(content, (*path, "content"))
    return [_part(part, (*path, "content", at)) for at, part in enumerate(listed)]


def _part(item: object, path: Path) -> Json:
    part = reading.as_object(item, path)
    kind = _PARTS[reading.choice(part, "type", tuple(_PARTS), path)]
    if kind == "image_url":
        return {"type": kind, kind: {"url": reading.text(part, "image_url", path)}}
    return {"type": kind, kind: reading.text(part, kind, path)}
