"""What raw answers of providers say, read in the plainest way, to hold the product's readers against."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dataplane.chat.model import (
    ChatResponse,
    Finished,
    FinishReason,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from dataplane.snapshot.model import WireProtocol
from tests.support.recordings import converse_events


@dataclass(frozen=True, kw_only=True)
class Said:
    """The gist of an answer; arguments of tools as values. `call_ids` has an empty string where the provider gave none."""

    text: str
    calls: tuple[tuple[str, str], ...]
    call_ids: tuple[str, ...]
    finish: FinishReason
    usage: Usage | None
    model: str
    answer_id: str


def arguments(text: str) -> str:
    """Arguments in one spelling; what is no JSON stays as it is."""
    try:
        return json.dumps(json.loads(text or "{}"), sort_keys=True)
    except ValueError:
        return text


def said_by(response: ChatResponse) -> Said:
    """The gist of what the product read."""
    calls = [part for part in response.parts if isinstance(part, ToolCall)]
    return Said(
        text="".join(part.text for part in response.parts if isinstance(part, Text)),
        calls=tuple((call.name, arguments(call.arguments)) for call in calls),
        call_ids=tuple(call.id for call in calls),
        finish=response.finish_reason,
        usage=response.usage,
        model=response.provider_model,
        answer_id=response.provider_response_id,
    )


def said_by_events(events: list[StreamEvent]) -> Said:
    """The gist of a stream that the product read."""
    calls: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            call = calls.setdefault(event.index, ["", "", ""])
            for place, more in enumerate((event.id, event.name, event.arguments)):
                call[place] += more
    finished = [event for event in events if isinstance(event, Finished)]
    reports = [event.usage for event in events if isinstance(event, UsageReport)]
    assert len(finished) == 1, "a stream ends once"
    assert events[-1] is finished[0], "nothing comes after the end"
    assert sorted(calls) == list(range(len(calls))), "calls are numbered from 0"
    return Said(
        text="".join(event.text for event in events if isinstance(event, TextDelta)),
        calls=tuple((name, arguments(text)) for _, name, text in calls.values()),
        call_ids=tuple(call[0] for call in calls.values()),
        finish=finished[0].reason,
        usage=reports[-1] if reports else None,
        model=finished[0].provider_model,
        answer_id=finished[0].provider_response_id,
    )


def chunks(stream: str) -> Iterator[dict[str, Any]]:
    """The JSON of every event of a recorded stream."""
    for line in stream.replace("\r\n", "\n").split("\n"):
        if line.startswith("data:") and line[5:].strip() != "[DONE]":
            yield json.loads(line[5:])


# --- OpenAI ------------------------------------------------------------------------------------------------

_OPENAI_ENDS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH, "tool_calls": FinishReason.TOOL_CALLS}


def openai_usage(raw: Mapping[str, Any] | None) -> Usage | None:
    """Tokens; what the total has beyond input and output is reasoning (Gemini's compatible endpoint)."""
    if not raw:
        return None
    hidden = raw["total_tokens"] - raw["prompt_tokens"] - raw["completion_tokens"]
    read, written = raw.get("prompt_tokens_details") or {}, raw.get("completion_tokens_details") or {}
    output = raw["completion_tokens"] + hidden
    return Usage(
        input_tokens=raw["prompt_tokens"],
        cached_input_tokens=read.get("cached_tokens") or raw.get("num_cached_tokens") or 0,
        cache_write_tokens=read.get("cache_write_tokens") or 0,
        output_tokens=output,
        reasoning_tokens=min(hidden or written.get("reasoning_tokens") or 0, output),
    )


def _openai_text(content: object) -> str:
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part["type"] == "text")
    return str(content or "")


def openai_whole(raw: Mapping[str, Any]) -> Said:
    """A completion."""
    (choice,) = raw["choices"]
    message = choice["message"]
    calls = message.get("tool_calls") or []
    return Said(
        text=_openai_text(message.get("content")),
        calls=tuple((call["function"]["name"], arguments(call["function"]["arguments"])) for call in calls),
        call_ids=tuple(call["id"] for call in calls),
        finish=_OPENAI_ENDS[choice["finish_reason"]],
        usage=openai_usage(raw.get("usage")),
        model=raw["model"],
        answer_id=raw["id"],
    )


