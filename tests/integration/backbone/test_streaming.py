"""StreamGenerate against providers that misbehave: where the commit point is, and what ends a stream."""

import asyncio
from typing import Any

import grpc
import pytest

from tests.support import provider
from tests.support.backbone import PROMPT, Backbone, asked, document, generate, opened, payload, replaced, stream
from tests.support.line import refusal, told_by
from tests.support.provider import Held, answer, cut, error
from turnout.inference.v1 import inference_pb2
from turnout.outcome.v1 import receipt_pb2, usage_pb2

Event = inference_pb2.StreamGenerateResponse
DOWN = error("500 Internal Server Error")


async def events(planes: Backbone, **how: Any) -> list[Event]:
    """Everything that a stream on a new decision brings."""
    call = planes.runner.stream(stream(await planes.decide()), **how)
    return [event async for event in call]


def kinds(sent: list[Event]) -> list[str | None]:
    return [event.WhichOneof("event") for event in sent]


def text(sent: list[Event]) -> str:
    return "".join(event.delta.text for event in sent)


def outcomes(receipt: receipt_pb2.Receipt) -> list[tuple[str, str, str]]:
    """Deployment, outcome and error of every attempt."""
    name = receipt_pb2.AttemptOutcome.Name
    return [
        (attempt.deployment, name(attempt.outcome).removeprefix("ATTEMPT_OUTCOME_"), attempt.error)
        for attempt in receipt.attempts
    ]


async def test_a_stream_is_forwarded_piece_by_piece_as_it_comes(planes: Backbone) -> None:
    """The provider holds the end back until the first piece has arrived at the caller."""
    held = Held("Bl")
    planes.providers.then("first", held)
    call = planes.runner.stream(stream(await planes.decide()))
    assert (await call.read()).delta.text == "Bl"
    held.go.set()
    rest = [await call.read(), await call.read()]
    assert kinds(rest) == ["usage", "finish"]
    assert rest[0].usage == usage_pb2.Usage(input_tokens=12, output_tokens=5)
    assert rest[1].finish.reason == usage_pb2.FINISH_REASON_STOP
    assert rest[1].finish.provider_model == "served-model"


async def test_before_the_first_byte_another_target_takes_over_in_silence(planes: Backbone) -> None:
    planes.providers.then("first", DOWN)
    planes.providers.then("second", answer("Gr", "een."))
    sent = await events(planes)
    assert kinds(sent) == ["delta", "delta", "usage", "finish"]
    assert text(sent) == "Green."
    receipt = sent[-1].finish.receipt
    assert outcomes(receipt) == [("first/small", "FAILED", "http_500"), ("second/large", "SUCCEEDED", "")]
    assert receipt.result == receipt_pb2.RUN_RESULT_SUCCEEDED


@pytest.mark.parametrize(
    "broken",
    [
        DOWN,
        cut(),
        error("200 OK", body=b"no json"),
        error("200 OK", headers="X: y\r\n", body=b'data: {"error":{"message":"overloaded"}}\n\n'),
    ],
    ids=["500", "cut before content", "malformed", "error in a 200"],
)
async def test_whatever_happens_before_the_first_byte_is_not_seen_by_the_caller(
    planes: Backbone, broken: provider.Step
) -> None:
    planes.providers.then("first", broken)
    sent = await events(planes)
    assert text(sent) == "Blue."
    assert planes.providers.called() == ["first", "second"]


async def test_after_the_first_byte_the_stream_ends_with_a_typed_error_and_nothing_is_tried_again(
    planes: Backbone,
) -> None:
    planes.providers.then("first", cut("Bl"))
    sent = await events(planes)
    assert kinds(sent) == ["delta", "error"]
    told = told_by(sent[-1].error.status)
    assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "STREAM_BROKEN")
    assert "discard it and ask again" in told.message
    receipt = sent[-1].error.receipt
    assert receipt.result == receipt_pb2.RUN_RESULT_BROKEN
    assert outcomes(receipt) == [("first/small", "FAILED", "stream_cut")]
    assert receipt.cost_nanousd > 0
    assert receipt.cost_estimated
    assert planes.providers.called() == ["first"]


async def test_where_every_target_fails_before_the_first_byte_the_call_fails_with_all_attempts(
    planes: Backbone,
) -> None:
    planes.providers.then("first", DOWN)
    planes.providers.then("second", error("503 Service Unavailable"), error("503 Service Unavailable"))
    told = await refusal(events(planes))
    assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "TARGETS_EXHAUSTED")
    assert "first/small: http_500" in told.message
    receipt = told.detail(receipt_pb2.Receipt)
    assert receipt.result == receipt_pb2.RUN_RESULT_FAILED
    assert [attempt.deployment for attempt in receipt.attempts][:2] == ["first/small", "second/large"]
    assert not receipt.HasField("decision")


