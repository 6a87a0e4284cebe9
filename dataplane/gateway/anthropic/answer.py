"""Whole answers as messages."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from dataplane.chat.model import ChatResponse, FinishReason, Text, Thinking, ToolCall, Usage
from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.foreign import sealed
from dataplane.gateway.model import Answering
from dataplane.provider import json_text
from dataplane.snapshot.model import WireProtocol

Json = dict[str, object]

STOP_REASONS: Mapping[FinishReason, str] = MappingProxyType(
    {
        FinishReason.UNKNOWN: "end_turn",
        FinishReason.STOP: "end_turn",
        FinishReason.LENGTH: "max_tokens",
        FinishReason.TOOL_CALLS: "tool_use",
        FinishReason.CONTENT_FILTER: "refusal",
        FinishReason.REFUSAL: "refusal",
    }
)


def whole(answer: ChatResponse, answering: Answering) -> bytes:
    """The message as JSON; thinking only if it was asked for."""
    blocks = list(_blocks(answer, answering))
    return json_bytes(message(answering, blocks, STOP_REASONS[answer.finish_reason], answer.usage or Usage()))


def message(answering: Answering, blocks: list[Json], stop_reason: str | None, usage: Usage) -> Json:
    """A message with `blocks`."""
    return {
        "id": f"msg_{answering.answer_id}",
        "type": "message",
        "role": "assistant",
        "model": answering.model,
        "content": blocks,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": counted(usage),
    }


def counted(usage: Usage) -> Json:
    """Tokens as Anthropic counts them: its `input_tokens` leaves out what the cache served or took; ours includes both."""
    cached, written = usage.cached_input_tokens, usage.cache_write_tokens
    counts: Json = {
        "input_tokens": max(usage.input_tokens - cached - written, 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning_tokens:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return counts


def wants_thinking(answering: Answering) -> bool:
    """Whether the caller asked for thinking: one that did not may take the first block for the answer."""
    reasoning = getattr(answering.asked.request, "reasoning", None)
    return reasoning is not None and reasoning.include


def call_id(given: str, answering: Answering, number: int) -> str:
    """The id of a tool call, made from its place where the provider gave none."""
    return given or f"toolu_{answering.answer_id}_{number}"


def redacted(data: str, protocol: str) -> Json:
    """A block of thinking that only its provider can read."""
    return {"type": "redacted_thinking", "data": sealed(data, protocol, WireProtocol.ANTHROPIC)}


def _blocks(answer: ChatResponse, answering: Answering) -> Iterator[Json]:
    thinking = wants_thinking(answering)
    for number, part in enumerate(answer.parts):
        match part:
            case Text(text=text):
                yield {"type": "text", "text": text}
            case ToolCall():
                block_id = call_id(part.id, answering, number)
                yield {"type": "tool_use", "id": block_id, "name": part.name, "input": _input(part.arguments)}
            case Thinking() if thinking:
                yield _thinking(part)
            case _:
                pass


def _thinking(part: Thinking) -> Json:
    if part.redacted:
        return redacted(part.redacted, part.protocol)
    signature = sealed(part.signature, part.protocol, WireProtocol.ANTHROPIC)
    return {"type": "thinking", "thinking": part.text, "signature": signature}


def _input(arguments: str) -> Mapping[str, object]:
    """The arguments as an object. What is none goes under the name that Anthropic's own documentation gives for it.

    Source: platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming, "Handling invalid JSON".
    """
    try:
        value = json_text.parse(arguments) if arguments.strip() else {}
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"INVALID_JSON": arguments}
