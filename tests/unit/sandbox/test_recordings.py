"""The sandbox takes what real clients sent, and answers in the shape in which the providers answered."""

import gzip
import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dataplane.provider.sandbox import ManualClock, SandboxConfig, Settings, UnknownModels
from dataplane.provider.sandbox.call import ProtocolName
from dataplane.provider.sandbox.http1 import Request
from dataplane.provider.sandbox.script import Chunk, Reply
from dataplane.provider.sandbox.service import Sandbox
from tests.unit.sandbox.calls import KEYS, TEXT_PROTOCOLS, Json, calls_of, events_of, steps_of, with_profile

Shape = frozenset[str]
CALLS = {
    ProtocolName.OPENAI: "/chat/completions",
    ProtocolName.ANTHROPIC: "/v1/messages",
    ProtocolName.GEMINI: "enerateContent",
}
EACH = pytest.mark.parametrize("protocol", TEXT_PROTOCOLS)
# Fields of answers that depend on what only the provider has: its own tools, moderation, grounding.
FOREIGN_BLOCKS = (
    "server_tool_use",
    "_tool_result",
    "mcp_tool_use",
    "redacted_thinking",
    "container_upload",
    "compaction",
)


@pytest.fixture(scope="module")
def recordings(shared: Path) -> list[Json]:
    path = shared / "data" / "recordings" / "providers.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path} is absent: the recordings of real providers are not part of the repository")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def calls(recordings: Iterable[Json], protocol: ProtocolName) -> Iterator[Json]:
    """The recorded calls that were answered."""
    for one in recordings:
        if one["provider"] == protocol.value and one["path"].endswith(CALLS[protocol]) and one["status"] == 200:
            yield one


def sandbox() -> Sandbox:
    """Serves any model, always well, and reasons where the provider may."""
    settings = Settings(latency_scale=0.0, unknown_models=UnknownModels.SERVE)
    return Sandbox(SandboxConfig(settings=settings), ManualClock())


def request_of(one: Json, protocol: ProtocolName) -> Request:
    return Request(
        method="POST",
        path=one["path"],
        query=one["query"],
        headers=KEYS[protocol],
        body=json.dumps(one["request"]).encode(),
    )


def paths(value: Any, at: str = "") -> Iterator[str]:
    """The path and type of every value inside `value`; numbers are one type, null is left open."""
    match value:
        case dict():
            yield f"{at}:object"
            for key, inner in value.items():
                yield from paths(inner, f"{at}.{key}")
        case list():
            yield f"{at}:array"
            for inner in value:
                yield from paths(inner, f"{at}[]")
        case None:
            yield f"{at}:null"
        case bool():
            yield f"{at}:boolean"
        case int() | float():
            yield f"{at}:number"
        case _:
            yield f"{at}:string"


def fields(shape: Iterable[str]) -> Shape:
    """The paths alone."""
    return frozenset(path.rpartition(":")[0] for path in shape)


def category(event: tuple[str, Any], protocol: ProtocolName) -> str:
    """What kind of event of a stream this is."""
    name, data = event
    if data == "[DONE]":
        return "done"
    match protocol:
        case ProtocolName.ANTHROPIC:
            assert data["type"] == name
            inner = data.get("delta") or data.get("content_block") or {}
            return f"{name} {inner.get('type', '')}".strip()
        case ProtocolName.OPENAI:
            if not data["choices"]:
                return "usage"
            choice = data["choices"][0]
            return "finish" if choice["finish_reason"] else "delta " + ",".join(sorted(choice["delta"]))
        case ProtocolName.GEMINI:
            candidate = data["candidates"][0]
            kinds = sorted({key for part in candidate["content"]["parts"] for key in part} - {"thoughtSignature"})
            return ("last " if "finishReason" in candidate else "more ") + ",".join(kinds)
        case ProtocolName.BEDROCK:
            raise AssertionError("its frames are not kept in the recordings")


