"""Whole runs: which target answers, what the caller is told, what the receipt states."""

import asyncio
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from dataplane.chat.model import Text
from dataplane.execution.breaker import BreakerSettings
from dataplane.execution.budget import BudgetSettings
from dataplane.execution.equipment import RunnerSettings
from dataplane.execution.gate import TargetHealth, TargetState
from dataplane.execution.output import Answer
from dataplane.execution.receipt import AttemptRecord, Receipt, RunResult, SkippedTarget, SkipReason
from dataplane.execution.run import Run, RunOutcome
from dataplane.execution.runner import Runner
from dataplane.execution.step import WaitFor
from dataplane.permit.model import Target
from dataplane.provider.headroom import Headroom
from dataplane.provider.model import Verdict
from dataplane.snapshot.model import Deployment
from tests.support.runs import (
    SILENCE,
    Rig,
    Script,
    answer,
    deployment,
    failure,
    snapshot,
    target,
    throttled,
    unreachable,
    utc,
)
from tests.support.virtual_time import pause, run
from turnout.outcome.v1 import receipt_pb2
from turnout_wire.failure import CODES, Failure

REJECTED = failure("bad_request", Verdict.IGNORED, http_status=400, message="no such `top_q`", field="top_q")
WRONG_KEY = failure("credential", Verdict.MISCONFIGURED, http_status=401)
TOO_LONG = failure("context_too_long", Verdict.IGNORED, http_status=400, message="128k is all there is")


def outcome_of(scripts: dict[str, list[Script]], *targets: str | Target, **limits: Any) -> tuple[RunOutcome, Rig]:
    """A whole answer or a failure, and the rig it came from."""

    async def main() -> tuple[RunOutcome, Rig]:
        rig = Rig(scripts)
        return await rig.runner.generate(rig.run(*(targets or tuple(scripts)), **limits)), rig

    return run(main())


def failure_of(outcome: RunOutcome) -> Failure:
    assert outcome.failure
    assert outcome.response is None
    assert outcome.receipt.error_reason == outcome.failure.reason
    assert outcome.failure.details == (outcome.receipt,)
    return outcome.failure


def test_the_first_target_answers_if_it_can() -> None:
    outcome, rig = outcome_of({"a": [answer("A switch.")], "b": [answer()]})
    assert outcome.response
    assert outcome.response.parts == (Text(text="A switch."),)
    assert rig.provider.called() == ["a"]


def test_the_receipt_states_every_attempt_with_cost_and_time() -> None:
    outcome, rig = outcome_of({"a": [failure("http_500")], "b": [answer(after=0.5)]})
    assert outcome.receipt == Receipt(
        receipt_id="00000000-0000-0000-0000-000000000001",
        decision_id="018f0000-0000-7000-8000-000000000001",
        worker="worker-1",
        result=RunResult.SUCCEEDED,
        attempts=(
            AttemptRecord(
                number=1,
                deployment="a",
                model="a",
                outcome=Verdict.FAILED,
                started_at=utc(0),
                duration=timedelta(seconds=0.1),
                error="http_500",
                http_status=500,
            ),
            AttemptRecord(
                number=2,
                deployment="b",
                model="b",
                outcome=Verdict.SUCCEEDED,
                started_at=utc(0.1),
                duration=timedelta(seconds=0.5),
                http_status=200,
                usage=outcome.receipt.attempts[1].usage,
                cost_nanousd=450_000,
            ),
        ),
        cost_nanousd=450_000,
        cost_estimated=False,
        started_at=utc(0),
        duration=timedelta(seconds=0.6),
        snapshot_version=7,
        request_digest=bytes(32),
        finish_reason=outcome.receipt.finish_reason,
    )
    assert rig.receipts == [outcome.receipt]


@pytest.mark.parametrize(
    ("value", "message", "renamed"),
    [
        (Receipt, receipt_pb2.Receipt, {"envelope": "decision"}),
        (AttemptRecord, receipt_pb2.Attempt, {}),
        (SkippedTarget, receipt_pb2.SkippedTarget, {}),
        (TargetHealth, receipt_pb2.TargetHealth, {}),
        (Headroom, receipt_pb2.Headroom, {}),
    ],
)
def test_the_values_mirror_the_contract(value: Any, message: Any, renamed: dict[str, str]) -> None:
    assert {renamed.get(field.name, field.name) for field in fields(value)} == set(message.DESCRIPTOR.fields_by_name)


