"""Conversations and their features between the contract and plain values."""

import json
from collections.abc import Iterable, Mapping

from turnout.inference.v1 import chat_pb2
from turnout.routing.v1 import routing_pb2
from turnout_features.model import Conversation, Embedding, Features, OutputFormat, Speaker, Utterance
from turnout_wire.chat_payload import json_value

_SPEAKERS: Mapping[int, Speaker] = {
    chat_pb2.ROLE_SYSTEM: Speaker.SYSTEM,
    chat_pb2.ROLE_USER: Speaker.USER,
    chat_pb2.ROLE_ASSISTANT: Speaker.ASSISTANT,
    chat_pb2.ROLE_TOOL: Speaker.TOOL,
}
_FORMATS: Mapping[routing_pb2.OutputFormat.ValueType, OutputFormat] = {
    routing_pb2.OUTPUT_FORMAT_UNSPECIFIED: OutputFormat.TEXT,
    routing_pb2.OUTPUT_FORMAT_JSON: OutputFormat.JSON,
    routing_pb2.OUTPUT_FORMAT_JSON_SCHEMA: OutputFormat.JSON_SCHEMA,
}
_FORMAT_NUMBERS = {form: number for number, form in _FORMATS.items()}
_SAME = (
    *("input_tokens", "last_user_tokens", "turns", "characters", "code_blocks", "code_lines", "structured_lines"),
    *("instructions", "questions", "images", "tools", "tool_required", "tool_results", "retrieved_chunks"),
    *("max_output_tokens", "language", "rule_set_digest", "truncated", "answer_options"),
)


def conversation(request: chat_pb2.ChatRequest) -> Conversation:
    """A chat request as features look at it. Raises Failure PAYLOAD_MALFORMED."""
    form = request.response_format.WhichOneof("kind")
    mode = request.tool_choice.mode
    return Conversation(
        utterances=tuple(_utterance(message) for message in request.messages),
        tools=len(request.tools),
        tool_text="\n".join(_tool_text(tool) for tool in request.tools),
        tool_required=mode in (chat_pb2.ToolChoice.MODE_REQUIRED, chat_pb2.ToolChoice.MODE_NAMED),
        output_format={"json": OutputFormat.JSON, "json_schema": OutputFormat.JSON_SCHEMA}.get(
            form or "", OutputFormat.TEXT
        ),
        max_output_tokens=request.max_output_tokens,
    )


def _utterance(message: chat_pb2.Message) -> Utterance:
    parts = message.parts
    if len(parts) == 1 and parts[0].WhichOneof("kind") == "text":
        return Utterance(speaker=_SPEAKERS.get(message.role, Speaker.USER), text=parts[0].text)
    return Utterance(
        speaker=_SPEAKERS.get(message.role, Speaker.USER),
        text="\n".join(_texts(parts)),
        images=sum(part.WhichOneof("kind") == "image" for part in parts),
    )


def _texts(parts: Iterable[chat_pb2.Part]) -> Iterable[str]:
    for part in parts:
        match part.WhichOneof("kind"):
            case "text":
                yield part.text
            case "tool_call":
                yield f"{part.tool_call.name} {part.tool_call.arguments.decode('utf-8', 'replace')}"
            case "tool_result":
                yield part.tool_result.content


def _tool_text(tool: chat_pb2.Tool) -> str:
    schema = json.dumps(json_value(tool.parameters, "tools[].parameters")) if tool.HasField("parameters") else ""
    return f"{tool.name} {tool.description} {schema}"


def features_to_proto(features: Features) -> routing_pb2.Features:
    """Features for the wire."""
    message = routing_pb2.Features()
    put_features(message, features)
    return message


def put_features(message: routing_pb2.Features, features: Features) -> None:
    """Write features into `message`, which is empty."""
    for name in _SAME:
        setattr(message, name, getattr(features, name))
    message.output_format = _FORMAT_NUMBERS[features.output_format]
    message.signals.extend(features.signals)
    if features.embedding is not None:
        message.embedding.encoder = features.embedding.encoder
        message.embedding.values = features.embedding.values


def features_from_proto(message: routing_pb2.Features) -> Features:
    """Features from the wire."""
    return Features(
        **{name: getattr(message, name) for name in _SAME},
        output_format=_FORMATS.get(message.output_format, OutputFormat.TEXT),
        signals=tuple(message.signals),
        embedding=_embedding(message.embedding) if message.HasField("embedding") else None,
    )


def _embedding(message: routing_pb2.Embedding) -> Embedding:
    return Embedding(encoder=message.encoder, values=message.values)
