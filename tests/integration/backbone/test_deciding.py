"""Deciding many at once, deciding again, explaining, and the rules that clients read."""

import asyncio

import pytest

from tests.support.backbone import Backbone, asked, generate, opened, payload, planned
from tests.support.line import Told, refusal, told_by
from turnout.inference.v1 import payload_pb2
from turnout.routing.v1 import routing_pb2
from turnout_wire.ed25519 import verify
from turnout_wire.pae import pae

pytestmark = pytest.mark.asyncio(loop_scope="module")

Request = routing_pb2.DecideRouteRequest


async def many(planes: Backbone, *requests: Request) -> routing_pb2.DecideRoutesResponse:
    response: routing_pb2.DecideRoutesResponse = await planes.router(routing_pb2.DecideRoutesRequest(requests=requests))
    return response


def refused(result: routing_pb2.RouteResult) -> Told:
    """What the error of a result tells, held to what a refused call would tell."""
    return told_by(result.error)


def reason(result: routing_pb2.RouteResult) -> str:
    return refused(result).reason if result.WhichOneof("kind") == "error" else ""


async def test_one_bad_request_does_not_spoil_the_others(shared_planes: Backbone) -> None:
    good, unknown = asked("one"), asked(policy="nope")
    empty = Request(payload=payload_pb2.Payload(content_type="x"))
    contradictory = asked(constraints=routing_pb2.Constraints(models=["small"], excluded_models=["small"]))
    response = await many(shared_planes, good, empty, asked("two"), unknown, Request(), contradictory, asked("three"))
    assert [reason(result) for result in response.results] == [
        "",
        "PAYLOAD_EMPTY",
        "",
        "POLICY_UNKNOWN",
        "INVALID_FIELD",
        "CONSTRAINTS_CONTRADICT",
        "",
    ]
    assert refused(response.results[1]).field == "payload.body"


@pytest.mark.parametrize(
    "bad",
    [
        asked(policy="nope"),
        asked(max_runs=11),
        Request(payload=payload_pb2.Payload(content_type="x", body=b"x")),
        asked(constraints=routing_pb2.Constraints(max_cost_nanousd=1)),
    ],
    ids=["policy", "runs", "type", "cost"],
)
async def test_an_error_in_a_batch_is_what_the_call_alone_would_tell(shared_planes: Backbone, bad: Request) -> None:
    alone = await refusal(shared_planes.router(bad))
    (result,) = (await many(shared_planes, bad)).results
    within = refused(result)
    assert (within.code, within.reason, within.field, within.message) == (
        alone.code,
        alone.reason,
        alone.field,
        alone.message,
    )


async def test_a_batch_is_decided_in_order_on_one_snapshot(shared_planes: Backbone) -> None:
    response = await many(shared_planes, *(asked(f"question {number}") for number in range(256)))
    decisions = [opened(result.decision.decision) for result in response.results]
    assert len({decision.decision_id for decision in decisions}) == 256
    assert {decision.snapshot_version for decision in decisions} == {response.snapshot_version} == {1}
    alone = [opened((await shared_planes.decide(asked(f"question {at}"))).decision).request_digest for at in (0, 255)]
    assert [decisions[0].request_digest, decisions[255].request_digest] == alone


@pytest.mark.parametrize("count", [0, 257])
async def test_a_batch_has_one_to_256_requests(shared_planes: Backbone, count: int) -> None:
    told = await refusal(many(shared_planes, *[asked()] * count))
    assert (told.reason, told.field) == ("INVALID_FIELD", "requests")


async def test_each_decision_of_a_batch_can_be_run(shared_planes: Backbone) -> None:
    response = await many(shared_planes, asked("one"), asked("two"))
    for result, text in zip(response.results, ("one", "two"), strict=True):
        assert (await shared_planes.runner(generate(result.decision, text))).response.parts[0].text == "Blue."