def sequence(events: Iterable[tuple[str, Any]], protocol: ProtocolName) -> tuple[str, ...]:
    """The kinds of events in their order; a run of one kind counts once, and a ping may come anywhere."""
    kinds = [category(event, protocol) for event in events]
    return tuple(kind for kind, _ in groupby(kind for kind in kinds if kind != "ping"))


def streams(recordings: Iterable[Json], protocol: ProtocolName) -> list[Json]:
    """Recorded streams in which the provider ran no tools of its own."""
    found = [one for one in calls(recordings, protocol) if isinstance(one["response"], str)]
    foreign = (*FOREIGN_BLOCKS, "executableCode", "groundingMetadata")
    return [one for one in found if not any(mark in one["response"] for mark in foreign)]


def answered_stream(one: Json, protocol: ProtocolName) -> list[tuple[str, Any]]:
    model = one["request"].get("model") or one["path"].rpartition("/")[2].partition(":")[0]
    profile = with_profile(chunk_tokens=2)  # so that short answers come in several events, too
    served = Sandbox(SandboxConfig(settings=Settings(latency_scale=0.0), models={model: profile}), ManualClock())
    steps = steps_of(served, request_of(one, protocol))
    return list(events_of(b"".join(step.data for step in steps if isinstance(step, Chunk))))


@EACH
def test_every_recorded_request_is_answered(recordings: list[Json], protocol: ProtocolName) -> None:
    served, count = sandbox(), 0
    for one in calls(recordings, protocol):
        first = steps_of(served, request_of(one, protocol))[0]
        if isinstance(first, Reply):
            assert first.status == 200, (one["id"], first.body)
        count += 1
    assert count > 100


def offered(request: Json, protocol: ProtocolName) -> dict[str, Any]:
    """The schemas of the tools in a request, by name."""
    match protocol:
        case ProtocolName.OPENAI:
            return {one["function"]["name"]: one["function"].get("parameters", {}) for one in request.get("tools", [])}
        case ProtocolName.ANTHROPIC:
            return {one["name"]: one["input_schema"] for one in request.get("tools", []) if "input_schema" in one}
        case ProtocolName.GEMINI:
            declared = [one for tool in request.get("tools", []) for one in tool.get("functionDeclarations", [])]
            return {one["name"]: one.get("parameters_json_schema", {}) for one in declared}
        case ProtocolName.BEDROCK:
            raise AssertionError("its frames are not kept in the recordings")


