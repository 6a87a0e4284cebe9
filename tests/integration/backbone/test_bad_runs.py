"""What a worker says to bad calls: each has its own reason and code, for whole answers and for streams."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from google.protobuf.message import Message

from tests.support.backbone import Backbone, asked, generate, opened, payload, stream
from tests.support.line import Line, Told, refusal
from turnout.inference.v1 import chat_pb2, inference_pb2, payload_pb2
from turnout.routing.v1 import routing_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.chat_payload import CHAT_REQUEST
from turnout_wire.digest import request_digest

pytestmark = pytest.mark.asyncio(loop_scope="module")

Asked = inference_pb2.GenerateRequest | inference_pb2.StreamGenerateRequest
Decided = routing_pb2.DecideRouteResponse
GENERATE = "turnout.inference.v1.InferenceService/Generate"


async def generated(line: Line, request: inference_pb2.GenerateRequest, **how: Any) -> Message:
    answer: Message = await line(request, **how)
    return answer


async def streamed(line: Line, request: inference_pb2.GenerateRequest, **how: Any) -> list[Message]:
    same = inference_pb2.StreamGenerateRequest(decision=request.decision, payload=request.payload)
    return [event async for event in line.stream(same, **how)]


SHAPES = pytest.mark.parametrize("run", [generated, streamed])
Run = Callable[..., Any]


def mended(request: inference_pb2.GenerateRequest, **changes: Any) -> inference_pb2.GenerateRequest:
    """`request` with `body`, `content_type`, `value` or `payload` of its parts changed."""
    made = inference_pb2.GenerateRequest()
    made.CopyFrom(request)
    for name, value in changes.items():
        match name:
            case "body" | "content_type":
                setattr(made.payload, name, value)
            case "value" | "key_id":
                setattr(made.decision.signatures[0], name, value)
            case "tree_size":
                made.decision.signatures[0].inclusion.MergeFrom(
                    envelope_pb2.Inclusion(leaf_index=0, tree_size=value, path=[bytes(32)])
                )
            case _:
                setattr(made.decision, name, value)
    return made


BAD: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "empty payload": ({"body": b""}, "INVALID_ARGUMENT", "PAYLOAD_EMPTY", "payload.body"),
    "oversized payload": (
        {"body": bytes(8 * 1024 * 1024 + 1)},
        "INVALID_ARGUMENT",
        "PAYLOAD_TOO_LARGE",
        "payload.body",
    ),
    "no content type": ({"content_type": ""}, "INVALID_ARGUMENT", "INVALID_FIELD", "payload.content_type"),
    "another body": ({"body": payload("Another").body}, "PERMISSION_DENIED", "DIGEST_MISMATCH", ""),
    "one byte more": ({"body": payload().body + b"\x00"}, "PERMISSION_DENIED", "DIGEST_MISMATCH", ""),
    "another content type": ({"content_type": "text/plain"}, "PERMISSION_DENIED", "DIGEST_MISMATCH", ""),
    "another signature": ({"value": bytes(64)}, "PERMISSION_DENIED", "SIGNATURE_INVALID", ""),
    "a short signature": (
        {"value": b"short"},
        "INVALID_ARGUMENT",
        "ENVELOPE_MALFORMED",
        "decision.signatures[0].value",
    ),
    "a path that leads nowhere": ({"tree_size": 2}, "PERMISSION_DENIED", "SIGNATURE_INVALID", ""),
    "a tree too large": (
        {"tree_size": 1025},
        "INVALID_ARGUMENT",
        "ENVELOPE_MALFORMED",
        "decision.signatures[0].inclusion.tree_size",
    ),
    "an unknown key": ({"key_id": "0" * 16}, "PERMISSION_DENIED", "KEY_UNKNOWN", ""),
    "another payload type": ({"payload_type": "application/json"}, "PERMISSION_DENIED", "PAYLOAD_TYPE_UNKNOWN", ""),
    "a decision too large": (
        {"payload": bytes(64 * 1024 + 1)},
        "INVALID_ARGUMENT",
        "ENVELOPE_MALFORMED",
        "",
    ),
    "a decision cut short": ({"payload": b"\x0a"}, "PERMISSION_DENIED", "SIGNATURE_INVALID", ""),
}


@SHAPES
async def test_a_good_call_is_answered(shared_planes: Backbone, run: Run) -> None:
    assert await run(shared_planes.runner, generate(await shared_planes.decide()))


@SHAPES
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_call_gets_its_own_reason_and_the_decision_can_still_be_run(
    shared_planes: Backbone, name: str, run: Run
) -> None:
    changes, code, reason, field = BAD[name]
    good = generate(await shared_planes.decide())
    before = len(shared_planes.providers.seen)
    told = await refusal(run(shared_planes.runner, mended(good, **changes)))
    assert (told.code.name, told.reason, told.field) == (code, reason, field)
    assert len(shared_planes.providers.seen) == before
    assert await run(shared_planes.runner, good)


@SHAPES
async def test_a_call_without_a_deadline_is_refused(shared_planes: Backbone, run: Run) -> None:
    told = await refusal(run(shared_planes.runner, generate(await shared_planes.decide()), timeout=None))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "DEADLINE_REQUIRED")


@SHAPES
@pytest.mark.parametrize("header", [[], [("authorization", "Bearer wrong")], [("authorization", "Basic x")]])
async def test_a_missing_or_unknown_token_is_refused(
    shared_planes: Backbone, run: Run, header: list[tuple[str, str]]
) -> None:
    told = await refusal(run(shared_planes.runner, generate(await shared_planes.decide()), metadata=header))
    assert (told.code, told.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


@SHAPES
async def test_a_workers_own_token_runs_nothing(shared_planes: Backbone, run: Run) -> None:
    """Snapshots carry callers alone, so a worker's token is unknown to workers."""
    told = await refusal(run(shared_planes.callers["worker"][1], generate(await shared_planes.decide())))
    assert told.reason == "UNAUTHENTICATED"