async def test_a_provider_that_refuses_the_request_itself_is_not_asked_twice(planes: Backbone) -> None:
    body = b'{"error":{"message":"messages: too many","type":"invalid_request_error","param":"messages"}}'
    planes.providers.then("first", error("400 Bad Request", body=body))
    planes.providers.then("second", error("400 Bad Request", body=body))
    told = await refusal(events(planes))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PROVIDER_REJECTED")
    assert planes.providers.called().count("first") == 1


async def test_a_caller_that_goes_away_takes_the_providers_call_with_it(planes: Backbone) -> None:
    held = Held("Bl")
    planes.providers.then("first", held)
    call = planes.runner.stream(stream(await planes.decide()))
    assert (await call.read()).delta.text == "Bl"
    call.cancel()
    async with asyncio.timeout(60):
        await held.gone.wait()
    await planes.control.meter.until("turnout.receipts", result="cancelled")
    assert planes.worker.meter.total("turnout.runs", result="cancelled") == 1


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_caller_that_goes_away_before_the_first_byte_cancels_too(planes: Backbone, streamed: bool) -> None:
    held = Held()
    planes.providers.then("first", held)
    decided = await planes.decide()
    call = planes.runner.stream(stream(decided)) if streamed else planes.runner(generate(decided))
    reading = asyncio.ensure_future(call.read() if streamed else call)
    async with asyncio.timeout(60):
        await held.came.wait()
        call.cancel()
        await held.gone.wait()
    await asyncio.gather(reading, return_exceptions=True)
    await planes.control.meter.until("turnout.receipts", result="cancelled")
    assert planes.providers.called() == ["first"], "nobody else was asked for a caller that is gone"


async def test_a_provider_is_left_alone_while_its_caller_stays(planes: Backbone) -> None:
    """The control of the two above: without a cancellation nothing hangs up."""
    held = Held("Bl")
    planes.providers.then("first", held)
    call = planes.runner.stream(stream(await planes.decide()))
    assert (await call.read()).delta.text == "Bl"
    assert not held.gone.is_set()
    held.go.set()
    assert kinds([await call.read(), await call.read()]) == ["usage", "finish"]
    assert not held.gone.is_set()


async def test_the_callers_deadline_ends_the_whole_chain(planes: Backbone) -> None:
    """Both providers hang; the caller's time is over before either has answered, and both were hung up on."""
    first, second = Held(), Held()
    planes.providers.then("first", first)
    planes.providers.then("second", second)
    call = planes.runner.stream(stream(await planes.decide()), timeout=2.0)
    with pytest.raises(grpc.aio.AioRpcError) as over:
        await call.read()
    assert over.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    async with asyncio.timeout(60):
        await first.gone.wait()
    await planes.control.meter.until("turnout.receipts")


def limit(planes: Backbone, deadline: str) -> None:
    """Let the policy give a chain so much time."""
    changed = document(planes.providers.address)
    changed["policies"][0]["limits"] = {"deadline": deadline}
    replaced(planes.catalog, changed)
    assert not planes.control.state.catalog.reload().problems


async def test_the_policys_deadline_ends_the_whole_chain_however_long_the_caller_waits(planes: Backbone) -> None:
    limit(planes, "600ms")
    first, second = Held(), Held()
    planes.providers.then("first", first)
    planes.providers.then("second", second)
    decided = await planes.decide()
    assert opened(decided.decision).limits.deadline.ToMilliseconds() == 600
    told = await refusal(planes.runner(generate(decided)))
    assert (told.code, told.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    receipt = told.detail(receipt_pb2.Receipt)
    assert receipt.attempts[0].deployment == "first/small"
    async with asyncio.timeout(60):
        await first.gone.wait()


async def test_a_deadline_after_the_first_byte_breaks_the_stream_with_a_typed_error(planes: Backbone) -> None:
    limit(planes, "2s")
    planes.providers.then("first", Held("Bl"))
    sent = await events(planes)
    assert kinds(sent) == ["delta", "error"]
    assert told_by(sent[-1].error.status).reason == "DEADLINE_EXCEEDED"
    assert planes.providers.called() == ["first"]


async def test_whole_answers_fall_back_as_streams_do(planes: Backbone) -> None:
    planes.providers.then("first", DOWN)
    answered = await planes.runner(generate(await planes.decide()))
    assert answered.response.parts[0].text == "Blue."
    assert [name for name, _, _ in outcomes(answered.receipt)] == ["first/small", "second/large"]


async def test_what_providers_are_sent_is_what_the_caller_signed_up_for(planes: Backbone) -> None:
    request = inference_pb2.StreamGenerateRequest(
        decision=(await planes.decide(asked(PROMPT))).decision, payload=payload(PROMPT)
    )
    assert [event async for event in planes.runner.stream(request)]
    ((name, body),) = planes.providers.seen
    assert (name, body["model"], body["stream"]) == ("first", "small", True)
    assert body["messages"] == [{"role": "user", "content": PROMPT}]