@EACH
def test_arguments_for_every_recorded_tool_are_valid(recordings: list[Json], protocol: ProtocolName) -> None:
    forced = {
        ProtocolName.OPENAI: {"tool_choice": "required"},
        ProtocolName.ANTHROPIC: {"tool_choice": {"type": "any"}, "thinking": None},
        ProtocolName.GEMINI: {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
    }[protocol]
    checked = 0
    for one in calls(recordings, protocol):
        schemas = offered(one["request"], protocol)
        if not schemas or not isinstance(one["response"], dict):
            continue
        named = {
            **one,
            "request": {key: value for key, value in (one["request"] | forced).items() if value is not None},
        }
        reply = steps_of(sandbox(), request_of(named, protocol))[0]
        assert isinstance(reply, Reply)
        for name, arguments in calls_of(protocol, json.loads(reply.body)):
            jsonschema.validate(arguments, schemas[name])
            checked += 1
    assert checked > 50


@EACH
def test_an_answer_has_the_fields_that_all_recorded_ones_have_and_no_others(
    recordings: list[Json], protocol: ProtocolName
) -> None:
    pairs = []
    for one in calls(recordings, protocol):
        if isinstance(one["response"], dict):
            reply = steps_of(sandbox(), request_of(one, protocol))[0]
            assert isinstance(reply, Reply)
            pairs.append((frozenset(paths(one["response"])), frozenset(paths(json.loads(reply.body)))))
    always = frozenset.intersection(*(real for real, _ in pairs))
    ever = fields(frozenset.union(*(real for real, _ in pairs)))
    for _, ours in pairs:
        assert always <= ours | {path.replace(":string", ":null") for path in ours}, sorted(always - ours)
        # What a tool is called with, and what a schema asks for, is the caller's.
        strange = {path for path in fields(ours) - ever if ".input" not in path and ".args" not in path}
        assert not strange


@EACH
def test_a_stream_has_the_events_of_a_recorded_one_in_the_same_order(
    recordings: list[Json], protocol: ProtocolName
) -> None:
    real = {sequence(events_of(one["response"].encode()), protocol) for one in streams(recordings, protocol)}
    assert real
    for one in streams(recordings, protocol):
        ours = sequence(answered_stream(one, protocol), protocol)
        assert ours in real | PLAIN[protocol], (one["id"], ours)


# Sequences that follow from the recorded ones: a shorter answer, an answer without a tool, or a tool without words.
PLAIN: dict[ProtocolName, set[tuple[str, ...]]] = {
    ProtocolName.OPENAI: {("delta content,role", "delta tool_calls", "finish", "usage", "done")},
    ProtocolName.ANTHROPIC: {
        (
            "message_start",
            "content_block_start text",
            "content_block_delta text_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        )
    },
    ProtocolName.GEMINI: {("last text",), ("more text", "last text"), ("more functionCall", "last text")},
}


@EACH
def test_an_event_has_the_fields_of_its_recorded_kind_and_no_others(
    recordings: list[Json], protocol: ProtocolName
) -> None:
    real: dict[str, list[Shape]] = {}
    for one in streams(recordings, protocol):
        for event in events_of(one["response"].encode()):
            real.setdefault(category(event, protocol), []).append(fields(paths(event[1])))
    seen = set()
    for one in streams(recordings, protocol):
        for event in answered_stream(one, protocol):
            kind, ours = category(event, protocol), fields(paths(event[1]))
            if kind in real:
                seen.add(kind)
                assert frozenset.intersection(*real[kind]) <= ours, (kind, ours)
                assert not {path for path in ours - frozenset.union(*real[kind]) if ".args" not in path}, kind
    assert len(seen) >= 2


@EACH
def test_events_are_framed_as_in_the_recordings(recordings: list[Json], protocol: ProtocolName) -> None:
    one = streams(recordings, protocol)[0]
    steps = steps_of(sandbox(), request_of(one, protocol))
    ending = "\r\n\r\n" if one["response"].endswith("\r\n\r\n") else "\n\n"
    for step in steps:
        if isinstance(step, Chunk):
            assert step.data.endswith(ending.encode())
    kind = dict(steps[0].headers)["content-type"]  # type: ignore[union-attr]
    assert kind == one["content_type"]


@pytest.mark.parametrize(
    ("protocol", "status"),
    [(ProtocolName.OPENAI, 404), (ProtocolName.OPENAI, 400), (ProtocolName.ANTHROPIC, 404), (ProtocolName.GEMINI, 404)],
)
def test_an_error_has_the_fields_of_a_recorded_one(recordings: list[Json], protocol: ProtocolName, status: int) -> None:
    real = [
        one
        for one in recordings
        if one["provider"] == protocol.value and one["path"].endswith(CALLS[protocol]) and one["status"] == status
    ]
    assert real
    served = Sandbox(SandboxConfig(models={"m": with_profile()}), ManualClock())
    for one in real:
        request = one["request"] if status == 404 else one["request"] | {"messages": []}
        reply = steps_of(served, request_of({**one, "request": request}, protocol))[0]
        assert isinstance(reply, Reply)
        assert reply.status == status
        ours, theirs = json.loads(reply.body), one["response"]
        assert fields(paths(ours)) == fields(paths(theirs))
        if status == 404:
            same = ("message", "code", "type", "status")
            assert [ours["error"].get(key) for key in same] == [theirs["error"].get(key) for key in same]
