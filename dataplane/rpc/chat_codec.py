"""The chat request, its answer and its stream between the contract and plain values."""

from collections.abc import Mapping
from dataclasses import replace

from google.protobuf.struct_pb2 import Struct

from dataplane.chat.model import (
    ChatRequest,
    ChatResponse,
    Effort,
    FinishReason,
    FormatKind,
    Image,
    Message,
    Part,
    Reasoning,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Thinking,
    ThinkingDelta,
    Tool,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
    Usage,
)
from turnout.inference.v1 import chat_pb2
from turnout.outcome.v1 import usage_pb2
from turnout_wire.chat_payload import json_value

_ROLES: Mapping[int, Role] = {chat_pb2.Role.Value(f"ROLE_{role.name}"): role for role in Role}
_MODES: Mapping[int, ToolMode] = {
    chat_pb2.ToolChoice.MODE_UNSPECIFIED: ToolMode.AUTO,
    **{chat_pb2.ToolChoice.Mode.Value(f"MODE_{mode.name}"): mode for mode in ToolMode},
}
_EFFORTS: Mapping[int, Effort] = {chat_pb2.Reasoning.Effort.Value(f"EFFORT_{effort.name}"): effort for effort in Effort}
FINISH_REASON: Mapping[FinishReason, usage_pb2.FinishReason.ValueType] = {
    FinishReason.UNKNOWN: usage_pb2.FINISH_REASON_UNSPECIFIED,
    **{
        reason: usage_pb2.FinishReason.Value(f"FINISH_REASON_{reason.name}")
        for reason in FinishReason
        if reason is not FinishReason.UNKNOWN
    },
}
_SAMPLING = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")
_USAGE = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "estimated")


def chat_request(message: chat_pb2.ChatRequest) -> ChatRequest:
    """What a caller wants answered. Raises Failure PAYLOAD_MALFORMED."""
    return ChatRequest(
        messages=tuple(_message(item) for item in message.messages),
        tools=tuple(_tool(item) for item in message.tools),
        tool_choice=_tool_choice(message.tool_choice) if message.HasField("tool_choice") else None,
        response_format=_response_format(message.response_format),
        sampling=_sampling(message.sampling),
        stop=tuple(message.stop),
        max_output_tokens=message.max_output_tokens if message.HasField("max_output_tokens") else None,
        seed=message.seed if message.HasField("seed") else None,
        metadata=dict(message.metadata),
        reasoning=_reasoning(message.reasoning) if message.HasField("reasoning") else None,
        provider_options={
            options.provider: plain(options.options, "provider_options[].options")
            for options in message.provider_options
        },
    )


def plain(struct: Struct, where: str) -> dict[str, object]:
    """A Struct as JSON values, whole numbers as integers: a JSON schema's `minLength: 3` must not become 3.0.

    Raises Failure PAYLOAD_MALFORMED, naming `where`.
    """
    return {key: _whole(value) for key, value in json_value(struct, where).items()}


def _whole(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def _message(message: chat_pb2.Message) -> Message:
    return Message(role=_ROLES[message.role], parts=tuple(_part(part) for part in message.parts))


def thinking_message(thinking: Thinking | ThinkingDelta) -> chat_pb2.Thinking:
    """What a model thought, for the wire."""
    return chat_pb2.Thinking(
        text=thinking.text,
        signature=thinking.signature.encode(),
        redacted=thinking.redacted.encode(),
        protocol=thinking.protocol,
    )


def _thinking(message: chat_pb2.Thinking) -> Thinking:
    return Thinking(
        text=message.text,
        signature=message.signature.decode("utf-8", "replace"),
        redacted=message.redacted.decode("utf-8", "replace"),
        protocol=message.protocol,
    )


def _part(part: chat_pb2.Part) -> Part:
    match part.WhichOneof("kind"):
        case "thinking":
            return _thinking(part.thinking)
        case "image":
            return Image(data=part.image.data, url=part.image.url, media_type=part.image.media_type)
        case "tool_call":
            call = part.tool_call
            return ToolCall(id=call.id, name=call.name, arguments=call.arguments.decode("utf-8", "replace"))
        case "tool_result":
            result = part.tool_result
            return ToolResult(
                tool_call_id=result.tool_call_id, content=result.content, is_error=result.is_error, name=result.name
            )
    return Text(text=part.text)


def _tool(tool: chat_pb2.Tool) -> Tool:
    return Tool(
        name=tool.name,
        description=tool.description,
        parameters=plain(tool.parameters, "tools[].parameters") if tool.HasField("parameters") else None,
        strict=tool.strict,
    )


def _tool_choice(choice: chat_pb2.ToolChoice) -> ToolChoice:
    return ToolChoice(mode=_MODES[choice.mode], name=choice.name, disable_parallel=choice.disable_parallel)


def _response_format(form: chat_pb2.ResponseFormat) -> ResponseFormat:
    match form.WhichOneof("kind"):
        case "json":
            return ResponseFormat(kind=FormatKind.JSON)
        case "json_schema":
            asked = form.json_schema
            return ResponseFormat(
                kind=FormatKind.JSON_SCHEMA,
                name=asked.name,
                schema=plain(asked.schema, "response_format.json_schema.schema"),
                strict=asked.strict,
                description=asked.description,
            )
    return ResponseFormat()


def _sampling(message: chat_pb2.Sampling) -> Sampling:
    return Sampling(**{name: getattr(message, name) for name in _SAMPLING if message.HasField(name)})  # type: ignore[arg-type]


def _reasoning(message: chat_pb2.Reasoning) -> Reasoning:
    return Reasoning(effort=_EFFORTS[message.effort], max_tokens=message.max_tokens, include=message.include)


def usage_message(usage: Usage) -> usage_pb2.Usage:
    """Usage for the wire."""
    return usage_pb2.Usage(**{name: getattr(usage, name) for name in _USAGE})


def response_message(response: ChatResponse) -> chat_pb2.ChatResponse:
    """A whole answer for the wire."""
    return chat_pb2.ChatResponse(
        parts=[_part_message(part) for part in response.parts],
        finish_reason=FINISH_REASON[response.finish_reason],
        usage=usage_message(response.usage) if response.usage else None,
        provider_model=response.provider_model,
        provider_response_id=response.provider_response_id,
    )


def without_thinking(response: ChatResponse) -> ChatResponse:
    """`response` for a caller that did not ask for what the model thought."""
    return replace(response, parts=tuple(part for part in response.parts if not isinstance(part, Thinking)))


def _part_message(part: Text | ToolCall | Thinking) -> chat_pb2.Part:
    if isinstance(part, Text):
        return chat_pb2.Part(text=part.text)
    if isinstance(part, Thinking):
        return chat_pb2.Part(thinking=thinking_message(part))
    return chat_pb2.Part(tool_call=chat_pb2.ToolCall(id=part.id, name=part.name, arguments=part.arguments.encode()))
