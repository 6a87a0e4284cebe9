"""The text of a request stays away from the control plane."""

import asyncio
from typing import Any

import pytest

from tests.support.planes import RULE_SET, TOKEN, Gate, Planes, decided, rule_set
from turnout.routing.v1 import routing_pb2
from turnout_client import Client, Conflict, DeadlineExceeded, Decision, NotFound, ServerFault
from turnout_embedding import load
from turnout_features import RulePatterns, extract
from turnout_wire.chat_payload import parse_chat
from turnout_wire.conversation import conversation, features_to_proto
from turnout_wire.digest import request_digest
from turnout_wire.failure import Failure
from turnout_wire.status import to_status

NEEDLE = "Why is the sky so very blue above Trondheim?"
OTHER_RULES = bytes(reversed(range(32)))
OUTDATED = Failure("RULE_SET_OUTDATED", "the features were made with another rule set")


def seen_by(both: Planes) -> bytes:
    """Everything that the control plane was sent."""
    return b"".join(seen.request.SerializeToString() for seen in both.control.script.seen)


async def test_the_text_goes_to_the_worker_alone(both: Planes, turnout: Client) -> None:
    answer = await turnout.chat(NEEDLE, describe=True)
    assert answer.text == "Blue."
    assert NEEDLE.encode() not in seen_by(both)
    assert NEEDLE.encode() in both.worker.script.of("Generate")[0].request.payload.body


async def test_without_describing_the_control_plane_sees_the_text(both: Planes, turnout: Client) -> None:
    await turnout.chat(NEEDLE)
    assert NEEDLE.encode() in seen_by(both)


async def test_a_client_that_keeps_text_does_so_in_every_call(both: Planes) -> None:
    async with Client(control=both.control.address, workers=both.addresses, token=TOKEN, keep_text=True) as turnout:
        await turnout.decide(NEEDLE)
        await turnout.decide_many([NEEDLE, NEEDLE])
        await turnout.explain(NEEDLE)
        await turnout.classify(NEEDLE)
        _ = [event async for event in turnout.chat_stream(NEEDLE)]
        assert NEEDLE.encode() not in seen_by(both)
        await turnout.decide(NEEDLE, describe=False)
        assert NEEDLE.encode() in seen_by(both)


async def test_digest_and_features_are_those_of_the_payload_that_is_run(both: Planes, turnout: Client) -> None:
    await turnout.chat(NEEDLE, describe=True, max_output_tokens=99)
    told = both.control.script.of("DecideRoute")[0].request.description
    payload = both.worker.script.of("Generate")[0].request.payload
    assert told.request_digest == request_digest(payload.content_type, payload.body)
    patterns = RulePatterns.compiled(
        [(pattern.signal, pattern.regex) for pattern in rule_set(RULE_SET).patterns], RULE_SET
    )
    assert told.features == features_to_proto(extract(conversation(parse_chat(payload)), patterns, encode=load()))
    assert list(told.features.signals) == ["question", "sky"]
    assert told.features.rule_set_digest == RULE_SET


async def test_a_long_text_is_described_as_a_short_one_is(both: Planes, turnout: Client) -> None:
    await turnout.decide("word " * 50_000, describe=True)
    told = both.control.script.of("DecideRoute")[0].request.description
    assert told.features.input_tokens > 50_000


async def test_the_rule_set_is_fetched_once(both: Planes, turnout: Client) -> None:
    await asyncio.gather(*(turnout.decide(NEEDLE, describe=True) for _ in range(5)))
    await turnout.decide(NEEDLE, describe=True, feature="search", labels={"user": "42"})
    assert len(both.control.script.of("GetRuleSet")) == 1


async def test_rules_that_changed_are_fetched_again_and_the_request_repeated_once(
    both: Planes, turnout: Client
) -> None:
    await turnout.decide(NEEDLE, describe=True)
    both.control.script.then("DecideRoute", OUTDATED)
    both.control.script.then("GetRuleSet", lambda *_: rule_set(OTHER_RULES))
    await turnout.decide(NEEDLE, describe=True, feature="search", policy="strict")
    asked = both.control.script.of("DecideRoute")
    assert [seen.request.description.features.rule_set_digest for seen in asked] == [RULE_SET, RULE_SET, OTHER_RULES]
    assert asked[1].request.request_id == asked[2].request.request_id
    fetched = both.control.script.of("GetRuleSet")[1].request
    assert (fetched.hints.feature, fetched.policy) == ("search", "strict")