def test_a_throttled_target_is_called_again_after_its_hint() -> None:
    outcome, rig = outcome_of({"a": [throttled(1.5), answer()], "b": [answer()]})
    assert outcome.response
    assert rig.provider.calls == [("a", 0.0), ("a", pytest.approx(1.6))]
    assert outcome.receipt.attempts[0].retry_after == timedelta(seconds=1.5)
    assert [(wait.purpose, wait.denied) for wait in rig.recorder.waits] == [(WaitFor.RETRY, False)]


def test_a_connection_that_fails_is_tried_again_after_jitter() -> None:
    outcome, rig = outcome_of({"a": [unreachable(), answer()], "b": [answer()]})
    assert outcome.response
    assert rig.provider.called() == ["a", "a"]
    assert outcome.receipt.attempts[0].cost_nanousd == 0


@pytest.mark.parametrize(
    ("scripts", "reason"),
    [
        ({"a": [failure("http_500")], "b": [failure("http_502")]}, "TARGETS_EXHAUSTED"),
        ({"a": [throttled(20)], "b": [throttled(15)]}, "PROVIDER_THROTTLED"),
        ({"a": [throttled(20)], "b": [failure()]}, "TARGETS_EXHAUSTED"),
        ({"a": [REJECTED], "b": [answer()]}, "PROVIDER_REJECTED"),
        ({"a": [TOO_LONG], "b": [TOO_LONG]}, "PROVIDER_REJECTED"),
        ({"a": [WRONG_KEY], "b": [WRONG_KEY]}, "PROVIDER_MISCONFIGURED"),
        ({"a": [WRONG_KEY], "b": [failure()]}, "TARGETS_EXHAUSTED"),
        ({"a": [SILENCE], "b": [SILENCE]}, "DEADLINE_EXCEEDED"),
    ],
)
def test_each_end_has_its_reason(scripts: dict[str, list[Script]], reason: str) -> None:
    outcome, _ = outcome_of(scripts)
    assert failure_of(outcome).reason == reason
    assert reason in CODES
    assert outcome.receipt.result is RunResult.FAILED


def test_exhausted_targets_are_named_with_what_went_wrong() -> None:
    failed = failure_of(outcome_of({"a": [failure("http_500")], "b": [failure("malformed")]})[0])
    assert failed.metadata == {
        "decision_id": "018f0000-0000-7000-8000-000000000001",
        "attempts": "2",
        "targets": "a: http_500; b: malformed",
    }
    assert "a: http_500; b: malformed" in failed.message


def test_a_throttled_caller_is_told_when_to_come_back() -> None:
    failed = failure_of(outcome_of({"a": [throttled(20)], "b": [throttled(15)]})[0])
    assert failed.retry_after == timedelta(seconds=15)


def test_a_rejected_caller_is_told_the_field_and_the_providers_words() -> None:
    failed = failure_of(outcome_of({"a": [REJECTED]})[0])
    assert failed.field == "top_q"
    assert "no such `top_q`" in failed.message


def test_a_failed_targets_words_are_not_passed_on() -> None:
    failed = failure_of(outcome_of({"a": [failure("http_500", message="stack trace with a prompt")]})[0])
    assert "prompt" not in failed.message + str(failed.metadata)


def test_a_request_that_is_too_long_for_one_model_is_served_by_another() -> None:
    outcome, rig = outcome_of(
        {"a": [TOO_LONG], "b": [answer()], "c": [answer()]}, target("a", "small"), target("b", "small"), target("c")
    )
    assert outcome.response
    assert rig.provider.called() == ["a", "c"]
    assert outcome.receipt.skipped == (SkippedTarget(deployment="b", reason=SkipReason.SAME_MODEL),)


