"""Calls of a sandbox without a socket, and what came back."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dataplane.provider.event_stream import EventStreamDecoder
from dataplane.provider.sandbox import Fault, ManualClock, ModelProfile, SandboxConfig, Settings
from dataplane.provider.sandbox.call import ProtocolName
from dataplane.provider.sandbox.http1 import Request
from dataplane.provider.sandbox.script import Chunk, Reply, Step
from dataplane.provider.sandbox.service import Sandbox

Json = dict[str, Any]
WHOLE = ModelProfile(quality=1.0)
PATHS = {
    ProtocolName.OPENAI: "/v1/chat/completions",
    ProtocolName.ANTHROPIC: "/v1/messages",
    ProtocolName.GEMINI: "/v1beta/models/{model}:{method}",
    ProtocolName.BEDROCK: "/model/{model}/{method}",
}
TEXT_PROTOCOLS = (ProtocolName.OPENAI, ProtocolName.ANTHROPIC, ProtocolName.GEMINI)
"""Those whose streams are server-sent events."""
KEYS = {
    ProtocolName.OPENAI: {"authorization": "Bearer key"},
    ProtocolName.ANTHROPIC: {"x-api-key": "key", "anthropic-version": "2023-06-01"},
    ProtocolName.GEMINI: {"x-goog-api-key": "key"},
    ProtocolName.BEDROCK: {"authorization": "Bearer key"},
}


def config(profile: ModelProfile = WHOLE, faults: tuple[Fault, ...] = (), **settings: Any) -> SandboxConfig:
    """One model `m` that answers at once."""
    given = Settings(**{"latency_scale": 0.0, "seed": 7} | settings)
    return SandboxConfig(settings=given, models={"m": profile}, faults=faults)


def sandbox(profile: ModelProfile = WHOLE, **settings: Any) -> Sandbox:
    """A sandbox on a clock that stands still."""
    return Sandbox(config(profile, **settings), ManualClock())


def body_of(protocol: ProtocolName, prompt: str, **more: Any) -> Json:
    """A request with one user turn."""
    match protocol:
        case ProtocolName.OPENAI:
            return {"model": "m", "messages": [{"role": "user", "content": prompt}], **more}
        case ProtocolName.ANTHROPIC:
            return {"model": "m", "max_tokens": 4096, "messages": [{"role": "user", "content": prompt}], **more}
        case ProtocolName.GEMINI:
            return {"contents": [{"role": "user", "parts": [{"text": prompt}]}], **more}
        case ProtocolName.BEDROCK:
            return {"messages": [{"role": "user", "content": [{"text": prompt}]}], **more}


def request_of(
    protocol: ProtocolName,
    body: object,
    *,
    stream: bool = False,
    model: str = "m",
    headers: Mapping[str, str] | None = None,
) -> Request:
    """The HTTP request; a stream is asked for in the way of the protocol."""
    if stream and protocol in (ProtocolName.OPENAI, ProtocolName.ANTHROPIC) and isinstance(body, dict):
        body = {**body, "stream": True}
        if protocol is ProtocolName.OPENAI:
            body = {"stream_options": {"include_usage": True}, **body}
    methods = ("generateContent", "streamGenerateContent")
    if protocol is ProtocolName.BEDROCK:
        methods = ("converse", "converse-stream")
    method = methods[stream]
    return Request(
        method="POST",
        path=PATHS[protocol].format(model=model, method=method),
        query="alt=sse" if stream and protocol is ProtocolName.GEMINI else "",
        headers=KEYS[protocol] if headers is None else headers,
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )


def steps_of(served: Sandbox, request: Request) -> list[Step]:
    """All steps of the answer."""
    exchange = served.exchange(request)
    assert exchange is not None
    return list(exchange.steps)


def reply_of(served: Sandbox, request: Request) -> Reply:
    """The answer that comes in one piece."""
    (step,) = steps_of(served, request)
    assert isinstance(step, Reply)
    return step


def answer_of(served: Sandbox, request: Request, status: int = 200) -> Json:
    """The parsed body of the answer, which has that status."""
    reply = reply_of(served, request)
    assert reply.status == status, reply.body
    parsed: Json = json.loads(reply.body)
    return parsed


def frames_of(served: Sandbox, request: Request) -> list[bytes]:
    """The events of a stream, as they were sent."""
    return [step.data for step in steps_of(served, request) if isinstance(step, Chunk)]


def events_of(frames: bytes) -> Iterator[tuple[str, Any]]:
    """The name (empty where there is none) and the parsed data of each event; `[DONE]` stays a string."""
    for block in frames.replace(b"\r\n", b"\n").split(b"\n\n"):
        name, data = "", ""
        for line in block.decode().split("\n"):
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                data = line.removeprefix("data: ").strip()
        if data:
            yield name, data if data == "[DONE]" else json.loads(data)


def text_of(protocol: ProtocolName, answer: Json) -> str:
    """The text of an answer in one piece."""
    match protocol:
        case ProtocolName.OPENAI:
            return str(answer["choices"][0]["message"]["content"] or "")
        case ProtocolName.ANTHROPIC:
            return "".join(block.get("text", "") for block in answer["content"])
        case ProtocolName.GEMINI:
            parts = answer["candidates"][0]["content"].get("parts", [])
            return "".join(part.get("text", "") for part in parts)
        case ProtocolName.BEDROCK:
            return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


def streamed_text(protocol: ProtocolName, frames: list[bytes]) -> str:
    """The text of a stream put together."""
    texts = []
    if protocol is ProtocolName.BEDROCK:
        events = EventStreamDecoder().feed(b"".join(frames))
        return "".join(json.loads(event.data).get("delta", {}).get("text", "") for event in events)
    for _, data in events_of(b"".join(frames)):
        if protocol is ProtocolName.OPENAI and data != "[DONE]" and data["choices"]:
            texts.append(data["choices"][0]["delta"].get("content") or "")
        elif protocol is ProtocolName.ANTHROPIC and data["type"] == "content_block_delta":
            texts.append(data["delta"].get("text", ""))
        elif protocol is ProtocolName.GEMINI:
            texts.append(text_of(protocol, data))
    return "".join(texts)


def tool_of(protocol: ProtocolName, name: str, schema: Json) -> Json:
    """The fields of a request that offer one tool."""
    match protocol:
        case ProtocolName.OPENAI:
            return {"tools": [{"type": "function", "function": {"name": name, "parameters": schema}}]}
        case ProtocolName.ANTHROPIC:
            return {"tools": [{"name": name, "input_schema": schema}]}
        case ProtocolName.GEMINI:
            return {"tools": [{"functionDeclarations": [{"name": name, "parametersJsonSchema": schema}]}]}
        case ProtocolName.BEDROCK:
            return {"toolConfig": {"tools": [{"toolSpec": {"name": name, "inputSchema": {"json": schema}}}]}}


def calls_of(protocol: ProtocolName, answer: Json) -> list[tuple[str, Any]]:
    """The tools that an answer calls, with their arguments."""
    match protocol:
        case ProtocolName.OPENAI:
            listed = answer["choices"][0]["message"].get("tool_calls", [])
            return [(one["function"]["name"], json.loads(one["function"]["arguments"])) for one in listed]
        case ProtocolName.ANTHROPIC:
            return [(one["name"], one["input"]) for one in answer["content"] if one["type"] == "tool_use"]
        case ProtocolName.GEMINI:
            parts = answer["candidates"][0]["content"].get("parts", [])
            return [
                (one["functionCall"]["name"], one["functionCall"]["args"]) for one in parts if "functionCall" in one
            ]
        case ProtocolName.BEDROCK:
            blocks = answer["output"]["message"]["content"]
            return [(one["toolUse"]["name"], one["toolUse"]["input"]) for one in blocks if "toolUse" in one]


def with_profile(**changes: Any) -> ModelProfile:
    """The plain model with other properties."""
    return replace(WHOLE, **changes)