async def test_rules_that_are_always_outdated_end_the_call(both: Planes, turnout: Client) -> None:
    both.control.script.then("DecideRoute", OUTDATED, OUTDATED, OUTDATED)
    with pytest.raises(Conflict):
        await turnout.decide(NEEDLE, describe=True)
    assert len(both.control.script.of("DecideRoute")) == 2


async def test_each_origin_keeps_the_rules_that_it_was_told(both: Planes, turnout: Client) -> None:
    """Two workloads with different rules must not make each other outdated for ever."""
    rules = {"": RULE_SET, "search": OTHER_RULES}

    def strict(asked: routing_pb2.DecideRouteRequest, _: object) -> Any:
        if asked.description.features.rule_set_digest != rules[asked.hints.feature]:
            raise OUTDATED
        return decided(asked)

    both.control.script.then("GetRuleSet", *[lambda asked, _: rule_set(rules[asked.hints.feature])] * 9)
    both.control.script.then("DecideRoute", *[strict] * 20)
    for _ in range(4):
        await turnout.decide(NEEDLE, describe=True)
        await turnout.decide(NEEDLE, describe=True, feature="search")
    assert len(both.control.script.of("GetRuleSet")) == 2
    assert len(both.control.script.of("DecideRoute")) == 9


async def test_of_many_only_those_with_outdated_rules_are_repeated(both: Planes, turnout: Client) -> None:
    def first_is_outdated(asked: routing_pb2.DecideRoutesRequest, _: object) -> Any:
        results = [routing_pb2.RouteResult(decision=decided(one)) for one in asked.requests]
        results[0] = routing_pb2.RouteResult(error=to_status(OUTDATED))
        return routing_pb2.DecideRoutesResponse(results=results)

    both.control.script.then("DecideRoutes", first_is_outdated)
    both.control.script.then("GetRuleSet", lambda *_: rule_set(RULE_SET), lambda *_: rule_set(OTHER_RULES))
    results = await turnout.decide_many(["one", "two", "three"], describe=True)
    assert all(isinstance(result, Decision) for result in results)
    asked = both.control.script.of("DecideRoutes")
    assert [len(seen.request.requests) for seen in asked] == [3, 1]
    assert asked[1].request.requests[0].description.features.rule_set_digest == OTHER_RULES
    assert asked[1].request.requests[0].request_id == asked[0].request.requests[0].request_id


async def test_a_failure_to_fetch_the_rules_is_told(both: Planes, turnout: Client) -> None:
    both.control.script.then("GetRuleSet", Failure("POLICY_UNKNOWN", "no such policy"))
    with pytest.raises(NotFound):
        await turnout.decide(NEEDLE, describe=True, policy="nope")
    await turnout.decide(NEEDLE, describe=True)


async def test_a_pattern_that_does_not_compile_here_is_told(both: Planes, turnout: Client) -> None:
    bad = routing_pb2.GetRuleSetResponse(digest=RULE_SET, patterns=[routing_pb2.Pattern(signal="s", regex="(")])
    both.control.script.then("GetRuleSet", lambda *_: bad)
    with pytest.raises(ServerFault, match="update the client"):
        await turnout.decide(NEEDLE, describe=True)


async def test_waiting_for_the_rules_that_another_call_fetches_ends_with_the_deadline(
    both: Planes, turnout: Client
) -> None:
    gate = Gate(lambda *_: rule_set(RULE_SET))
    both.control.script.then("GetRuleSet", gate)
    patient = asyncio.ensure_future(turnout.decide(NEEDLE, describe=True))
    await gate.came.wait()
    with pytest.raises(DeadlineExceeded):
        await turnout.decide(NEEDLE, describe=True, timeout=0.05)
    gate.go.set()
    await patient