def test_the_money_of_a_decision_is_a_limit() -> None:
    hung = failure("timeout_first_token")
    outcome, rig = outcome_of({"a": [hung], "b": [answer()]}, max_cost_nanousd=750_000)
    assert failure_of(outcome).reason == "COST_LIMIT"
    assert rig.provider.called() == ["a"]
    assert outcome.receipt.cost_estimated


def held_for(name: str, most: int) -> Target:
    """A target whose dearest call costs so much."""
    return replace(target(name), max_cost_nanousd=most)


def test_a_target_that_is_dearer_than_what_is_held_is_passed_over() -> None:
    hung, targets = (
        failure("timeout_first_token"),
        [held_for("a", 750_000), held_for("b", 800_000), held_for("c", 500_000)],
    )
    outcome, rig = outcome_of({"a": [hung], "b": [answer()], "c": [answer()]}, *targets, reserved_nanousd=1_300_000)
    assert outcome.response
    assert rig.provider.called() == ["a", "c"]
    assert outcome.receipt.skipped == (SkippedTarget(deployment="b", reason=SkipReason.RESERVATION),)


def test_without_a_reservation_the_dearer_target_is_called() -> None:
    hung, targets = failure("timeout_first_token"), [held_for("a", 750_000), held_for("b", 800_000)]
    _, rig = outcome_of({"a": [hung], "b": [answer()]}, *targets)
    assert rig.provider.called() == ["a", "b"]


def test_a_run_that_money_alone_ends_says_so() -> None:
    hung, targets = failure("timeout_first_token"), [held_for("a", 750_000), held_for("b", 800_000)]
    outcome, rig = outcome_of({"a": [hung], "b": [answer()]}, *targets, reserved_nanousd=1_300_000)
    failed = failure_of(outcome)
    assert failed.reason == "COST_LIMIT"
    assert "what budgets hold for the run has no room for another call" in failed.message
    assert failed.metadata["targets"] == "a: timeout_first_token; b: reservation"
    assert rig.provider.called() == ["a"]


def test_a_call_that_cost_nothing_leaves_room_for_the_next() -> None:
    targets = [held_for("a", 750_000), held_for("b", 800_000)]
    outcome, rig = outcome_of({"a": [failure("http_500")], "b": [answer()]}, *targets, reserved_nanousd=800_000)
    assert outcome.response
    assert rig.provider.called() == ["a", "b"]


def test_the_begin_of_a_run_that_something_is_held_for_is_told_with_the_id_of_its_receipt() -> None:
    outcome, rig = outcome_of({"a": [answer()]}, held_for("a", 750_000), reserved_nanousd=800_000)
    (begun,) = rig.begun
    assert (begun.decision_id, begun.receipt_id) == (outcome.receipt.decision_id, outcome.receipt.receipt_id)
    assert begun.until - outcome.receipt.started_at == timedelta(seconds=30) + RunnerSettings(worker="w").afterwards


def test_the_begin_of_another_run_is_nobodys_business() -> None:
    assert outcome_of({"a": [answer()]})[1].begun == []


def test_the_callers_deadline_counts_where_it_is_shorter() -> None:
    outcome, rig = outcome_of({"a": [SILENCE], "b": [SILENCE]}, time_left=timedelta(seconds=4))
    assert failure_of(outcome).reason == "DEADLINE_EXCEEDED"
    assert outcome.receipt.duration == timedelta(seconds=4)
    assert [at for _, at in rig.provider.calls] == [0, 2]


def test_an_expired_decision_starts_no_fallback() -> None:
    outcome, rig = outcome_of({"a": [failure()], "b": [answer()]}, expires_in=timedelta(seconds=-1))
    assert failure_of(outcome).reason == "DEADLINE_EXCEEDED"
    assert "expired" in failure_of(outcome).message
    assert rig.provider.called() == ["a"]


def test_a_call_gets_the_smallest_of_all_limits_on_its_output() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer()]}, deployments=[deployment("a", max_output_tokens=500)])
        await rig.runner.generate(rig.run("a", max_output_tokens=1000))
        await rig.runner.generate(rig.run("a", max_output_tokens=100))
        assert [call.max_output_tokens for call in rig.provider.seen] == [500, 100]
        assert rig.provider.seen[0].credential == "secret of env:A_KEY"

    run(main())