def openai_stream(raw: str) -> Said:
    """A stream of chunks."""
    parts = list(chunks(raw))
    choices = [choice for part in parts for choice in part["choices"]]
    calls: dict[int, list[str]] = {}
    for piece in (piece for choice in choices for piece in choice["delta"].get("tool_calls") or []):
        call = calls.setdefault(piece["index"], [piece.get("id") or "", piece["function"].get("name") or "", ""])
        call[2] += piece["function"].get("arguments") or ""
    return Said(
        text="".join(_openai_text(choice["delta"].get("content")) for choice in choices),
        calls=tuple((name, arguments(text)) for _, name, text in calls.values()),
        call_ids=tuple(call[0] for call in calls.values()),
        finish=_OPENAI_ENDS[[choice["finish_reason"] for choice in choices if choice["finish_reason"]][-1]],
        usage=openai_usage(([part["usage"] for part in parts if part.get("usage")] or [None])[-1]),
        model=parts[0]["model"],
        answer_id=parts[0]["id"],
    )


# --- Anthropic ---------------------------------------------------------------------------------------------

_ANTHROPIC_ENDS = {
    "end_turn": FinishReason.STOP,
    "tool_use": FinishReason.TOOL_CALLS,
    "max_tokens": FinishReason.LENGTH,
    "pause_turn": FinishReason.LENGTH,
    "refusal": FinishReason.REFUSAL,
}


def anthropic_usage(raw: Mapping[str, Any]) -> Usage:
    """Tokens."""
    read, written = raw.get("cache_read_input_tokens") or 0, raw.get("cache_creation_input_tokens") or 0
    return Usage(
        input_tokens=raw["input_tokens"] + read + written,
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=raw["output_tokens"],
        reasoning_tokens=(raw.get("output_tokens_details") or {}).get("thinking_tokens", 0),
    )


def anthropic_whole(raw: Mapping[str, Any]) -> Said:
    """A message."""
    calls = [block for block in raw["content"] if block["type"] == "tool_use"]
    return Said(
        text="".join(block["text"] for block in raw["content"] if block["type"] == "text"),
        calls=tuple((call["name"], json.dumps(call["input"], sort_keys=True)) for call in calls),
        call_ids=tuple(call["id"] for call in calls),
        finish=_ANTHROPIC_ENDS[raw["stop_reason"]],
        usage=anthropic_usage(raw["usage"]),
        model=raw["model"],
        answer_id=raw["id"],
    )


def anthropic_stream(raw: str) -> Said:
    """A stream of message events, put together as the message that it would have been."""
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for event in chunks(raw):
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                blocks[event["index"]] = {**event["content_block"], "json": ""}
            case "content_block_delta":
                delta, block = event["delta"], blocks[event["index"]]
                block["text"] = block.get("text", "") + delta.get("text", "")
                block["json"] += delta.get("partial_json", "")
            case "message_delta":
                message["stop_reason"] = event["delta"]["stop_reason"]
                message["usage"] = {**message["usage"], **event["usage"]}
    for block in blocks.values():
        block["input"] = json.loads(block["json"] or "{}") if block["type"] == "tool_use" else None
    return anthropic_whole({**message, "content": list(blocks.values())})


# --- Gemini ------------------------------------------------------------------------------------------------

_GEMINI_ENDS = {"STOP": FinishReason.STOP, "MAX_TOKENS": FinishReason.LENGTH, "SAFETY": FinishReason.CONTENT_FILTER}


def gemini_usage(raw: Mapping[str, Any]) -> Usage:
    """Tokens."""
    thoughts = raw.get("thoughtsTokenCount", 0)
    return Usage(
        input_tokens=raw["promptTokenCount"] + raw.get("toolUsePromptTokenCount", 0),
        cached_input_tokens=raw.get("cachedContentTokenCount", 0),
        output_tokens=raw.get("candidatesTokenCount", 0) + thoughts,
        reasoning_tokens=thoughts,
    )


