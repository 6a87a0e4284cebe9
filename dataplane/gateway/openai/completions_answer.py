"""Whole answers of chat completions."""

from collections.abc import Mapping
from types import MappingProxyType

from dataplane.chat.model import ChatResponse, FinishReason, Text, Thinking, ToolCall, Usage
from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.model import Answering, Asked
from dataplane.gateway.openai.thought import detail
from dataplane.gateway.openai.usage import of_completion

Json = dict[str, object]

FINISH_REASONS: Mapping[FinishReason, str] = MappingProxyType(
    {
        FinishReason.UNKNOWN: "stop",
        FinishReason.STOP: "stop",
        FinishReason.LENGTH: "length",
        FinishReason.TOOL_CALLS: "tool_calls",
        FinishReason.CONTENT_FILTER: "content_filter",
        FinishReason.REFUSAL: "content_filter",
    }
)


def answer_id(answering: Answering) -> str:
    """The completion's id."""
    return f"chatcmpl-{answering.answer_id}"


def created(answering: Answering) -> int:
    """Seconds since 1970."""
    return int(answering.created.timestamp())


def calls_functions(asked: Asked) -> bool:
    """Whether the caller offered `functions`, as tools were called before: then calls come back in that form."""
    return "functions" in asked.original.spans and "tools" not in asked.original.spans


def whole(answer: ChatResponse, answering: Answering) -> bytes:
    """A `chat.completion`."""
    text = "".join(part.text for part in answer.parts if isinstance(part, Text))
    refused = answer.finish_reason is FinishReason.REFUSAL and bool(text)
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    message: Json = {
        "role": "assistant",
        "content": None if refused else text or (None if calls else ""),
        "refusal": text if refused else None,
        **_thought([part for part in answer.parts if isinstance(part, Thinking)]),
    }
    reason = "stop" if refused else FINISH_REASONS[answer.finish_reason]
    if calls and calls_functions(answering.asked):
        message["function_call"] = _function(calls[0])
        reason = "function_call" if reason == "tool_calls" else reason
    elif calls:
        message["tool_calls"] = [{"id": call.id, "type": "function", "function": _function(call)} for call in calls]
    choice: Json = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    completion: Json = {
        "id": answer_id(answering),
        "object": "chat.completion",
        "created": created(answering),
        "model": answering.model,
        "choices": [choice],
        "usage": of_completion(answer.usage or Usage()),
    }
    return json_bytes(completion)


def _function(call: ToolCall) -> Json:
    return {"name": call.name, "arguments": call.arguments or "{}"}


def _thought(parts: list[Thinking]) -> Json:
    told: Json = {}
    if text := "".join(part.text for part in parts):
        told["reasoning_content"] = text
    sealed = [detail(part, number) for number, part in enumerate(parts) if part.signature or part.redacted]
    if sealed:
        told["reasoning_details"] = sealed
    return told