def skipped(*deployments: Deployment, targets: tuple[str, ...] = ("a", "b"), missing: str = "") -> RunOutcome:
    async def main() -> RunOutcome:
        rig = Rig(
            {"a": [answer()], "b": [answer()]},
            deployments=deployments,
            credentials=lambda reference: None if missing in reference else "secret",
        )
        return await rig.runner.generate(rig.run(*targets))

    return run(main())


def test_a_target_without_a_credential_is_passed_over() -> None:
    outcome = skipped(deployment("a"), deployment("b"), missing="A_KEY")
    assert outcome.response
    assert outcome.receipt.skipped == (SkippedTarget(deployment="a", reason=SkipReason.NO_CREDENTIAL),)


def test_a_target_that_needs_no_credential_is_called_without() -> None:
    assert skipped(deployment("a", credential=""), missing="env").response


def test_without_any_credential_an_operator_has_to_act() -> None:
    outcome = skipped(deployment("a"), deployment("b"), missing="env")
    assert failure_of(outcome).reason == "PROVIDER_MISCONFIGURED"
    assert outcome.receipt.attempts == ()


def test_a_target_that_the_snapshot_does_not_have_is_passed_over() -> None:
    outcome = skipped(deployment("b"), missing="none")
    assert outcome.response
    assert outcome.receipt.skipped == (SkippedTarget(deployment="a", reason=SkipReason.TARGET_UNKNOWN),)


def test_a_decision_with_no_known_target_is_refused() -> None:
    assert failure_of(skipped(deployment("z"), missing="none")).reason == "TARGET_UNKNOWN"


def test_a_full_target_is_passed_over_and_when_all_are_full_the_caller_comes_back() -> None:
    async def main() -> None:
        rig = Rig(
            {"a": [answer(after=5)], "b": [answer(after=5)]},
            deployments=[deployment("a", max_concurrency=1), deployment("b", max_concurrency=1)],
        )
        outcomes = await asyncio.gather(*(rig.runner.generate(rig.run("a", "b")) for _ in range(3)))
        assert [bool(outcome.response) for outcome in outcomes] == [True, True, False]
        assert rig.provider.called() == ["a", "b"]
        assert failure_of(outcomes[2]).reason == "OVERLOADED"

    run(main())


def test_in_an_outage_of_everything_about_one_call_a_second_looks_whether_it_is_over() -> None:
    async def main() -> None:
        never = BreakerSettings(minimum_calls=1, open_for=timedelta(hours=1), open_cap=timedelta(hours=1))
        rig = Rig({"a": [failure()], "b": [failure()]}, target_breaker=never, budget=BudgetSettings(capacity=1.0))
        for _ in range(400):
            await rig.runner.generate(rig.run("a", "b"))
            await pause(0.05)
        assert len(rig.provider.calls) <= 2 + 1 + rig.clock.monotonic()
        assert {skip.reason for receipt in rig.receipts for skip in receipt.skipped} == {
            SkipReason.RETRY_BUDGET,
            SkipReason.BREAKER_OPEN,
        }

    run(main())


def test_a_forced_call_that_succeeds_ends_the_outage_early() -> None:
    async def main() -> None:
        never = BreakerSettings(minimum_calls=1, open_for=timedelta(hours=1), open_cap=timedelta(hours=1))
        rig = Rig({"a": [failure(), answer()]}, target_breaker=never)
        await rig.runner.generate(rig.run("a"))
        assert (await rig.runner.generate(rig.run("a"))).response
        assert rig.recorder.started[-1].forced
        assert (await rig.runner.generate(rig.run("a"))).response
        assert [health.state for health in rig.gate.health(rig.snapshot)] == [TargetState.CLOSED]

    run(main())


def test_a_misconfigured_target_stays_out_until_it_is_reset_or_changed() -> None:
    async def main() -> None:
        rig = Rig({"a": [WRONG_KEY, answer()], "b": [answer()]})
        for _ in range(3):
            assert (await rig.runner.generate(rig.run("a", "b"))).response
            await pause(10_000)
        assert rig.provider.called().count("a") == 1
        (skipped,) = rig.receipts[-1].skipped
        assert skipped == SkippedTarget(deployment="a", reason=SkipReason.MISCONFIGURED, detail="credential")
        rig.gate.reset(rig.snapshot.deployments["a"])
        await rig.runner.generate(rig.run("a", "b"))
        assert rig.provider.called().count("a") == 2

    run(main())


