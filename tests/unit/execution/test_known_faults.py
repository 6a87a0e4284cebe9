"""Faults that users of other gateways and breakers report: each is shown with a naive control, and not to happen here."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta

import pytest

from dataplane.chat.model import Finished, FinishReason, TextDelta, ToolCallDelta, Usage, UsageReport
from dataplane.execution.breaker import Breaker, BreakerSettings, BreakerState, Permit
from dataplane.execution.budget import BudgetSettings
from dataplane.execution.gate import TargetState
from dataplane.execution.keys import target_key
from dataplane.execution.receipt import RunResult, SkipReason
from dataplane.execution.run import Broken, Completed
from dataplane.provider.model import Verdict
from tests.support.runs import (
    SILENCE,
    Rig,
    Script,
    answer,
    call_failure,
    failure,
    throttled,
    unreachable,
)
from tests.support.virtual_time import pause, run

PATIENT = BreakerSettings(minimum_calls=10**9, failures_in_a_row=10**9)
"""A breaker that never opens by itself, to see what holds without it."""


@dataclass
class NaiveBreaker:
    """As most libraries do it: a time until which it is open, and then everybody is let through."""

    open_until: float = 0.0

    def admit(self, now: float) -> bool:
        return now >= self.open_until

    def cool(self, now: float, seconds: float) -> None:
        self.open_until = now + seconds


def open_breaker(now: float) -> Breaker:
    """A breaker that opened at `now`."""
    breaker = Breaker(BreakerSettings(), draw=lambda: 0.5)
    for _ in range(5):
        permit = breaker.admit(now)
        assert isinstance(permit, Permit)
        permit.settle(Verdict.FAILED, now=now)
    assert breaker.state is BreakerState.OPEN
    return breaker


@pytest.mark.parametrize("hints", [(60.0, 5.0), (5.0, 60.0)])
def test_a_target_that_was_told_to_wait_twice_returns_after_the_longer_time(hints: tuple[float, float]) -> None:
    async def main() -> None:
        rig = Rig({"a": [throttled(hints[0], after=0.1), throttled(hints[1], after=0.2), answer()], "b": [answer()]})
        both = [rig.runner.generate(rig.run("a", "b")) for _ in hints]
        await asyncio.gather(*both)
        await pause(30 - rig.clock.monotonic())
        await rig.runner.generate(rig.run("a", "b"))
        assert rig.provider.called().count("a") == 2, "the target was called before the longer hint was over"
        await pause(61 - rig.clock.monotonic())
        await rig.runner.generate(rig.run("a", "b"))
        assert rig.provider.called().count("a") == 3

    run(main())


def test_a_breaker_that_keeps_the_last_hint_returns_too_early() -> None:
    naive = NaiveBreaker()
    naive.cool(0.1, 60)
    naive.cool(0.2, 5)
    assert naive.admit(30)


def test_of_200_calls_in_half_open_only_the_probes_pass() -> None:
    breaker = open_breaker(0.0)
    passed = [permit for permit in (breaker.admit(10.0) for _ in range(200)) if isinstance(permit, Permit)]
    assert len(passed) == BreakerSettings().probes


def test_a_naive_breaker_lets_all_200_pass() -> None:
    naive = NaiveBreaker()
    naive.cool(0.0, 5)
    assert sum(naive.admit(10.0) for _ in range(200)) == 200


def test_of_200_concurrent_runs_after_an_outage_only_the_probes_reach_the_target() -> None:
    async def main() -> None:
        rig = Rig({"a": [*[failure()] * 5, answer(after=2)], "b": [answer()]})
        for _ in range(5):
            await rig.runner.generate(rig.run("a", "b"))
        await pause(10)
        rig.provider.calls.clear()
        await asyncio.gather(*(rig.runner.generate(rig.run("a", "b")) for _ in range(200)))
        assert rig.provider.called().count("a") == BreakerSettings().probes
        assert rig.provider.called().count("b") == 200 - BreakerSettings().probes
        rig.provider.calls.clear()
        await asyncio.gather(*(rig.runner.generate(rig.run("a", "b")) for _ in range(200)))
        assert rig.provider.called() == ["a"] * 200, "the probes went well and yet the breaker did not close"

    run(main())


def test_an_error_in_the_middle_of_a_stream_counts_as_a_failure() -> None:
    async def main() -> None:
        rig = Rig({"a": [(0.1, TextDelta(text="half an "), 0.1, call_failure("stream_cut"))]})
        for _ in range(5):
            seen = await rig.events("a")
            assert isinstance(seen[-1], Broken)
        key = target_key(rig.snapshot.deployments["a"])
        assert rig.board.view(key, rig.clock.monotonic()).state is BreakerState.OPEN

    run(main())


def test_a_stream_that_just_stops_is_not_a_whole_answer() -> None:
    async def main() -> None:
        rig = Rig({"a": [(0.1, TextDelta(text="half an "))], "b": [answer()]})
        *_, last = await rig.events("a", "b")
        assert isinstance(last, Broken)
        assert last.failure.reason == "STREAM_BROKEN"
        assert last.receipt.attempts[0].error == "stream_cut"
        assert rig.provider.called() == ["a"]

    run(main())


def test_a_caller_who_goes_away_is_billed_for_what_was_streamed() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer(*["word " * 40] * 50, usage=Usage(input_tokens=100, output_tokens=2500))]})
        async with aclosing(rig.runner.stream(rig.run("a"))) as stream:
            for _ in range(10):
                await anext(stream)
        receipt = rig.receipts[0]
        assert receipt.result is RunResult.CANCELLED
        assert receipt.attempts[0].usage == Usage(input_tokens=100, output_tokens=500, estimated=True)
        assert receipt.cost_nanousd == 100 * 2_500 + 500 * 10_000
        assert receipt.cost_estimated

    run(main())


def test_a_caller_who_goes_away_before_any_content_is_billed_the_estimate() -> None:
    async def main() -> None:
        rig = Rig({"a": [SILENCE]})
        task = asyncio.ensure_future(rig.runner.generate(rig.run("a")))
        await pause(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert rig.provider.closed == 1
        assert (rig.receipts[0].cost_nanousd, rig.receipts[0].cost_estimated) == (750_000, True)

    run(main())


def test_callers_who_go_away_never_open_a_breaker() -> None:
    async def main() -> None:
        rig = Rig({"a": [SILENCE]})
        tasks = [asyncio.ensure_future(rig.runner.generate(rig.run("a"))) for _ in range(100)]
        await pause(1)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert [health.state for health in rig.gate.health(rig.snapshot)] == [TargetState.CLOSED]

    run(main())


def test_callers_with_short_deadlines_cannot_take_a_target_from_the_others() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer(after=2)]})
        for _ in range(20):
            outcome = await rig.runner.generate(rig.run("a", time_left=timedelta(seconds=0.5)))
            assert outcome.failure
            assert outcome.failure.reason == "DEADLINE_EXCEEDED"
        assert (await rig.runner.generate(rig.run("a"))).response

    run(main())


def test_a_target_that_hangs_is_found_out_by_callers_with_patience() -> None:
    async def main() -> None:
        rig = Rig({"a": [SILENCE], "b": [answer()]})
        await asyncio.gather(*(rig.runner.generate(rig.run("a", "b")) for _ in range(5)))
        assert (await rig.runner.generate(rig.run("a", "b"))).response
        assert rig.provider.called().count("a") == 5
        assert rig.receipts[-1].skipped[0].reason is SkipReason.BREAKER_OPEN

    run(main())


def test_a_breaker_opens_at_80_percent_failures() -> None:
    breaker = Breaker(BreakerSettings(), draw=lambda: 0.5)
    for number in range(10):
        permit = breaker.admit(0.0)
        if isinstance(permit, Permit):
            permit.settle(Verdict.SUCCEEDED if number % 5 == 0 else Verdict.FAILED, now=0.0)
    assert breaker.state is BreakerState.OPEN


def test_one_attempt_is_one_call_of_the_provider() -> None:
    async def main() -> None:
        rig = Rig({"a": [failure("http_503")], "b": [failure("http_503")], "c": [failure("http_503")]})
        outcome = await rig.runner.generate(rig.run("a", "b", "c"))
        assert rig.provider.called() == ["a", "b", "c"]
        assert len(outcome.receipt.attempts) == 3

    run(main())


@pytest.mark.parametrize(
    "first",
    [
        (0.1, call_failure("error_event", http_status=200)),
        (0.1, UsageReport(usage=Usage(input_tokens=5)), call_failure("error_event", http_status=200)),
        (0.1, TextDelta(text=""), ToolCallDelta(index=0), call_failure("error_event", http_status=200)),
        (0.1, UsageReport(usage=Usage(input_tokens=5))),
        (ValueError("a bug"),),
    ],
)
def test_an_error_before_the_first_content_is_never_seen(first: Script) -> None:
    async def main() -> None:
        rig = Rig({"a": [first], "b": [answer("whole")]})
        seen = await rig.events("a", "b")
        assert [event.text for event in seen if isinstance(event, TextDelta)] == ["whole"]
        assert isinstance(seen[-1], Completed)
        assert [attempt.deployment for attempt in seen[-1].receipt.attempts] == ["a", "b"]

    run(main())


def test_what_comes_after_the_providers_own_end_breaks_nothing() -> None:
    async def main() -> None:
        rig = Rig(
            {"a": [(0.1, TextDelta(text="whole"), Finished(reason=FinishReason.STOP), call_failure("stream_cut"))]}
        )
        *_, last = await rig.events("a")
        assert isinstance(last, Completed)
        assert last.usage.estimated

    run(main())


async def calls_in_an_outage(script: Script, budget: BudgetSettings) -> int:
    """How many calls 1,000 requests make in 20 s of outage of their only target."""
    rig = Rig({"a": [script]}, target_breaker=PATIENT, budget=budget)
    rig.board._settings = rig.board._settings.__class__(target=PATIENT, origin=PATIENT)
    tasks = []
    for _ in range(1000):
        tasks.append(asyncio.ensure_future(rig.runner.generate(rig.run("a"))))
        await pause(0.02)
    await asyncio.wait(tasks)
    return len(rig.provider.calls)


@pytest.mark.parametrize("script", [unreachable(), throttled()])
def test_a_thousand_requests_in_an_outage_become_at_most_1150_calls(script: Script) -> None:
    calls = run(calls_in_an_outage(script, BudgetSettings()))
    assert 1000 < calls <= 1150


def test_without_a_retry_budget_they_become_nearly_three_thousand() -> None:
    assert run(calls_in_an_outage(unreachable(), BudgetSettings(capacity=1e9))) > 2900


def test_with_its_breaker_an_outage_sees_far_fewer_calls_than_requests() -> None:
    async def main() -> int:
        rig = Rig({"a": [failure("http_500")]})
        for _ in range(1000):
            await rig.runner.generate(rig.run("a"))
            await pause(0.02)
        return len(rig.provider.calls)

    assert run(main()) < 100
