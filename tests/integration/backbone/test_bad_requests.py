"""What the control plane says to bad requests: each has its own reason, code and field, and a way out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from tests.support.backbone import Backbone, asked, payload, planned
from tests.support.line import refusal
from turnout.inference.v1 import chat_pb2, payload_pb2
from turnout.routing.v1 import routing_pb2
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import keys_pb2
from turnout_wire.chat_payload import CHAT_REQUEST

pytestmark = pytest.mark.asyncio(loop_scope="module")

Request = routing_pb2.DecideRouteRequest
DECIDE = "turnout.routing.v1.RoutingService/DecideRoute"
TOO_LARGE = bytes(8 * 1024 * 1024 + 1)


def carrying(body: bytes, content_type: str = CHAT_REQUEST) -> Request:
    return Request(payload=payload_pb2.Payload(content_type=content_type, body=body))


def limited(**constraints: Any) -> Request:
    return asked(constraints=routing_pb2.Constraints(**constraints))


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A bad request, and what its sender is told; `says` stands in the message."""

    request: Request
    code: str
    reason: str
    field: str
    says: str


BAD = {
    "no payload": Bad(
        request=Request(), code="INVALID_ARGUMENT", reason="INVALID_FIELD", field="content", says="content"
    ),
    "empty payload": Bad(
        request=carrying(b""), code="INVALID_ARGUMENT", reason="PAYLOAD_EMPTY", field="payload.body", says="is empty"
    ),
    "oversized payload": Bad(
        request=carrying(TOO_LARGE),
        code="INVALID_ARGUMENT",
        reason="PAYLOAD_TOO_LARGE",
        field="payload.body",
        says="8 MiB",
    ),
    "a chat that every worker would refuse": Bad(
        request=Request(payload=payload(tools=[chat_pb2.Tool(name="two words")])),
        code="INVALID_ARGUMENT",
        reason="INVALID_FIELD",
        field="tools[0].name",
        says="name",
    ),
    "unknown content type": Bad(
        request=carrying(b"{}", "application/json"),
        code="INVALID_ARGUMENT",
        reason="CONTENT_TYPE_UNKNOWN",
        field="payload.content_type",
        says=CHAT_REQUEST,
    ),
    "payload of another kind than it says": Bad(
        request=carrying(b"{}"),
        code="INVALID_ARGUMENT",
        reason="PAYLOAD_MALFORMED",
        field="payload.body",
        says="ChatRequest",
    ),
    "unknown policy": Bad(
        request=asked(policy="cheep"), code="NOT_FOUND", reason="POLICY_UNKNOWN", field="policy", says="cheap"
    ),
    "unknown workload": Bad(
        request=asked(hints=routing_pb2.Hints(workload="code")),
        code="NOT_FOUND",
        reason="WORKLOAD_UNKNOWN",
        field="hints.workload",
        says="code-review",
    ),
    "a model asked for and excluded": Bad(
        request=limited(models=["small"], excluded_models=["small"]),
        code="INVALID_ARGUMENT",
        reason="CONSTRAINTS_CONTRADICT",
        field="constraints.excluded_models",
        says="take it out of one of them",
    ),
    "a provider asked for and excluded": Bad(
        request=limited(providers=["first"], excluded_providers=["first"]),
        code="INVALID_ARGUMENT",
        reason="CONSTRAINTS_CONTRADICT",
        field="constraints.excluded_providers",
        says="take it out of one of them",
    ),
    "a model at another provider than asked for": Bad(
        request=limited(models=["small"], providers=["second"]),
        code="INVALID_ARGUMENT",
        reason="CONSTRAINTS_CONTRADICT",
        field="constraints.providers",
        says="change one of the two",
    ),
    "a region that nobody is in": Bad(
        request=limited(regions=["mars"]),
        code="INVALID_ARGUMENT",
        reason="CONSTRAINTS_CONTRADICT",
        field="constraints.regions",
        says="mars",
    ),
    "a quality above 1": Bad(
        request=limited(min_quality=1.5),
        code="INVALID_ARGUMENT",
        reason="INVALID_FIELD",
        field="constraints.min_quality",
        says="less than or equal to 1",
    ),
    "a latency of nothing": Bad(
        request=limited(max_latency=Duration()),
        code="INVALID_ARGUMENT",
        reason="INVALID_FIELD",
        field="constraints.max_latency",
        says="more than nothing",
    ),
    "a latency beyond all times": Bad(
        request=limited(max_latency=Duration(seconds=10**15)),
        code="INVALID_ARGUMENT",
        reason="INVALID_FIELD",
        field="constraints.max_latency",
        says="years",
    ),
    "a label without a name": Bad(
        request=asked(hints=routing_pb2.Hints(labels={"": "x"})),
        code="INVALID_ARGUMENT",
        reason="INVALID_FIELD",
        field="hints.labels[]",
        says="at least 1",
    ),
    "a task type that there is not": Bad(
        request=asked(hints=routing_pb2.Hints(task_type=99)),  # type: ignore[arg-type]  # what a newer stub may send
        code="INVALID_ARGUMENT",
        reason="INVALID_FIELD",
        field="hints.task_type",
        says="defined",
    ),
    "more runs than a decision may have": Bad(
        request=asked(max_runs=11), code="INVALID_ARGUMENT", reason="INVALID_FIELD", field="max_runs", says="10"
    ),
    "a digest that is none": Bad(
        request=Request(
            description=routing_pb2.Description(request_digest=b"short", features=routing_pb2.Features(turns=1))
        ),
        code="INVALID_ARGUMENT",
        reason="INVALID_FIELD",
        field="description.request_digest",
        says="32",
    ),
    "features of another rule set": Bad(
        request=Request(
            description=routing_pb2.Description(
                request_digest=bytes(32), features=routing_pb2.Features(rule_set_digest=bytes(32))
            )
        ),
        code="FAILED_PRECONDITION",
        reason="RULE_SET_OUTDATED",
        field="description.features.rule_set_digest",
        says="GetRuleSet",
    ),
    "a cost that nothing keeps to": Bad(
        request=limited(max_cost_nanousd=1),
        code="FAILED_PRECONDITION",
        reason="NO_ELIGIBLE_TARGET",
        field="",
        says="2 × cost",
    ),
}


