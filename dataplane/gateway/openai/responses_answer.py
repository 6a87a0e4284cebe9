"""Whole answers of responses."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from dataplane.chat.model import ChatResponse, FinishReason, Text, Thinking, ToolCall, Usage
from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.model import Answering
from dataplane.gateway.openai.reasoning import reasoning_item
from dataplane.gateway.openai.usage import of_response
from dataplane.provider import json_text

Json = dict[str, object]

INCOMPLETE: Mapping[FinishReason, str] = MappingProxyType(
    {
        FinishReason.LENGTH: "max_output_tokens",
        FinishReason.CONTENT_FILTER: "content_filter",
        FinishReason.REFUSAL: "content_filter",
    }
)
"""Why an answer is not complete; any other reason completes it."""

_DEFAULTS: Mapping[str, object] = MappingProxyType(
    {
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "user": None,
    }
)
"""What an answer repeats of its request, and what stands there where the request says nothing."""


def whole(answer: ChatResponse, answering: Answering) -> bytes:
    """A `response`."""
    refused = answer.finish_reason is FinishReason.REFUSAL and any(isinstance(part, Text) for part in answer.parts)
    reason = None if refused else INCOMPLETE.get(answer.finish_reason)
    output = list(_items(answer.parts, answering.answer_id, refused=refused))
    return json_bytes(ended(base(answering), output, answer.usage or Usage(), reason))


def base(answering: Answering) -> Json:
    """A response that has just begun."""
    original = answering.asked.original
    said = {name: json_text.parse(original.text[slice(*original.spans[name])]) for name in _repeated(original.spans)}
    return {
        "id": f"resp_{answering.answer_id}",
        "object": "response",
        "created_at": int(answering.created.timestamp()),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "max_tool_calls": None,
        "model": answering.model,
        "output": [],
        "previous_response_id": None,
        "service_tier": "default",
        "store": False,
        "usage": None,
        **{name: default if said.get(name) is None else said[name] for name, default in _DEFAULTS.items()},
    }


def ended(response: Json, output: Sequence[Json], usage: Usage, incomplete: str | None) -> Json:
    """The same response at its end."""
    if incomplete and output and "status" in output[-1]:
        output = [*output[:-1], {**output[-1], "status": "incomplete"}]
    return {
        **response,
        "status": "incomplete" if incomplete else "completed",
        "incomplete_details": {"reason": incomplete} if incomplete else None,
        "output": list(output),
        "usage": of_response(usage),
    }


def message_item(item_id: str, content: Sequence[Json], status: str = "completed") -> Json:
    """What the model says."""
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": list(content)}


def text_part(text: str) -> Json:
    """Text in a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def call_item(item_id: str, call: ToolCall, status: str = "completed") -> Json:
    """A call of a function."""
    return {
        "id": item_id,
        "type": "function_call",
        "status": status,
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }


def _repeated(spans: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    return (name for name in _DEFAULTS if name in spans)


def _items(parts: Sequence[Text | ToolCall | Thinking], answer_id: str, *, refused: bool) -> Iterator[Json]:
    for number, part in enumerate(_joined(parts)):
        tail = f"{answer_id}_{number}"
        match part:
            case Text(text=text):
                said: Json = {"type": "refusal", "refusal": text} if refused else text_part(text)
                yield message_item(f"msg_{tail}", [said])
            case ToolCall(id=call_id, name=name, arguments=arguments):
                yield call_item(f"fc_{tail}", ToolCall(id=call_id, name=name, arguments=arguments or "{}"))
            case Thinking():
                yield reasoning_item(part, f"rs_{tail}")


def _joined(parts: Sequence[Text | ToolCall | Thinking]) -> list[Text | ToolCall | Thinking]:
    """The parts, with texts that follow each other as one."""
    joined: list[Text | ToolCall | Thinking] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Text) and isinstance(last, Text):
            joined[-1] = Text(text=last.text + part.text)
        else:
            joined.append(part)
    return joined
