"""Many decisions in one call."""

from typing import Any

import pytest

from tests.support.planes import Planes, decided, excluded
from turnout.inference.v1 import chat_pb2
from turnout.routing.v1 import routing_pb2
from turnout_client import Client, Decision, DecisionRefused, NoEligibleTarget, ServerFault, Unavailable
from turnout_wire.failure import Failure
from turnout_wire.status import to_status


async def test_each_request_has_its_decision_in_order(both: Planes, turnout: Client) -> None:
    results = await turnout.decide_many(["one", "two", "three"], feature="batch", request_id="job")
    asked = both.control.script.of("DecideRoutes")[0].request.requests
    assert [request.request_id for request in asked] == ["job.0", "job.1", "job.2"]
    assert {request.hints.feature for request in asked} == {"batch"}
    bodies = [chat_pb2.ChatRequest.FromString(request.payload.body).messages[0].parts[0].text for request in asked]
    assert bodies == ["one", "two", "three"]
    assert [result.request_id for result in results if isinstance(result, Decision)] == ["job.0", "job.1", "job.2"]


async def test_a_failure_is_that_requests_own(both: Planes, turnout: Client) -> None:
    table = routing_pb2.CandidateTable(candidates=[excluded("openai/gpt-4o", routing_pb2.EXCLUSION_COST, "")])
    nothing = to_status(Failure("NO_ELIGIBLE_TARGET", "none may serve", details=(table,)))

    def second_fails(asked: routing_pb2.DecideRoutesRequest, _: object) -> Any:
        results = [routing_pb2.RouteResult(decision=decided(one)) for one in asked.requests]
        results[1] = routing_pb2.RouteResult(error=nothing)
        return routing_pb2.DecideRoutesResponse(results=results)

    both.control.script.then("DecideRoutes", second_fails)
    first, second, third = await turnout.decide_many(["one", "two", "three"])
    assert isinstance(first, Decision)
    assert isinstance(third, Decision)
    assert isinstance(second, NoEligibleTarget)
    assert second.candidates[0].deployment == "openai/gpt-4o"
    assert (await turnout.generate(first)).text == "Blue."


async def test_a_decision_on_another_request_is_refused_alone(both: Planes, turnout: Client) -> None:
    def swapped(asked: routing_pb2.DecideRoutesRequest, _: object) -> Any:
        results = [routing_pb2.RouteResult(decision=decided(one, digest=bytes(32))) for one in asked.requests[:1]]
        results += [routing_pb2.RouteResult(decision=decided(one)) for one in asked.requests[1:]]
        return routing_pb2.DecideRoutesResponse(results=results)

    both.control.script.then("DecideRoutes", swapped)
    first, second = await turnout.decide_many(["one", "two"])
    assert isinstance(first, DecisionRefused)
    assert isinstance(second, Decision)


async def test_results_that_do_not_match_the_requests_are_a_fault(both: Planes, turnout: Client) -> None:
    both.control.script.then("DecideRoutes", lambda *_: routing_pb2.DecideRoutesResponse())
    with pytest.raises(ServerFault):
        await turnout.decide_many(["one", "two"])


async def test_more_than_one_call_takes_are_sent_in_several(both: Planes, turnout: Client) -> None:
    results = await turnout.decide_many([f"number {number}" for number in range(300)])
    assert [len(seen.request.requests) for seen in both.control.script.of("DecideRoutes")] == [256, 44]
    assert len({result.request_id for result in results if isinstance(result, Decision)}) == 300


async def test_large_requests_are_spread_over_messages_that_the_server_takes(both: Planes, turnout: Client) -> None:
    large = "x" * (5 * 1024 * 1024)
    results = await turnout.decide_many([large, large, "small"])
    assert [len(seen.request.requests) for seen in both.control.script.of("DecideRoutes")] == [1, 2]
    assert all(isinstance(result, Decision) for result in results)


async def test_no_requests_need_no_call(both: Planes, turnout: Client) -> None:
    assert await turnout.decide_many([]) == []
    assert not both.control.script.seen


async def test_a_call_that_fails_as_a_whole_is_raised(both: Planes, turnout: Client) -> None:
    both.control.script.then("DecideRoutes", *[Failure("OVERLOADED", "too many calls")] * 4)
    with pytest.raises(Unavailable):
        await turnout.decide_many(["one"])
