"""Decide and generate over the wire."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.message import Message

from tests.support.planes import DECISION_ID, TOKEN, FakeTime, Planes, decided, excluded, hang, receipt
from turnout.inference.v1 import chat_pb2
from turnout.routing.v1 import routing_pb2
from turnout_client import (
    Client,
    Complexity,
    DeadlineExceeded,
    DecisionRefused,
    Domain,
    Exclusion,
    FinishReason,
    InvalidRequest,
    NoEligibleTarget,
    NotAuthenticated,
    Notice,
    ReasonCode,
    TargetsExhausted,
    TaskType,
    Throttled,
)
from turnout_wire.failure import Failure
from turnout_wire.server import Call

EXPIRED = Failure("DECISION_EXPIRED", "the decision is too old; decide again")


async def test_chat_decides_and_answers(both: Planes, turnout: Client) -> None:
    answer = await turnout.chat("Why is the sky blue?")
    assert str(answer) == answer.text == "Blue."
    assert answer.decision_id == DECISION_ID
    assert (answer.model, answer.deployment) == ("claude-haiku", "anthropic/claude-haiku")
    assert (answer.cost_nanousd, answer.cost_usd) == (1_250_000, Decimal("0.00125"))
    assert (answer.latency, answer.ttft) == (timedelta(milliseconds=900), timedelta(milliseconds=300))
    assert answer.finish_reason is FinishReason.STOP
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (12, 5)
    assert [attempt.error for attempt in answer.attempts] == ["http_500", ""]
    assert answer.reason == "the cheapest of 4 that meet quality 0.80"
    assert answer.receipt.worker == "worker-1"


async def test_a_decision_is_a_typed_value(both: Planes, turnout: Client) -> None:
    decision = await turnout.decide("Why is the sky blue?")
    assert (decision.model, decision.provider) == ("gpt-4o-mini", "openai")
    assert [target.model for target in decision.targets] == ["gpt-4o-mini", "claude-haiku"]
    assert (decision.cost_nanousd, decision.cost_usd) == (180_000, Decimal("0.00018"))
    assert decision.reason_code is ReasonCode.CHEAPEST
    assert decision.notices == (Notice.LOW_CONFIDENCE,)
    plan = decision.plan
    assert (plan.task_type, plan.complexity, plan.domain) == (TaskType.QA, Complexity.MODERATE, None)
    assert plan.baseline is not None
    assert plan.baseline.model == "gpt-4o"
    assert decision.expires_at - decision.issued_at == timedelta(seconds=60)


async def test_both_planes_get_the_same_bytes_and_request_id(both: Planes, turnout: Client) -> None:
    await turnout.chat("Why is the sky blue?", metadata={"b": "2", "a": "1"}, temperature=0.5)
    asked, ran = both.control.script.of("DecideRoute")[0], both.worker.script.of("Generate")[0]
    assert asked.request.payload.SerializeToString() == ran.request.payload.SerializeToString()
    assert asked.metadata["x-turnout-request-id"] == ran.metadata["x-turnout-request-id"] == asked.request.request_id
    chat = chat_pb2.ChatRequest.FromString(ran.request.payload.body)
    assert chat.messages[0].parts[0].text == "Why is the sky blue?"
    assert chat.sampling.temperature == 0.5


async def test_every_call_makes_its_own_request_id(both: Planes, turnout: Client) -> None:
    await turnout.decide("one")
    await turnout.decide("one")
    first, second = both.control.script.of("DecideRoute")
    assert first.request.request_id != second.request.request_id


async def test_a_decision_is_run_on_the_bytes_that_were_decided_on(both: Planes, turnout: Client) -> None:
    decision = await turnout.decide("Why is the sky blue?", seed=7)
    await turnout.generate(decision)
    await turnout.generate(decision, "Why is the sky blue?", seed=7)
    decided_on = both.control.script.of("DecideRoute")[0].request.payload
    assert [seen.request.payload for seen in both.worker.script.of("Generate")] == [decided_on] * 2


async def test_another_request_than_the_one_decided_on_is_not_even_sent(both: Planes, turnout: Client) -> None:
    decision = await turnout.decide("Why is the sky blue?", seed=7)
    with pytest.raises(DecisionRefused) as refused:
        await turnout.generate(decision, "Why is the sky blue?")
    assert refused.value.reason == "DIGEST_MISMATCH"
    assert refused.value.decision_id == DECISION_ID
    assert not both.worker.script.seen


async def test_options_alone_do_not_make_a_request(both: Planes, turnout: Client) -> None:
    decision = await turnout.decide("Why is the sky blue?")
    with pytest.raises(InvalidRequest, match="request"):
        await turnout.generate(decision, temperature=0)


async def test_a_decision_on_another_request_is_refused(both: Planes, turnout: Client) -> None:
    both.control.script.then("DecideRoute", lambda asked, _: decided(asked, digest=bytes(32)))
    with pytest.raises(DecisionRefused) as refused:
        await turnout.chat("Why is the sky blue?")
    assert refused.value.reason == "DIGEST_MISMATCH"
    assert not both.worker.script.seen


async def test_the_timeout_is_shared_by_deciding_and_generating(both: Planes) -> None:
    time = FakeTime()

    def slow(asked: Any, _: Call) -> Message:
        time.now += 12
        return decided(asked)

    both.control.script.then("DecideRoute", slow)
    async with Client(
        control=both.control.address, workers=both.addresses, token=TOKEN, surroundings=time.surroundings()
    ) as turnout:
        await turnout.chat("Why is the sky blue?", timeout=30)
    asked, ran = both.control.script.of("DecideRoute")[0], both.worker.script.of("Generate")[0]
    assert 25 < asked.time_left < 31
    assert 13 < ran.time_left < 19


async def test_a_call_without_a_timeout_has_the_clients(both: Planes) -> None:
    async with Client(control=both.control.address, token=TOKEN, timeout=7) as turnout:
        await turnout.decide("Why is the sky blue?")
    assert 5 < both.control.script.of("DecideRoute")[0].time_left < 8


async def test_time_that_is_over_after_deciding_is_not_spent_on_generating(both: Planes) -> None:
    time = FakeTime()

    def slow(asked: Any, _: Call) -> Message:
        time.now += 31
        return decided(asked)

    both.control.script.then("DecideRoute", slow)
    async with Client(
        control=both.control.address, workers=both.addresses, token=TOKEN, surroundings=time.surroundings()
    ) as turnout:
        with pytest.raises(DeadlineExceeded, match="timeout=SECONDS"):
            await turnout.chat("Why is the sky blue?", timeout=30)
    assert not both.worker.script.seen


async def test_a_server_that_does_not_answer_in_time_is_a_deadline_exceeded(both: Planes) -> None:
    """Deciding takes most of the 30 s by the client's clock, so that only what is left is waited for."""
    time = FakeTime()

    def slow(asked: Any, _: Call) -> Message:
        time.now += 29.7
        return decided(asked)

    both.control.script.then("DecideRoute", slow)
    both.worker.script.then("Generate", hang)
    async with Client(
        control=both.control.address, workers=both.addresses, token=TOKEN, surroundings=time.surroundings()
    ) as turnout:
        with pytest.raises(DeadlineExceeded) as late:
            await turnout.chat("Why is the sky blue?", timeout=30)
    assert late.value.decision_id == DECISION_ID
    assert "30 s" in late.value.message