async def test_the_same_request_id_gives_the_same_decision(shared_planes: Backbone) -> None:
    first = await shared_planes.decide(asked(request_id="r-1"))
    assert await shared_planes.decide(asked(request_id="r-1")) == first
    batch = await many(shared_planes, asked(request_id="r-1"), asked(request_id="r-1"))
    assert [result.decision for result in batch.results] == [first, first]


async def test_without_a_request_id_each_decision_is_its_own(shared_planes: Backbone) -> None:
    assert await shared_planes.decide(asked()) != await shared_planes.decide(asked())


async def test_the_same_request_id_gives_the_same_decision_to_all_who_ask_at_once(shared_planes: Backbone) -> None:
    decided = await asyncio.gather(*(shared_planes.decide(asked(request_id="r-2")) for _ in range(20)))
    assert len({response.decision.SerializeToString() for response in decided}) == 1


async def test_a_request_id_comes_with_one_request_only(shared_planes: Backbone) -> None:
    first = await shared_planes.decide(asked("one", request_id="r-3"))
    told = await refusal(shared_planes.router(asked("two", request_id="r-3")))
    assert (told.code.name, told.reason, told.field) == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED", "request_id")
    assert await shared_planes.decide(asked("one", request_id="r-3")) == first


async def test_a_request_id_is_each_callers_own(shared_planes: Backbone) -> None:
    first = await shared_planes.decide(asked(request_id="r-4"))
    other = await shared_planes.callers["operator"][0](asked("another", request_id="r-4"))
    assert opened(first.decision).decision_id != opened(other.decision).decision_id
    assert opened(other.decision).presenter == "operator"


async def test_a_request_that_was_refused_may_be_mended_under_its_id(shared_planes: Backbone) -> None:
    await refusal(shared_planes.router(asked(policy="nope", request_id="r-5")))
    assert planned(await shared_planes.decide(asked(policy="cheap", request_id="r-5")))


async def test_what_is_explained_is_what_is_decided(shared_planes: Backbone) -> None:
    told = await shared_planes.router(routing_pb2.ExplainRouteRequest(request=asked()))
    decided = opened((await shared_planes.decide()).decision)
    assert [target.deployment for target in told.decision.targets] == planned(await shared_planes.decide())
    assert told.decision.targets == decided.targets
    assert told.decision.reason == decided.reason
    assert not told.decision.decision_id, "an explanation is no decision, and nobody can run it"


async def test_where_nothing_is_eligible_an_explanation_still_answers(shared_planes: Backbone) -> None:
    request = asked(constraints=routing_pb2.Constraints(max_cost_nanousd=1))
    told = await shared_planes.router(routing_pb2.ExplainRouteRequest(request=request))
    assert not told.HasField("decision")
    assert {row.exclusion for row in told.candidates} == {routing_pb2.EXCLUSION_COST}


async def test_classifying_gives_class_and_signals_and_decides_nothing(shared_planes: Backbone) -> None:
    before = shared_planes.control.meter.total("turnout.decisions")
    told = await shared_planes.router(routing_pb2.ClassifyRequest(payload=payload("What is the capital of France?")))
    assert told.classification.classifier == "learned"
    assert [rung.classifier for rung in told.classification.rungs] == ["rules", "learned"]
    assert told.classification.signals
    assert 0 < told.classification.confidence <= 1
    assert told.features.questions == 1
    assert shared_planes.control.meter.total("turnout.decisions") == before


async def test_a_decision_is_signed_by_a_published_key_and_names_its_snapshot(shared_planes: Backbone) -> None:
    decided, snapshot = await shared_planes.decide(), await shared_planes.snapshot()
    (signature,) = decided.decision.signatures
    (key,) = [key for key in snapshot.key_set.keys if key.key_id == signature.key_id]
    signed = pae(decided.decision.payload_type, decided.decision.payload)
    assert verify(key.public_key, signed, signature.value)
    assert not verify(key.public_key, signed + b"\x00", signature.value)
    decision = opened(decided.decision)
    assert (decision.snapshot_version, decision.snapshot_digest) == (snapshot.version, snapshot.digest)
    assert decided.snapshot_version == snapshot.version