def gemini_whole(raw: Mapping[str, Any]) -> Said:
    """One answer."""
    return _gemini([raw])


def gemini_stream(raw: str) -> Said:
    """A stream of partial answers."""
    return _gemini(list(chunks(raw)))


def _gemini(answers: list[Mapping[str, Any]]) -> Said:
    parts = [part for answer in answers for part in answer["candidates"][0]["content"].get("parts", [])]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    ends = [end for answer in answers if (end := answer["candidates"][0].get("finishReason"))]
    stopped_for_calls = calls and ends[-1] == "STOP"
    return Said(
        text="".join(part["text"] for part in parts if "text" in part and not part.get("thought")),
        calls=tuple((call["name"], json.dumps(call["args"], sort_keys=True)) for call in calls),
        call_ids=tuple(call.get("id", "") for call in calls),
        finish=FinishReason.TOOL_CALLS if stopped_for_calls else _GEMINI_ENDS[ends[-1]],
        usage=gemini_usage(answers[-1]["usageMetadata"]),
        model=answers[0]["modelVersion"],
        answer_id=answers[0]["responseId"],
    )


# --- Bedrock -----------------------------------------------------------------------------------------------

_BEDROCK_ENDS = {"end_turn": FinishReason.STOP, "tool_use": FinishReason.TOOL_CALLS, "max_tokens": FinishReason.LENGTH}


def bedrock_usage(raw: Mapping[str, Any]) -> Usage:
    """Tokens."""
    read, written = raw.get("cacheReadInputTokens") or 0, raw.get("cacheWriteInputTokens") or 0
    assert raw["totalTokens"] == raw["inputTokens"] + raw["outputTokens"] + read + written
    return Usage(
        input_tokens=raw["inputTokens"] + read + written,
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=raw["outputTokens"],
    )


def bedrock_whole(raw: Mapping[str, Any]) -> Said:
    """An answer; calls of the provider's own tools are none."""
    blocks = raw["output"]["message"]["content"]
    calls = [block["toolUse"] for block in blocks if "toolUse" in block]
    calls = [call for call in calls if call.get("type") != "server_tool_use"]
    return Said(
        text="".join(block["text"] for block in blocks if "text" in block),
        calls=tuple((call["name"], json.dumps(call["input"], sort_keys=True)) for call in calls),
        call_ids=tuple(call["toolUseId"] for call in calls),
        finish=_BEDROCK_ENDS[raw["stopReason"]],
        usage=bedrock_usage(raw["usage"]),
        model="",
        answer_id="",
    )


def bedrock_stream(raw: str) -> Said:
    """A stream of events, put together as the answer that it would have been."""
    blocks: dict[int, dict[str, Any]] = {}
    end: dict[str, Any] = {}
    for name, event in converse_events(raw):
        end.update(event if name in ("messageStop", "metadata") else {})
        if name == "contentBlockStart":
            blocks[event["contentBlockIndex"]] = {**event["start"], "json": ""}
        elif name == "contentBlockDelta":
            block = blocks.setdefault(event["contentBlockIndex"], {"json": ""})
            delta = event["delta"]
            if "text" in delta:
                block["text"] = block.get("text", "") + delta["text"]
            block["json"] += delta.get("toolUse", {}).get("input", "")
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"] = {**block["toolUse"], "input": json.loads(block["json"] or "{}")}
    return bedrock_whole({**end, "output": {"message": {"content": list(blocks.values())}}})


WHOLE: Mapping[WireProtocol, Callable[[Any], Said]] = {
    WireProtocol.OPENAI: openai_whole,
    WireProtocol.ANTHROPIC: anthropic_whole,
    WireProtocol.GEMINI: gemini_whole,
    WireProtocol.BEDROCK: bedrock_whole,
}
STREAMED: Mapping[WireProtocol, Callable[[str], Said]] = {
    WireProtocol.OPENAI: openai_stream,
    WireProtocol.ANTHROPIC: anthropic_stream,
    WireProtocol.GEMINI: gemini_stream,
    WireProtocol.BEDROCK: bedrock_stream,
}