async def test_a_decision_that_grew_too_old_is_made_anew_once(both: Planes, turnout: Client) -> None:
    both.worker.script.then("Generate", EXPIRED)
    answer = await turnout.chat("Why is the sky blue?", request_id="mine")
    assert answer.text == "Blue."
    assert [seen.request.request_id for seen in both.control.script.of("DecideRoute")] == ["mine", "mine.again"]


async def test_a_decision_that_is_always_too_old_is_made_anew_only_once(both: Planes, turnout: Client) -> None:
    both.worker.script.then("Generate", EXPIRED, EXPIRED, EXPIRED)
    with pytest.raises(DecisionRefused):
        await turnout.chat("Why is the sky blue?")
    assert len(both.control.script.of("DecideRoute")) == len(both.worker.script.of("Generate")) == 2


async def test_other_refusals_are_not_decided_anew(both: Planes, turnout: Client) -> None:
    both.worker.script.then("Generate", Failure("SIGNATURE_INVALID", "the signature does not fit the bytes"))
    with pytest.raises(DecisionRefused) as refused:
        await turnout.chat("Why is the sky blue?")
    assert refused.value.reason == "SIGNATURE_INVALID"
    assert len(both.control.script.of("DecideRoute")) == 1


async def test_generate_does_not_decide_anew(both: Planes, turnout: Client) -> None:
    decision = await turnout.decide("Why is the sky blue?")
    both.worker.script.then("Generate", EXPIRED)
    with pytest.raises(DecisionRefused):
        await turnout.generate(decision)
    assert len(both.control.script.of("DecideRoute")) == 1


