"""Deciding while the catalog changes."""

from tests.support.backbone import Backbone, asked, deployment, document, planned, replaced
from tests.support.line import refusal
from turnout.routing.v1 import routing_pb2


async def test_a_request_id_holds_over_a_new_snapshot(planes: Backbone) -> None:
    """Or a retry would run a request twice, by two decisions."""
    first = await planes.decide(asked(request_id="r-1"))
    address = planes.providers.address
    replaced(planes.catalog, document(address, deployments=[deployment("large", "second", address)]))
    planes.control.state.catalog.reload()
    assert await planes.decide(asked(request_id="r-1")) == first
    assert planned(await planes.decide(asked(request_id="r-2"))) == ["second/large"]


async def test_an_explanation_has_every_candidate_and_why_not(planes: Backbone) -> None:
    address = planes.providers.address
    three = [
        deployment("small", "first", address),
        deployment("large", "second", address),
        deployment("large", "third", address, disabled=True),
    ]
    replaced(planes.catalog, document(address, deployments=three))
    planes.control.state.catalog.reload()
    request = asked(constraints=routing_pb2.Constraints(excluded_providers=["second"]))
    told = await planes.router(routing_pb2.ExplainRouteRequest(request=request))
    rows = {row.deployment: row for row in told.candidates}
    assert {name: (row.exclusion, row.rank) for name, row in rows.items()} == {
        "first/small": (routing_pb2.EXCLUSION_UNSPECIFIED, 1),
        "second/large": (routing_pb2.EXCLUSION_PROVIDER_NOT_ASKED, 0),
        "third/large": (routing_pb2.EXCLUSION_DISABLED, 0),
    }
    assert rows["second/large"].detail
    assert rows["third/large"].detail
    assert rows["first/small"].estimate.cost_nanousd > 0
    assert told.snapshot_version == 2
    assert told.features.input_tokens > 0
    assert told.steps


async def test_a_table_of_many_candidates_does_not_keep_the_reason_from_the_caller(planes: Backbone) -> None:
    """gRPC takes 8 KiB of metadata: the whole table would have come as RESOURCE_EXHAUSTED by the transport."""
    address = planes.providers.address
    several = [deployment("small", "first", address, name=f"first/small-{number}") for number in range(400)]
    replaced(planes.catalog, document(address, deployments=several))
    planes.control.state.catalog.reload()
    request = asked(constraints=routing_pb2.Constraints(max_cost_nanousd=1))
    told = await refusal(planes.router(request))
    assert told.reason == "NO_ELIGIBLE_TARGET"
    assert "400 × cost" in told.message
    assert 10 < len(told.detail(routing_pb2.CandidateTable).candidates) < 400
    explained = await planes.router(routing_pb2.ExplainRouteRequest(request=request))
    assert len(explained.candidates) == 400


async def test_the_rule_set_is_that_of_the_policy_the_request_will_meet(planes: Backbone) -> None:
    address = planes.providers.address
    sky = {"signal": "own.sky", "regex": "(?i)sky", "votes": {"task_type": {"creative": 9}}}
    changed = document(address, rule_sets=[{"name": "own", "patterns": [sky]}])
    changed["policies"][1]["rule_set"] = "own"
    replaced(planes.catalog, changed)
    assert not planes.control.state.catalog.reload().problems
    usual = await planes.router(routing_pb2.GetRuleSetRequest())
    by_workload = await planes.router(routing_pb2.GetRuleSetRequest(hints=routing_pb2.Hints(feature="cr")))
    by_policy = await planes.router(routing_pb2.GetRuleSetRequest(policy="best"))
    assert by_workload == by_policy
    assert [(pattern.signal, pattern.regex) for pattern in by_policy.patterns] == [("own.sky", "(?i)sky")]
    assert len(usual.patterns) > 10
    assert usual.digest != by_policy.digest
