"""OpenAI's responses, stateless: the request as one of chat completions, the answer in its own items and events."""

from collections.abc import Iterator
from dataclasses import replace

from dataplane.provider.sandbox.answer.completion import Completion, Finish
from dataplane.provider.sandbox.answer.tools import json_text
from dataplane.provider.sandbox.call import Call
from dataplane.provider.sandbox.wire import openai
from dataplane.provider.sandbox.wire.model import ApiError, Frame, Identity, frame_text
from dataplane.provider.sandbox.wire.responses_request import parse

Json = dict[str, object]

_ARGUMENT_CHARS = 8
_CHUNK_TOKENS = 1


def _usage(completion: Completion) -> Json:
    made = completion.tokens + completion.reasoning_tokens
    return {
        "input_tokens": completion.prompt.tokens,
        "input_tokens_details": {"cached_tokens": completion.prompt.cached},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": completion.reasoning_tokens},
        "total_tokens": completion.prompt.tokens + made,
    }


def _items(completion: Completion, identity: Identity) -> list[Json]:
    items: list[Json] = []
    if completion.reasoning_tokens:
        items.append({"id": f"rs_{identity.token}", "type": "reasoning", "summary": []})
    if completion.tool_calls:
        return [*items, *(_call_item(completion, identity, at) for at in range(len(completion.tool_calls)))]
    part = {"type": "output_text", "text": completion.text, "annotations": [], "logprobs": []}
    return [*items, {**_message(identity), "status": "completed", "content": [part]}]


def _message(identity: Identity) -> Json:
    return {
        "id": f"msg_{identity.token}",
        "type": "message",
        "role": "assistant",
        "status": "in_progress",
        "content": [],
    }


def _call_item(completion: Completion, identity: Identity, at: int) -> Json:
    one = completion.tool_calls[at]
    return {
        "id": f"fc_{identity.token[:36]}{at:04d}",
        "type": "function_call",
        "status": "completed",
        "call_id": f"call_{identity.token[:20]}{at:04d}",
        "name": one.name,
        "arguments": one.arguments,
    }


def _head(identity: Identity) -> Json:
    return {
        "id": f"resp_{identity.token}",
        "object": "response",
        "created_at": identity.created_s,
        "model": identity.model,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }


def _whole(completion: Completion, identity: Identity) -> Json:
    cut = completion.finish is Finish.LENGTH
    ending: Json = {"status": "completed"}
    if cut:
        ending = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    return {**_head(identity), **ending, "output": _items(completion, identity), "usage": _usage(completion)}


def _answer(_call: Call, completion: Completion, identity: Identity) -> bytes:
    return json_text(_whole(completion, identity)).encode("utf-8", "replace")


class _Events:
    """Numbers the events."""

    def __init__(self) -> None:
        self._number = -1

    def of(self, kind: str, **members: object) -> bytes:
        self._number += 1
        body = json_text({"type": kind, "sequence_number": self._number, **members})
        return f"event: {kind}\ndata: {body}\n\n".encode("utf-8", "replace")


def _frames(_call: Call, completion: Completion, identity: Identity, chunk_tokens: int | None) -> Iterator[Frame]:
    events = _Events()
    begun = {**_head(identity), "status": "in_progress", "output": [], "usage": None}
    yield Frame(0, events.of("response.created", response=begun))
    yield Frame(0, events.of("response.in_progress", response=begun))
    for index, item in enumerate(_items(completion, identity)):
        match item["type"]:
            case "message":
                yield from _text_frames(events, completion, item, index, chunk_tokens or _CHUNK_TOKENS)
            case "function_call":
                yield from _call_frames(events, completion, item, index)
            case _:
                yield Frame(1, events.of("response.output_item.added", output_index=index, item=item))
                yield Frame(1, events.of("response.output_item.done", output_index=index, item=item))
    whole = _whole(completion, identity)
    yield Frame(completion.tokens, events.of(f"response.{whole['status']}", response=whole), last=True)


def _text_frames(events: _Events, completion: Completion, item: Json, index: int, size: int) -> Iterator[Frame]:
    place = {"output_index": index, "item_id": item["id"], "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    opened = {**item, "status": "in_progress", "content": []}
    yield Frame(1, events.of("response.output_item.added", output_index=index, item=opened))
    yield Frame(1, events.of("response.content_part.added", **place, part=empty))
    for tokens, text in frame_text(completion.pieces, size, size):
        yield Frame(tokens, events.of("response.output_text.delta", **place, delta=text, logprobs=[]))
    tokens = completion.tokens
    whole = {**empty, "text": completion.text}
    yield Frame(tokens, events.of("response.output_text.done", **place, text=completion.text, logprobs=[]))
    yield Frame(tokens, events.of("response.content_part.done", **place, part=whole))
    yield Frame(tokens, events.of("response.output_item.done", output_index=index, item=item))


def _call_frames(events: _Events, completion: Completion, item: Json, index: int) -> Iterator[Frame]:
    place = {"output_index": index, "item_id": item["id"]}
    arguments, tokens = str(item["arguments"]), completion.tokens
    opened = {**item, "status": "in_progress", "arguments": ""}
    yield Frame(1, events.of("response.output_item.added", output_index=index, item=opened))
    for start in range(0, len(arguments), _ARGUMENT_CHARS):
        part = arguments[start : start + _ARGUMENT_CHARS]
        yield Frame(
            min(1 + start // 4, tokens), events.of("response.function_call_arguments.delta", **place, delta=part)
        )
    yield Frame(tokens, events.of("response.function_call_arguments.done", **place, arguments=arguments))
    yield Frame(tokens, events.of("response.output_item.done", output_index=index, item=item))


def _error_frame(error: ApiError, _identity: Identity) -> bytes:
    body = json_text({"type": "error", "code": error.code or "server_error", "message": error.message, "param": None})
    return f"event: error\ndata: {body}\n\n".encode()


WIRE = replace(
    openai.WIRE,
    parse=parse,
    answer=_answer,
    frames=_frames,
    error_frame=_error_frame,
    malformed_frame=b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":\n\n',
)
