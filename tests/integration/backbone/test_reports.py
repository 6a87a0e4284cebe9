"""Receipts on their way back: at least once, in batches, bounded, and taken once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from controlplane.outcome.commands import ReportReceipts
from dataplane.report.reporter import Reporter
from tests.support.backbone import Backbone, asked, backbone, generate, opened
from tests.support.line import refusal
from tests.support.provider import error
from turnout.outcome.v1 import outcome_pb2, receipt_pb2
from turnout.routing.v1 import routing_pb2
from turnout.trust.v1 import envelope_pb2

Report = outcome_pb2.ReportReceiptsRequest
Receipt = receipt_pb2.Receipt
RECEIPTS = "turnout.receipts"


def receipt(decided: routing_pb2.DecideRouteResponse, number: int = 1, **changes: Any) -> Receipt:
    """A good receipt of a run of this decision, with `changes` to its fields."""
    attempt = receipt_pb2.Attempt(
        number=1, deployment="first/small", model="small", outcome=receipt_pb2.ATTEMPT_OUTCOME_SUCCEEDED
    )
    attempt.duration.FromMilliseconds(40)
    fields: dict[str, Any] = {
        "receipt_id": f"01930000-0000-7000-8000-{number:012x}",
        "decision_id": opened(decided.decision).decision_id,
        "decision": decided.decision,
        "worker": "worker-9",
        "result": receipt_pb2.RUN_RESULT_SUCCEEDED,
        "attempts": [attempt],
    }
    made = Receipt(**{**fields, **changes})
    made.started_at.GetCurrentTime()
    return made


async def report(planes: Backbone, *receipts: Receipt, **more: Any) -> outcome_pb2.ReportReceiptsResponse:
    line = planes.callers["worker"][0]
    response: outcome_pb2.ReportReceiptsResponse = await line(Report(worker="worker-9", receipts=receipts, **more))
    return response


async def test_every_run_is_reported_and_the_report_carries_its_decision(planes: Backbone) -> None:
    for _ in range(3):
        await planes.runner(generate(await planes.decide()))
    planes.providers.then("first", error("400 Bad Request"))
    planes.providers.then("second", error("400 Bad Request"))
    await refusal(planes.runner(generate(await planes.decide())))
    await planes.control.meter.until(RECEIPTS, 4)
    assert planes.control.meter.total(RECEIPTS, result="succeeded") == 3
    assert planes.control.meter.total(RECEIPTS, result="failed") == 1


async def test_a_receipt_is_taken_once_however_often_it_comes(planes: Backbone) -> None:
    decided = await planes.decide()
    one, other = receipt(decided, 1), receipt(decided, 2)
    first = await report(planes, one)
    again = await report(planes, one, other, other)
    assert (first.accepted, first.duplicates) == (1, 0)
    assert (again.accepted, again.duplicates) == (1, 2)
    assert planes.control.meter.total(RECEIPTS) == 2


def another_envelope(decided: routing_pb2.DecideRouteResponse, **changes: Any) -> envelope_pb2.Envelope:
    made = envelope_pb2.Envelope()
    made.CopyFrom(decided.decision)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


async def test_what_does_not_fit_its_decision_is_rejected_by_name_and_the_rest_is_taken(planes: Backbone) -> None:
    decided, other = await planes.decide(), await planes.decide()
    payload = decided.decision.payload
    off_plan = receipt_pb2.Attempt(number=1, deployment="third/huge")
    late = receipt(decided, 5)
    late.attempts[0].duration.seconds = 10**15
    bad = [
        receipt(decided, 1, decision=None),
        receipt(decided, 2, decision=another_envelope(decided, payload=payload + b"\x00")),
        receipt(decided, 3, decision=other.decision),
        receipt(decided, 4, attempts=[off_plan]),
        late,
    ]
    response = await report(planes, *bad, receipt(decided, 6))
    assert (response.accepted, response.duplicates) == (1, 0)
    reasons = {row.receipt_id[-1]: row.reason for row in response.rejected}
    assert reasons == {
        "1": "SIGNATURE_INVALID",
        "2": "SIGNATURE_INVALID",
        "3": "SIGNATURE_INVALID",
        "4": "TARGET_UNKNOWN",
        "5": "INVALID_FIELD",
    }


async def test_an_outcome_that_only_a_newer_worker_knows_is_taken_and_is_no_success(planes: Backbone) -> None:
    before = await expected_ms(planes)
    new = receipt(await planes.decide())
    new.attempts[0].outcome = 99  # type: ignore[assignment]  # what a newer worker may send
    assert (await report(planes, new)).accepted == 1
    assert await expected_ms(planes) == before


async def test_health_that_cannot_be_read_does_not_keep_receipts_from_being_taken(planes: Backbone) -> None:
    far = receipt_pb2.TargetHealth(deployment="first/small", state=receipt_pb2.TARGET_STATE_OPEN)
    far.until.seconds = 10**15
    assert (await report(planes, receipt(await planes.decide()), health=[far])).accepted == 1


async def expected_ms(planes: Backbone) -> int:
    """The latency that is expected of the first deployment now."""
    told = await planes.router(routing_pb2.ExplainRouteRequest(request=asked()))
    (row,) = [row for row in told.candidates if row.deployment == "first/small"]
    return int(row.estimate.latency.ToMilliseconds())


async def test_what_runs_took_changes_what_is_expected(planes: Backbone) -> None:
    before = await expected_ms(planes)
    decided = await planes.decide()
    await report(planes, *(receipt(decided, number) for number in range(1, 60)))
    planes.control.show()
    assert await expected_ms(planes) < before


async def first_target(planes: Backbone) -> str:
    return opened((await planes.decide()).decision).targets[0].deployment


async def test_a_breaker_that_opens_at_the_worker_turns_decisions_away_from_the_target(planes: Backbone) -> None:
    """No report is asked for: the change itself sends one."""
    await planes.runner(generate(await planes.decide()))
    while "second" not in (await called(planes)):
        planes.providers.then("first", error("401 Unauthorized"))
    assert planes.worker.meter.total("turnout.breaker.changes") >= 1
    await planes.control.meter.until(RECEIPTS, planes.worker.meter.total("turnout.runs"))
    assert await first_target(planes) == "second/large"


async def called(planes: Backbone) -> list[str]:
    """Who is called for one more run."""
    planes.providers.seen.clear()
    await planes.runner(generate(await planes.decide()))
    return planes.providers.called()


async def test_while_the_control_plane_is_down_runs_go_on_and_their_receipts_come_later(planes: Backbone) -> None:
    decisions = [await planes.decide() for _ in range(5)]
    await planes.control.go_down()
    for decided in decisions:
        assert (await planes.runner(generate(decided))).response.parts[0].text == "Blue."
    await planes.restart()
    await planes.control.meter.until(RECEIPTS, 5)
    assert planes.control.meter.total(RECEIPTS, result="succeeded") == 5
    assert planes.worker.meter.total("turnout.receipts.dropped") == 0


async def test_a_full_queue_drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    async with backbone(tmp_path, receipt_queue=2) as planes:
        decisions = [await planes.decide() for _ in range(5)]
        await planes.control.go_down()
        for decided in decisions:
            await planes.runner(generate(decided))
        assert planes.worker.meter.total("turnout.receipts.dropped", worker="worker-1") == 3
        await planes.restart()
        await planes.control.meter.until(RECEIPTS, 2)


async def test_a_worker_that_goes_down_reports_what_is_left(planes: Backbone) -> None:
    for _ in range(3):
        await planes.runner(generate(await planes.decide()))
    await planes.worker.plane.stop()
    assert planes.control.meter.total(RECEIPTS) == 3


async def test_a_report_under_way_when_a_worker_goes_down_is_heard_to_its_end(
    planes: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, flushing, take, flush = asyncio.Event(), asyncio.Event(), ReportReceipts._write, Reporter.flush

    async def slowly(*asked: Any) -> Any:
        taken = await take(*asked)
        if taken and not written.is_set():
            written.set()
            await flushing.wait()
            for _ in range(50):  # changes nothing; a worker which gave this report up would be gone before the end
                await take(*asked)
        return taken

    async def last(*asked: Any) -> int:
        flushing.set()
        return await flush(*asked)

    monkeypatch.setattr(ReportReceipts, "_write", slowly)
    monkeypatch.setattr(Reporter, "flush", last)
    await planes.runner(generate(await planes.decide()))
    await written.wait()
    await planes.worker.plane.stop()
    assert planes.control.meter.total(RECEIPTS) == 1


@pytest.mark.parametrize(
    ("request_of", "field"),
    [
        (Report(), "worker"),
        (Report(worker="w", receipts=[Receipt(receipt_id="one")]), "receipts[0].receipt_id"),
        (Report(worker="w", health=[receipt_pb2.TargetHealth()]), "health[0].deployment"),
    ],
)
async def test_a_report_that_breaks_the_rules_is_refused_with_its_field(
    planes: Backbone, request_of: Report, field: str
) -> None:
    told = await refusal(planes.callers["worker"][0](request_of))
    assert (told.reason, told.field) == ("INVALID_FIELD", field)


async def test_nobody_but_workers_reports(planes: Backbone) -> None:
    told = await refusal(planes.router(Report(worker="w", receipts=[receipt(await planes.decide())])))
    assert told.reason == "ACCESS_DENIED"
