"""What faces of the gateway are given and asked for in tests."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby

import pytest

from dataplane.chat.model import ChatRequest, Finished, FinishReason, Message, Role, Text, Thinking, ToolResult, Usage
from dataplane.execution.run import Content
from dataplane.gateway.body import members
from dataplane.gateway.face import ChatFace
from dataplane.gateway.model import Answering, Asked, BadRequest, Received
from dataplane.snapshot.model import Listed, WorkerSnapshot

CREATED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ANSWER_ID = "0192f0c1aaaa7bbb8cccddddeeeeffff"
USAGE = Usage(input_tokens=100, cached_input_tokens=60, cache_write_tokens=10, output_tokens=30, reasoning_tokens=12)
STOP = Finished(reason=FinishReason.STOP)
LISTED = WorkerSnapshot(
    version=1,
    digest=b"",
    created_at=CREATED,
    issuer="i",
    deployments={},
    keys={},
    callers={},
    models={
        "m-1": Listed(name="m-1", provider="p", as_of="2026-03-01", context_window=9000, max_output_tokens=900),
        "e-1": Listed(name="e-1", provider="p", as_of="", context_window=9000, max_output_tokens=0, embeds=True),
    },
    aliases={"best": "m-1"},
    workloads=("chat",),
)
"""A model for conversations, one for vectors, an alias and a workload."""


def received(body: object, **parameters: str) -> Received:
    """A request with `body`, or with that text, read as the gateway reads it."""
    text = body if isinstance(body, str) else json.dumps(body)
    value, spans = members(text)
    return Received(headers={}, parameters=parameters, text=text, value=value, spans=spans)


def answering(asked: Asked, model: str = "fits-well") -> Answering:
    """The surroundings of an answer."""
    return Answering(asked=asked, answer_id=ANSWER_ID, created=CREATED, model=model)


def streamed(
    face: ChatFace, asked: Asked, events: Iterable[Content], finished: Finished = STOP, usage: Usage = USAGE
) -> bytes:
    """A whole stream."""
    writer = face.writer(answering(asked))
    return b"".join([*map(writer.content, events), writer.end(finished, usage)])


def refused_field(face: ChatFace, body: Mapping[str, object], **parameters: str) -> str:
    """The field that a request is refused for."""
    with pytest.raises(BadRequest) as wrong:
        face.read(received(body, **parameters))
    assert wrong.value.message
    return wrong.value.field


def same(request: ChatRequest, dropped: Sequence[Thinking] = ()) -> ChatRequest:
    """`request` in one spelling: two that mean the same to every provider become equal.

    System prompts stand at the head, and neighbours of one side are one message, results of tools first. Texts without a
    character say nothing, and where there is no tool there is no choice. `dropped` is thinking that an adapter made up.
    """
    spoken = [message for message in request.messages if message.role is not Role.SYSTEM]
    merged: list[Message] = [
        Message(role=Role.SYSTEM, parts=(part,))
        for message in request.messages
        if message.role is Role.SYSTEM
        for part in message.parts
        if part != Text(text="")
    ]
    for role, messages in groupby(spoken, key=lambda message: message.role):
        parts = [part for message in messages for part in message.parts if part not in (Text(text=""), *dropped)]
        parts.sort(key=lambda part: not isinstance(part, ToolResult))
        if parts:
            merged.append(Message(role=role, parts=tuple(parts)))
    return replace(request, messages=tuple(merged), tool_choice=request.tool_choice if request.tools else None)