async def test_a_good_request_is_decided(shared_planes: Backbone) -> None:
    assert planned(await shared_planes.decide()) == ["first/small", "second/large"]


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_request_gets_its_own_reason(shared_planes: Backbone, name: str) -> None:
    bad = BAD[name]
    told = await refusal(shared_planes.router(bad.request))
    assert (told.code.name, told.reason, told.field) == (bad.code, bad.reason, bad.field)
    assert bad.says in told.message


@pytest.mark.parametrize("name", [name for name in BAD if name != "a cost that nothing keeps to"])
async def test_explaining_a_bad_request_gives_the_same_reason(shared_planes: Backbone, name: str) -> None:
    bad = BAD[name]
    told = await refusal(shared_planes.router(routing_pb2.ExplainRouteRequest(request=bad.request)))
    assert (told.code.name, told.reason) == (bad.code, bad.reason)
    assert told.field in (bad.field, f"request.{bad.field}")


async def test_a_body_just_under_the_limit_is_read(shared_planes: Backbone) -> None:
    text = "word " * ((8 * 1024 * 1024 - 64) // 5)
    assert 8 * 1024 * 1024 - 100 < len(payload(text).body) <= 8 * 1024 * 1024
    told = await refusal(shared_planes.router(asked(text)))
    assert told.reason == "NO_ELIGIBLE_TARGET"
    assert "context_window" in told.message


async def test_a_call_without_a_deadline_is_refused(shared_planes: Backbone) -> None:
    told = await refusal(shared_planes.router(asked(), timeout=None))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "DEADLINE_REQUIRED")
    assert "timeout=" in told.message


@pytest.mark.parametrize(
    "header",
    [
        [],
        [("authorization", "")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer ")],
        [("authorization", "Bearer wrong")],
        [("authorization", "Basic dXNlcjpwYXNz")],
    ],
)
async def test_a_missing_or_unknown_token_is_refused(shared_planes: Backbone, header: list[tuple[str, str]]) -> None:
    told = await refusal(shared_planes.router(asked(), metadata=header))
    assert (told.code, told.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert "authorization: Bearer" in told.message


async def test_the_scheme_of_a_token_may_be_written_in_any_case(shared_planes: Backbone) -> None:
    token = shared_planes.control.token("local")
    assert await shared_planes.router(asked(), metadata=[("authorization", f"bEARER {token}")])


@pytest.mark.parametrize(
    ("caller", "request_of", "role"),
    [
        ("worker", lambda: routing_pb2.ExplainRouteRequest(request=asked()), "caller"),
        ("local", snapshot_pb2.GetSnapshotRequest, "worker"),
        ("local", keys_pb2.PrepareKeyRequest, "operator"),
        ("operator", snapshot_pb2.GetSnapshotRequest, "worker"),
    ],
)
async def test_a_token_without_the_role_is_refused_and_the_role_is_named(
    shared_planes: Backbone, caller: str, request_of: Callable[[], Message], role: str
) -> None:
    told = await refusal(shared_planes.callers[caller][0](request_of()))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ACCESS_DENIED")
    assert f"needs the role {role}" in told.message


async def test_strangers_learn_nothing_of_rules_and_names(shared_planes: Backbone) -> None:
    for bad in BAD.values():
        told = await refusal(shared_planes.router(bad.request, metadata=[]))
        assert told.reason == "UNAUTHENTICATED"


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\xff", b"\x12\x05abc", bytes(100)])
async def test_bytes_that_are_no_request_get_a_reason_and_not_the_parsers_words(
    shared_planes: Backbone, data: bytes
) -> None:
    told = await refusal(shared_planes.router.raw(DECIDE, data))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert "turnout.routing.v1.DecideRouteRequest" in told.message
    assert "DecodeError" not in told.message


async def test_every_refusal_names_the_request_that_the_log_knows(shared_planes: Backbone) -> None:
    metadata = [*shared_planes.router.metadata, ("x-turnout-request-id", "from-the-caller")]
    told = await refusal(shared_planes.router(BAD["unknown policy"].request, metadata=metadata))
    assert told.metadata["request_id"] == "from-the-caller"
    assert (await refusal(shared_planes.router(BAD["unknown policy"].request))).metadata["request_id"]


async def test_where_nothing_is_eligible_every_candidate_comes_with_its_reason(shared_planes: Backbone) -> None:
    told = await refusal(shared_planes.router(limited(max_cost_nanousd=1)))
    table = told.detail(routing_pb2.CandidateTable)
    assert {row.deployment for row in table.candidates} == {"first/small", "second/large"}
    assert {row.exclusion for row in table.candidates} == {routing_pb2.EXCLUSION_COST}
    assert all(row.detail for row in table.candidates)
    assert told.metadata["policy"] == "cheap"