@SHAPES
async def test_a_decision_of_another_caller_is_refused(shared_planes: Backbone, run: Run) -> None:
    told = await refusal(run(shared_planes.callers["operator"][1], generate(await shared_planes.decide())))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PRESENTER_MISMATCH")


@SHAPES
async def test_a_decision_for_another_pool_is_refused(shared_planes: Backbone, run: Run) -> None:
    decided = await shared_planes.decide(asked(pool="batch"))
    told = await refusal(run(shared_planes.runner, generate(decided)))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "AUDIENCE_MISMATCH")


@SHAPES
async def test_a_decision_is_run_as_often_as_it_may_be(shared_planes: Backbone, run: Run) -> None:
    decided = await shared_planes.decide(asked(max_runs=2))
    await run(shared_planes.runner, generate(decided))
    await run(shared_planes.runner, generate(decided))
    told = await refusal(run(shared_planes.runner, generate(decided)))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "DECISION_REPLAYED")


async def described(planes: Backbone, body: bytes, content_type: str) -> inference_pb2.GenerateRequest:
    """A call with a decision on a body that the control plane never saw."""
    rules = await planes.router(routing_pb2.GetRuleSetRequest())
    description = routing_pb2.Description(
        request_digest=request_digest(content_type, body),
        features=routing_pb2.Features(input_tokens=5, rule_set_digest=rules.digest),
    )
    decided = await planes.decide(routing_pb2.DecideRouteRequest(description=description))
    sent = payload_pb2.Payload(content_type=content_type, body=body)
    return inference_pb2.GenerateRequest(decision=decided.decision, payload=sent)


async def refused_as_often_as_it_is_sent(planes: Backbone, run: Run, request: Asked) -> Told:
    """What the caller is told, twice the same: a run that never began does not count as one."""
    first, second = [await refusal(run(planes.runner, request)) for _ in range(2)]
    assert first.reason == second.reason
    return first


@SHAPES
async def test_a_decision_on_an_unknown_content_type_is_refused_by_name(shared_planes: Backbone, run: Run) -> None:
    request = await described(shared_planes, b"Hello", "text/plain")
    told = await refused_as_often_as_it_is_sent(shared_planes, run, request)
    assert (told.code.name, told.reason, told.field) == (
        "INVALID_ARGUMENT",
        "CONTENT_TYPE_UNKNOWN",
        "payload.content_type",
    )
    assert CHAT_REQUEST in told.message