def test_a_deployment_with_another_credential_starts_afresh() -> None:
    async def main() -> None:
        rig = Rig({"a": [WRONG_KEY, answer()]})
        await rig.runner.generate(rig.run("a"))
        rig.snapshot = snapshot(deployment("a", credential="env:NEW_KEY"))
        rig.gate.renew(rig.snapshot)
        assert (await rig.runner.generate(rig.run("a"))).response

    run(main())


def test_health_tells_state_cause_and_times() -> None:
    async def main() -> None:
        rig = Rig({"a": [throttled(30)], "b": [WRONG_KEY], "c": [answer()]}, credentials=lambda _: "secret")
        await pause(100)
        for name in "abc":
            await rig.runner.generate(rig.run(name))
        await pause(5)
        a, b, c = rig.gate.health(rig.snapshot)
        assert a == TargetHealth(
            deployment="a", state=TargetState.OPEN, in_flight=0, cause="throttled", since=utc(100.1), until=utc(130.1)
        )
        assert (b.state, b.cause, b.until) == (TargetState.MISCONFIGURED, "credential", None)
        assert c == TargetHealth(deployment="c", state=TargetState.CLOSED, in_flight=0)

    run(main())


def test_health_tells_of_credentials_that_are_not_there() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer()]}, credentials=lambda _: None)
        assert rig.gate.health(rig.snapshot)[0].state is TargetState.NO_CREDENTIAL

    run(main())


@pytest.mark.parametrize(
    ("values", "enum", "prefix"),
    [
        (TargetState, receipt_pb2.TargetState, "TARGET_STATE_"),
        (RunResult, receipt_pb2.RunResult, "RUN_RESULT_"),
        (Verdict, receipt_pb2.AttemptOutcome, "ATTEMPT_OUTCOME_"),
    ],
)
def test_the_closed_sets_are_those_of_the_contract(values: Any, enum: Any, prefix: str) -> None:
    names = {name.removeprefix(prefix).lower() for name in enum.keys()}  # noqa: SIM118 - an enum of protobuf is no mapping
    assert names - {"unspecified"} == set(values)


def test_observers_are_told_of_everything_in_order() -> None:
    outcome, rig = outcome_of({"a": [failure()], "b": [answer()]})
    recorder = rig.recorder
    assert [(started.number, started.deployment.name) for started in recorder.started] == [(1, "a"), (2, "b")]
    assert [ended.record for ended in recorder.ended] == list(outcome.receipt.attempts)
    assert recorder.receipts == [outcome.receipt]


def test_a_sink_that_raises_costs_the_caller_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        def broken(receipt: Receipt, answer: Answer | None) -> None:
            raise OSError("disk full")

        rig = Rig({"a": [answer()]})
        old = rig.runner._equipment
        changed = {name: getattr(old, name) for name in type(old).__slots__} | {"sink": broken}
        runner = Runner(RunnerSettings(worker="w"), type(old)(**changed))
        assert (await runner.generate(rig.run("a"))).response

    run(main())
    assert "a receipt was not taken: OSError" in caplog.text


def test_a_bug_of_ours_ends_as_a_failure_with_a_receipt(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        rig = Rig({"a": [answer()]}, credentials=lambda _: 1 / 0)  # type: ignore[arg-type, return-value] # a bug
        outcome = await rig.runner.generate(rig.run("a"))
        assert failure_of(outcome).reason == "INTERNAL"
        assert rig.receipts == [outcome.receipt]

    run(main())
    assert "a run crashed: ZeroDivisionError" in caplog.text


def test_the_envelope_goes_into_the_receipt_unread() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer()]})
        given = rig.run("a")
        await rig.runner.generate(
            Run(decision=given.decision, request=given.request, snapshot=given.snapshot, envelope=b"signed")
        )
        assert rig.receipts[0].envelope == b"signed"

    run(main())
