"""Receipts and health on the wire: what only some of them have."""

from datetime import UTC, datetime, timedelta

from dataplane.execution.gate import TargetHealth, TargetState
from dataplane.execution.receipt import AttemptRecord, Receipt, RunResult, SkippedTarget, SkipReason
from dataplane.provider.headroom import Headroom
from dataplane.provider.model import Verdict
from dataplane.report.health_codec import health_message
from dataplane.report.receipt_codec import MOST_DETAIL, receipt_message

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def receipt(**changes: object) -> Receipt:
    """A receipt of two calls, one of them beside the other, and a target that cannot carry the request."""
    calls = [
        AttemptRecord(
            number=number,
            deployment="a",
            model="a",
            outcome=Verdict.SUCCEEDED,
            started_at=NOW,
            duration=timedelta(seconds=1),
            hedged=number == 2,
        )
        for number in (1, 2)
    ]
    skipped = SkippedTarget(deployment="b", reason=SkipReason.INCOMPATIBLE, detail="stop: " + "x" * MOST_DETAIL)
    fields: dict[str, object] = {
        "receipt_id": "00000000-0000-0000-0000-000000000001",
        "decision_id": "00000000-0000-0000-0000-000000000002",
        "worker": "w",
        "result": RunResult.SUCCEEDED,
        "attempts": tuple(calls),
        "cost_nanousd": 0,
        "cost_estimated": False,
        "started_at": NOW,
        "duration": timedelta(seconds=1),
        "snapshot_version": 1,
        "request_digest": bytes(32),
        "skipped": (skipped,),
    }
    return Receipt(**{**fields, **changes})  # type: ignore[arg-type] # as the test says


def test_a_hedge_and_why_a_target_was_passed_over_are_told() -> None:
    message = receipt_message(receipt(), with_decision=False)
    assert [attempt.hedged for attempt in message.attempts] == [False, True]
    assert message.skipped[0].reason == "incompatible"
    assert len(message.skipped[0].detail) == MOST_DETAIL
    assert not message.from_cache


def test_an_answer_that_was_kept_is_told() -> None:
    assert receipt_message(receipt(from_cache=True, attempts=()), with_decision=False).from_cache


def test_headroom_goes_along_with_health() -> None:
    headroom = Headroom(
        as_of=NOW,
        requests_limit=60,
        requests_remaining=12,
        requests_reset_at=NOW + timedelta(seconds=30),
        tokens_limit=50_000,
        tokens_remaining=47_196,
    )
    message = health_message(
        TargetHealth(deployment="a", state=TargetState.CLOSED, in_flight=1, headroom=headroom)
    ).headroom
    assert (message.requests_limit, message.requests_remaining) == (60, 12)
    assert message.requests_reset_at.ToDatetime(UTC) == NOW + timedelta(seconds=30)
    assert (message.tokens_limit, message.tokens_remaining) == (50_000, 47_196)
    assert not message.HasField("tokens_reset_at")
    assert message.as_of.ToDatetime(UTC) == NOW


def test_where_nothing_is_known_nothing_is_told() -> None:
    assert not health_message(TargetHealth(deployment="a", state=TargetState.CLOSED, in_flight=0)).HasField("headroom")