@SHAPES
async def test_a_decision_on_a_body_that_is_no_chat_request_is_refused(shared_planes: Backbone, run: Run) -> None:
    request = await described(shared_planes, b"Hello", CHAT_REQUEST)
    told = await refused_as_often_as_it_is_sent(shared_planes, run, request)
    assert (told.code.name, told.reason, told.field) == ("INVALID_ARGUMENT", "PAYLOAD_MALFORMED", "payload.body")


@SHAPES
async def test_a_chat_request_that_breaks_a_rule_is_refused_with_the_field(shared_planes: Backbone, run: Run) -> None:
    parts = [chat_pb2.Part(text="Hello")]
    chat = chat_pb2.ChatRequest(messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=parts), chat_pb2.Message()])
    request = await described(shared_planes, chat.SerializeToString(), CHAT_REQUEST)
    told = await refused_as_often_as_it_is_sent(shared_planes, run, request)
    assert (told.code.name, told.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert told.field.startswith("messages[1].")


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\xff", b"\x12\x05abc", bytes(100)])
async def test_bytes_that_are_no_request_get_a_reason(shared_planes: Backbone, data: bytes) -> None:
    told = await refusal(shared_planes.runner.raw(GENERATE, data))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert "turnout.inference.v1.GenerateRequest" in told.message


async def test_a_call_without_a_decision_is_told_which_field_is_missing(shared_planes: Backbone) -> None:
    told = await refusal(shared_planes.runner(inference_pb2.GenerateRequest(payload=payload())))
    assert (told.reason, told.field) == ("INVALID_FIELD", "decision")


async def test_two_signatures_are_one_too_many(shared_planes: Backbone) -> None:
    request = generate(await shared_planes.decide())
    request.decision.signatures.append(envelope_pb2.Signature(key_id="k", value=bytes(64)))
    told = await refusal(shared_planes.runner(request))
    assert told.reason in ("ENVELOPE_MALFORMED", "INVALID_FIELD")
    assert told.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_answer_says_in_metadata_what_was_done_for_it(shared_planes: Backbone) -> None:
    decided = await shared_planes.decide()
    call = shared_planes.runner(generate(decided))
    response = await call
    first, last = dict(await call.initial_metadata()), dict(await call.trailing_metadata())
    assert first["x-turnout-decision-id"] == opened(decided.decision).decision_id
    assert (last["x-turnout-model"], last["x-turnout-attempts"], last["x-turnout-reason"]) == ("small", "1", "cheapest")
    assert int(last["x-turnout-cost-nanousd"]) == response.receipt.cost_nanousd > 0


async def test_a_stream_is_only_what_its_protocol_says(shared_planes: Backbone) -> None:
    events = [event async for event in shared_planes.runner.stream(stream(await shared_planes.decide()))]
    assert [event.WhichOneof("event") for event in events] == ["delta", "usage", "finish"]
    assert not events[-1].finish.receipt.HasField("decision")


def endless() -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.fields["limit"].number_value = float("inf")
    return made


ENDLESS: dict[str, dict[str, Any]] = {
    "tools[].parameters": {"tools": [chat_pb2.Tool(name="search", parameters=endless())]},
    "provider_options[].options": {"provider_options": [chat_pb2.ProviderOptions(provider="first", options=endless())]},
    "response_format.json_schema.schema": {
        "response_format": chat_pb2.ResponseFormat(
            json_schema=chat_pb2.JsonSchemaFormat(name="answer", schema=endless())
        )
    },
}


@SHAPES
@pytest.mark.parametrize("where", ENDLESS)
async def test_a_number_that_json_does_not_have_is_told_by_its_place(
    shared_planes: Backbone, where: str, run: Run
) -> None:
    body = payload("Hello", **ENDLESS[where]).body
    request = await described(shared_planes, body, CHAT_REQUEST)
    told = await refused_as_often_as_it_is_sent(shared_planes, run, request)
    assert (told.code.name, told.reason, told.field) == ("INVALID_ARGUMENT", "PAYLOAD_MALFORMED", "payload.body")
    assert where in told.message


async def test_the_control_plane_says_the_same_of_tools_that_it_reads(shared_planes: Backbone) -> None:
    request = routing_pb2.DecideRouteRequest(payload=payload("Hello", **ENDLESS["tools[].parameters"]))
    told = await refusal(shared_planes.router(request))
    assert (told.reason, told.field) == ("PAYLOAD_MALFORMED", "payload.body")
