"""What is asked for by name, over the wire; and gateways that ask on behalf of callers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from controlplane.rpc.replay import Replay
from tests.support.asking import add_callers
from tests.support.backbone import Backbone, asked, backbone, document, model, opened
from tests.support.line import Told, refusal, told_by
from turnout.audit.v1 import record_pb2
from turnout.outcome.v1 import outcome_pb2, receipt_pb2
from turnout.routing.v1 import decision_pb2, routing_pb2

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALIASES = [
    {"name": "gpt-4", "target": "large"},
    {"name": "small", "target": "large"},
    {"name": "fast", "target": "auto"},
    {"name": "reviewer", "target": "auto:code-review"},
]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def planes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backbone]:
    folder = tmp_path_factory.mktemp("naming")
    add_callers(folder / "state", ("acme", "app"), ("acme", "twice"), ("globex", "twice"))
    maker = [*document("http://127.0.0.1:9")["models"], model("tiny", 1, 0.5)]
    async with backbone(folder, sections={"aliases": ALIASES, "models": maker}) as running:
        yield running


async def decided(planes: Backbone, **more: Any) -> decision_pb2.RouteDecision:
    """The decision on the usual prompt, made again from its record with the same bytes."""
    response = await planes.decide(asked(**more))
    decision = opened(response.decision)
    await replayed(planes, decision.decision_id)
    return decision


async def replayed(planes: Backbone, decision_id: str) -> record_pb2.DecisionRecord:
    """The record of a decision; it must give the same decision again."""
    store = planes.control.store
    entry = await store.entries.get("decision", decision_id)
    assert entry is not None
    assert entry.body is not None
    record = record_pb2.DecisionRecord.FromString(entry.body)
    again = await Replay(store.entries.documents).decision(record)
    assert again.difference == ""
    return record


@pytest.mark.parametrize("name", ["", "auto", "fast"])
async def test_auto_takes_what_fits_best(planes: Backbone, name: str) -> None:
    decision = await decided(planes, model=name)
    assert decision.reason.code == decision_pb2.REASON_CODE_CHEAPEST
    assert (decision.targets[0].model, decision.workload) == ("small", "default")


@pytest.mark.parametrize("name", ["auto:code-review", "reviewer"])
async def test_auto_with_a_workload_is_a_request_of_that_workload(planes: Backbone, name: str) -> None:
    decision = await decided(planes, model=name)
    assert (decision.workload, decision.policy.name) == ("code-review", "best")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("large", "the request asks for large by name"),
        ("gpt-4", "the request asks for gpt-4, an alias of large"),
        ("small", "the request asks for small, an alias of large"),
    ],
)
async def test_a_model_that_is_named_is_pinned_and_an_alias_wins_over_a_model(
    planes: Backbone, name: str, says: str
) -> None:
    decision = await decided(planes, model=name)
    assert decision.reason.code == decision_pb2.REASON_CODE_PINNED
    assert [target.model for target in decision.targets] == ["large"]
    assert decision.reason.text.startswith(says)


async def test_a_name_that_nothing_has_is_refused_with_those_that_are_close(planes: Backbone) -> None:
    told = await refusal(planes.router(asked(model="Large-2")))
    assert (told.reason, told.field) == ("MODEL_UNKNOWN", "model")
    assert "did you mean large?" in told.message
    far = await refusal(planes.router(asked(model="xyz")))
    assert "the catalog has fast, gpt-4, large, reviewer, small" in far.message


async def test_a_workload_that_nothing_has_is_refused_with_those_that_there_are(planes: Backbone) -> None:
    told = await refusal(planes.router(asked(model="auto:nope")))
    assert (told.reason, told.field) == ("WORKLOAD_UNKNOWN", "model")
    assert "code-review, default" in told.message


async def test_workers_know_aliases_and_workloads(planes: Backbone) -> None:
    snapshot = await planes.snapshot()
    assert {alias.name: alias.target for alias in snapshot.aliases} == {
        each["name"]: each["target"] for each in ALIASES
    }
    assert list(snapshot.workloads) == ["code-review", "default"]


async def test_what_workers_tell_of_rate_limits_and_calls_is_in_decisions_and_their_records(planes: Backbone) -> None:
    """Also where a conversation was answered last; each decision is made again from its record."""
    room = receipt_pb2.Headroom(requests_limit=60, requests_remaining=0)
    room.as_of.GetCurrentTime()
    told = [receipt_pb2.TargetHealth(deployment="first/small", headroom=room, in_flight=7)]
    reporting = planes.control.line("worker")
    await reporting(outcome_pb2.ReportReceiptsRequest(worker="another", health=told))
    limited = await decided(planes)
    assert [target.deployment for target in limited.targets] == ["second/large"]
    told[0].headroom.requests_remaining = 9
    told[0].headroom.as_of.GetCurrentTime()
    await reporting(outcome_pb2.ReportReceiptsRequest(worker="another", health=told))
    last = routing_pb2.Affinity(deployment="second/large", cached_tokens=3)
    free = await decided(planes, affinity=last)
    assert free.targets[0].deployment == "first/small"
    assert (await replayed(planes, free.decision_id)).asked.affinity == last


async def test_texts_for_vectors_are_described_and_not_shown(planes: Backbone) -> None:
    refused = await refusal(planes.router(asked(operation=routing_pb2.OPERATION_EMBED)))
    assert (refused.reason, refused.field) == ("INVALID_FIELD", "payload")


async def test_a_worker_asks_on_behalf_of_a_caller(planes: Backbone) -> None:
    gateway = planes.callers["worker"][0]
    request = asked(on_behalf_of="acme/app", traceparent=TRACE, hints=routing_pb2.Hints(session="s-1", user="u-1"))
    decision = opened((await gateway(request)).decision)
    assert (decision.tenant, decision.presenter, decision.traceparent) == ("acme", "app", TRACE)
    record = await replayed(planes, decision.decision_id)
    assert (record.asked.hints.session, record.asked.hints.user) == ("s-1", "u-1")
    assert opened((await gateway(asked(on_behalf_of="app"))).decision).tenant == "acme"


async def test_each_request_of_a_batch_is_for_its_own_caller(planes: Backbone) -> None:
    gateway = planes.callers["worker"][0]
    names = ["acme/twice", "globex/twice", "twice", "nobody", "default/worker", ""]
    requests = [asked(on_behalf_of=name, traceparent=TRACE) for name in names]
    response = await gateway(routing_pb2.DecideRoutesRequest(requests=requests))
    first, second, *others = response.results
    assert [opened(one.decision.decision).tenant for one in (first, second)] == ["acme", "globex"]
    told: list[Told] = [told_by(one.error) for one in others]
    assert [(one.reason, one.field) for one in told] == [
        ("INVALID_FIELD", "on_behalf_of"),
        ("ACCESS_DENIED", "on_behalf_of"),
        ("ACCESS_DENIED", "on_behalf_of"),
        ("INVALID_FIELD", "on_behalf_of"),
    ]
    assert "several tenants" in told[0].message


async def test_only_workers_ask_on_behalf_of_others(planes: Backbone) -> None:
    for name in ("local", "operator"):
        told = await refusal(planes.callers[name][0](asked(on_behalf_of="acme/app")))
        assert (told.reason, told.field) == ("ACCESS_DENIED", "on_behalf_of")


async def test_a_worker_reads_rule_sets_and_explains_nothing(planes: Backbone) -> None:
    gateway = planes.callers["worker"][0]
    response = await gateway(routing_pb2.GetRuleSetRequest(model="auto:code-review"))
    assert response.patterns
    told = await refusal(gateway(routing_pb2.ExplainRouteRequest(request=asked(on_behalf_of="acme/app"))))
    assert told.reason == "ACCESS_DENIED"
