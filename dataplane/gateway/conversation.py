"""Requests as features look at them; the same as turnout_wire.conversation makes of the contract's messages."""

import json
from collections.abc import Iterator, Sequence

from dataplane.chat.model import (
    ChatRequest,
    EmbedRequest,
    FormatKind,
    Image,
    Message,
    Part,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolMode,
    ToolResult,
)
from turnout_features.model import Conversation, OutputFormat, Speaker, Utterance

_SPEAKERS = {
    Role.SYSTEM: Speaker.SYSTEM,
    Role.USER: Speaker.USER,
    Role.ASSISTANT: Speaker.ASSISTANT,
    Role.TOOL: Speaker.TOOL,
}
_FORMATS = {
    FormatKind.TEXT: OutputFormat.TEXT,
    FormatKind.JSON: OutputFormat.JSON,
    FormatKind.JSON_SCHEMA: OutputFormat.JSON_SCHEMA,
}


def conversation(request: ChatRequest | EmbedRequest) -> Conversation:
    """A request as features look at it; texts to be embedded are what the user says."""
    if isinstance(request, EmbedRequest):
        return Conversation(utterances=tuple(Utterance(speaker=Speaker.USER, text=text) for text in request.texts))
    choice = request.tool_choice
    return Conversation(
        utterances=tuple(map(_utterance, request.messages)),
        tools=len(request.tools),
        tool_text="\n".join(map(_tool_text, request.tools)),
        tool_required=choice is not None and choice.mode in (ToolMode.REQUIRED, ToolMode.NAMED),
        output_format=_FORMATS[request.response_format.kind],
        max_output_tokens=request.max_output_tokens or 0,
    )


def _utterance(message: Message) -> Utterance:
    parts, speaker = message.parts, _SPEAKERS[message.role]
    if len(parts) == 1 and isinstance(parts[0], Text):
        return Utterance(speaker=speaker, text=parts[0].text)
    return Utterance(speaker=speaker, text="\n".join(_texts(parts)), images=sum(map(_images, parts)))


def _texts(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        match part:
            case Text(text=text):
                yield text
            case ToolCall(name=name, arguments=arguments):
                yield f"{name} {arguments}"
            case ToolResult(content=content):
                yield content


def _images(part: Part) -> int:
    return len(part.images) if isinstance(part, ToolResult) else isinstance(part, Image)


def _tool_text(tool: Tool) -> str:
    schema = json.dumps(tool.parameters) if tool.parameters is not None else ""
    return f"{tool.name} {tool.description} {schema}"
