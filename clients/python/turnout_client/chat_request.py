"""Requests as people write them, as the contract's ChatRequest."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from turnout.inference.v1 import chat_pb2
from turnout_client.invalid import invalid, naming
from turnout_client.messages import message, text_message
from turnout_client.options import ChatLike

_MODES: Mapping[str, chat_pb2.ToolChoice.Mode.ValueType] = MappingProxyType(
    {
        "auto": chat_pb2.ToolChoice.MODE_AUTO,
        "none": chat_pb2.ToolChoice.MODE_NONE,
        "required": chat_pb2.ToolChoice.MODE_REQUIRED,
    }
)
Setting = Callable[[chat_pb2.ChatRequest, Any], None]


def chat_request(given: ChatLike, options: Mapping[str, Any]) -> chat_pb2.ChatRequest:
    """The contract's request. A ChatRequest that is given is never changed. Raises InvalidRequest."""
    request = _conversation(given)
    if request is given and options:
        request = _copy(request)
    for name, value in options.items():
        if value is not None:
            with naming(name):
                CHAT_SETTINGS[name](request, value)
    return request


def _copy(given: chat_pb2.ChatRequest) -> chat_pb2.ChatRequest:
    copied = chat_pb2.ChatRequest()
    copied.CopyFrom(given)
    return copied


def _conversation(given: object) -> chat_pb2.ChatRequest:
    if isinstance(given, chat_pb2.ChatRequest):
        return given
    if isinstance(given, str):
        with naming("messages[0].parts[0].text"):
            return chat_pb2.ChatRequest(messages=[text_message(chat_pb2.ROLE_USER, given)])
    if isinstance(given, Sequence) and not isinstance(given, bytes | bytearray):
        return chat_pb2.ChatRequest(messages=[message(one, f"messages[{at}]") for at, one in enumerate(given)])
    raise invalid("request", f"write a string, a list of messages or a ChatRequest, not {type(given).__name__}")


def _system(request: chat_pb2.ChatRequest, text: str) -> None:
    rest = list(request.messages)
    del request.messages[:]
    request.messages.append(text_message(chat_pb2.ROLE_SYSTEM, text))
    request.messages.extend(rest)


def _tools(request: chat_pb2.ChatRequest, tools: Sequence[Any]) -> None:
    del request.tools[:]
    request.tools.extend(_tool(tool) for tool in tools)


def _tool(given: Any) -> chat_pb2.Tool:
    if isinstance(given, chat_pb2.Tool):
        return given
    told = given.get("function", given)
    tool = chat_pb2.Tool(
        name=told["name"], description=told.get("description", ""), strict=bool(told.get("strict", False))
    )
    if told.get("parameters") is not None:
        tool.parameters.update(told["parameters"])
    return tool


def _tool_choice(request: chat_pb2.ChatRequest, choice: str) -> None:
    named = choice not in _MODES
    request.tool_choice.mode = chat_pb2.ToolChoice.MODE_NAMED if named else _MODES[choice]
    request.tool_choice.name = choice if named else ""


def _parallel(request: chat_pb2.ChatRequest, allowed: bool) -> None:  # noqa: FBT001 - the value of an option
    request.tool_choice.disable_parallel = not allowed


def _response_format(request: chat_pb2.ChatRequest, form: Any) -> None:
    request.response_format.Clear()
    kind = form if isinstance(form, str) else form.get("type", "json_schema")
    match kind:
        case "text":
            request.response_format.text.SetInParent()
        case "json" | "json_object":
            request.response_format.json.SetInParent()
        case "json_schema" if not isinstance(form, str):
            _json_schema(request.response_format.json_schema, form.get("json_schema", form))
        case _:
            raise invalid("response_format", "write 'text', 'json', or a dict with the JSON schema under 'schema'")


def _json_schema(form: chat_pb2.JsonSchemaFormat, told: Mapping[str, Any]) -> None:
    if "schema" not in told:
        raise invalid("response_format", "the JSON schema is missing; put it under 'schema'")
    form.schema.update(told["schema"])
    form.name = told.get("name", "answer")
    form.strict = bool(told.get("strict", False))
    form.description = told.get("description", "")


def _stop(request: chat_pb2.ChatRequest, stop: str | Sequence[str]) -> None:
    del request.stop[:]
    request.stop.extend([stop] if isinstance(stop, str) else stop)


def _metadata(request: chat_pb2.ChatRequest, labels: Mapping[str, str]) -> None:
    request.metadata.clear()
    request.metadata.update(labels)


def _provider_options(request: chat_pb2.ChatRequest, options: Mapping[str, Mapping[str, Any]]) -> None:
    del request.provider_options[:]
    for provider, settings in options.items():
        request.provider_options.add(provider=provider).options.update(settings)


def _field(name: str) -> Setting:
    return lambda request, value: setattr(request, name, value)


def _sampling(name: str) -> Setting:
    return lambda request, value: setattr(request.sampling, name, value)


CHAT_SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "system": _system,
        "tools": _tools,
        "tool_choice": _tool_choice,
        "parallel_tool_calls": _parallel,
        "response_format": _response_format,
        **{
            name: _sampling(name) for name in ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")
        },
        "stop": _stop,
        "max_output_tokens": _field("max_output_tokens"),
        "seed": _field("seed"),
        "metadata": _metadata,
        "provider_options": _provider_options,
    }
)
"""How each option is written into a request; a test compares the names with ChatOptions."""
