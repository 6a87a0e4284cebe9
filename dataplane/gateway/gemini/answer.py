"""Whole answers as responses of generateContent."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from dataplane.chat.model import ChatResponse, FinishReason, Text, Thinking, ToolCall, Usage
from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.gemini.thoughts import seal
from dataplane.gateway.model import Answering
from dataplane.provider import json_text
from dataplane.snapshot.model import WireProtocol

Json = dict[str, object]

FINISH_REASONS: Mapping[FinishReason, str] = MappingProxyType(
    {
        FinishReason.UNKNOWN: "OTHER",
        FinishReason.STOP: "STOP",
        FinishReason.TOOL_CALLS: "STOP",
        FinishReason.LENGTH: "MAX_TOKENS",
        FinishReason.CONTENT_FILTER: "SAFETY",
        FinishReason.REFUSAL: "SAFETY",
    }
)
UNREADABLE = "MALFORMED_FUNCTION_CALL"
"""What Gemini itself says of a call whose arguments are no object."""


def whole(answer: ChatResponse, answering: Answering) -> bytes:
    """The response as JSON, with thoughts only if they were asked for; signatures of Gemini's own come in any case."""
    parts = list(rendered(answer.parts, include=wants_thoughts(answering)))
    readable = all(arguments(part) is not None for part in answer.parts if isinstance(part, ToolCall))
    return json_bytes(
        response(answering, parts, finish(answer.finish_reason, readable=readable), answer.usage or Usage())
    )


def response(answering: Answering, parts: list[Json], finish_reason: str, usage: Usage) -> Json:
    """A response that ends with `parts`."""
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": finish_reason, "index": 0}
    return {
        "candidates": [candidate],
        "usageMetadata": counted(usage),
        "modelVersion": answering.model,
        "responseId": answering.answer_id,
    }


def finish(reason: FinishReason, *, readable: bool) -> str:
    """Theirs for ours; a call that broke off at the limit is left out and needs no other reason."""
    return FINISH_REASONS[reason] if readable or reason is FinishReason.LENGTH else UNREADABLE


def rendered(parts: Iterable[Text | ToolCall | Thinking], *, include: bool) -> Iterator[Json]:
    """Parts as Gemini has them: the signature of a thought stands on what comes after it."""
    signature = ""
    for part in parts:
        if isinstance(part, Thinking):
            if part.protocol not in ("", WireProtocol.GEMINI):
                if include:
                    yield {"text": part.text, "thought": True, "thoughtSignature": seal(part)}
                continue
            signature = part.signature or signature
            if part.text and include:
                yield {"text": part.text, "thought": True}
            continue
        told = _told(part)
        if told is None:
            continue
        yield {**told, "thoughtSignature": signature} if signature else told
        signature = ""
    if signature:
        yield {"text": "", "thoughtSignature": signature}


def wants_thoughts(answering: Answering) -> bool:
    """Whether the caller asked for thoughts."""
    reasoning = getattr(answering.asked.request, "reasoning", None)
    return reasoning is not None and reasoning.include


def counted(usage: Usage) -> Json:
    """Tokens as Gemini counts them: its candidates leave out thoughts; our output includes them."""
    counts: Json = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": max(usage.output_tokens - usage.reasoning_tokens, 0),
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
    }
    if usage.cached_input_tokens:
        counts["cachedContentTokenCount"] = usage.cached_input_tokens
    if usage.reasoning_tokens:
        counts["thoughtsTokenCount"] = usage.reasoning_tokens
    return counts


def arguments(call: ToolCall) -> Mapping[str, object] | None:
    """The arguments as an object, None if they are none."""
    try:
        value = json_text.parse(call.arguments) if call.arguments.strip() else {}
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _told(part: Text | ToolCall) -> Json | None:
    if isinstance(part, Text):
        return {"text": part.text}
    given = arguments(part)
    if given is None:
        return None
    call: Json = {"name": part.name, "args": given}
    return {"functionCall": {"id": part.id, **call} if part.id else call}