async def test_an_unknown_token_is_told_as_such_and_not_repeated(both: Planes) -> None:
    async with Client(control=both.control.address, token="stranger") as turnout:
        with pytest.raises(NotAuthenticated) as refused:
            await turnout.decide("Why is the sky blue?")
    assert "stranger" not in str(refused.value)


async def test_what_the_server_says_of_a_field_reaches_the_caller(both: Planes, turnout: Client) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await turnout.decide("Why is the sky blue?", labels={"k" * 65: "v"})
    assert refused.value.field.startswith("hints.labels")
    assert refused.value.metadata["request_id"]


async def test_the_candidates_tell_why_nothing_is_eligible(both: Planes, turnout: Client) -> None:
    table = routing_pb2.CandidateTable(
        candidates=[excluded("openai/gpt-4o", routing_pb2.EXCLUSION_COST, "0.003 $ is above 0.001 $")]
    )
    both.control.script.then("DecideRoute", Failure("NO_ELIGIBLE_TARGET", "none may serve", details=(table,)))
    with pytest.raises(NoEligibleTarget) as nothing:
        await turnout.chat("Why is the sky blue?", max_cost_usd="0.001")
    candidate = nothing.value.candidates[0]
    assert (candidate.deployment, candidate.exclusion) == ("openai/gpt-4o", Exclusion.COST)
    assert candidate.detail == "0.003 $ is above 0.001 $"


async def test_a_receipt_among_the_details_reaches_the_caller(both: Planes, turnout: Client) -> None:
    failure = Failure("TARGETS_EXHAUSTED", "all 2 targets failed", details=(receipt(succeeded=False),))
    both.worker.script.then("Generate", failure)
    with pytest.raises(TargetsExhausted) as exhausted:
        await turnout.chat("Why is the sky blue?")
    assert exhausted.value.receipt is not None
    assert [attempt.error for attempt in exhausted.value.receipt.attempts] == ["http_500", ""]
    assert exhausted.value.decision_id == DECISION_ID
    assert DECISION_ID in str(exhausted.value)


async def test_a_throttled_caller_learns_how_long_to_wait(both: Planes, turnout: Client) -> None:
    hint = timedelta(seconds=4)
    both.worker.script.then("Generate", Failure("PROVIDER_THROTTLED", "too many requests", retry_after=hint))
    with pytest.raises(Throttled) as throttled:
        await turnout.chat("Why is the sky blue?")
    assert throttled.value.retry_after == hint


async def test_explain_shows_candidates_even_if_nothing_is_eligible(both: Planes, turnout: Client) -> None:
    explanation = await turnout.explain("Why is the sky blue?", why_not=["gpt-4o"], policy="strict")
    assert explanation.why_not == ("openai/gpt-4o may not serve",)
    assert list(both.control.script.of("ExplainRoute")[0].request.why_not) == ["gpt-4o"]
    assert explanation.plan is None
    assert explanation.candidates[0].exclusion is Exclusion.COST
    assert (explanation.quality_floor, explanation.floor_source) == (0.8, "complexity")
    assert explanation.steps == ("workload default: the last one",)
    assert explanation.classification.features.input_tokens == 12
    asked = both.control.script.of("ExplainRoute")[0].request.request
    assert (asked.policy, asked.request_id) == ("strict", "")


async def test_classify_gives_the_class_and_its_signals(both: Planes, turnout: Client) -> None:
    found = await turnout.classify("Why is the sky blue?", feature="search")
    assert (found.task_type, found.complexity, found.domain) == (TaskType.QA, Complexity.SIMPLE, Domain.MEDICAL)
    assert [(signal.name, signal.votes_for) for signal in found.signals] == [("question", "task_type=qa")]
    assert found.features.questions == 1
    assert both.control.script.of("Classify")[0].request.hints.feature == "search"


async def test_classify_takes_no_constraints(turnout: Client) -> None:
    with pytest.raises(TypeError, match="max_cost_usd"):
        await turnout.classify("Why is the sky blue?", max_cost_usd="1")  # type: ignore[call-arg]


async def test_a_client_without_workers_decides_and_says_what_is_missing(both: Planes) -> None:
    async with Client(control=both.control.address, token=TOKEN) as turnout:
        decision = await turnout.decide("Why is the sky blue?")
        with pytest.raises(InvalidRequest, match="workers=") as refused:
            await turnout.generate(decision)
    assert refused.value.field == "workers"


async def test_a_closed_client_says_so(both: Planes, turnout: Client) -> None:
    await turnout.close()
    await turnout.close()
    with pytest.raises(RuntimeError, match="closed"):
        await turnout.decide("Why is the sky blue?")
