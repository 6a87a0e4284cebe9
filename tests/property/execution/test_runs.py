"""What holds for a run whatever providers do and whenever its caller goes away."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from dataplane.chat.model import Finished, FinishReason, TextDelta, ToolCallDelta, Usage, UsageReport
from dataplane.execution.breaker import BreakerSettings, BreakerState
from dataplane.execution.equipment import RunnerSettings
from dataplane.execution.hedge import HedgeSettings
from dataplane.execution.keys import target_key
from dataplane.execution.receipt import RunResult
from dataplane.execution.run import Broken, Completed, Failed, RunEvent
from dataplane.provider.model import Verdict
from tests.support.runs import Rig, Script, call_failure, deployment, target
from tests.support.virtual_time import pause, run

NAMES = ("a", "b", "c")

events = st.sampled_from(
    [
        TextDelta(text="word"),
        TextDelta(text=""),
        ToolCallDelta(index=0, id="call", name="tool"),
        ToolCallDelta(index=0, arguments="{}"),
        UsageReport(usage=Usage(input_tokens=10, output_tokens=1)),
        Finished(reason=FinishReason.STOP),
    ]
)
errors = st.sampled_from(
    [
        call_failure("connect", unsent=True),
        call_failure("http_500"),
        call_failure("error_event"),
        call_failure("bad_request", Verdict.IGNORED, http_status=400),
        call_failure("context_too_long", Verdict.IGNORED, http_status=400),
        call_failure("credential", Verdict.MISCONFIGURED, http_status=401),
        call_failure("rate_limited", Verdict.THROTTLED, retry_after=timedelta(seconds=1)),
        call_failure("overloaded", Verdict.THROTTLED, http_status=529),
        ValueError("an adapter's bug that quotes the prompt"),
    ]
)
waits = st.sampled_from([0.0, 0.01, 1.0, 7.0, 1e6])
scripts = st.lists(events | errors | waits, max_size=6)
worlds = st.fixed_dictionaries({name: st.lists(scripts, min_size=1, max_size=3) for name in NAMES})


HEDGING = RunnerSettings(worker="hedging", hedge=HedgeSettings(after=timedelta(seconds=0.5), budget=1.0))


def rig(world: dict[str, list[Script]], *, hedging: bool = False) -> Rig:
    """A worker whose breakers open quickly, so that all their states are met; `hedging`: with every run."""
    breaker = BreakerSettings(minimum_calls=2, open_for=timedelta(seconds=2), probes=1, probes_to_close=1)
    places = [deployment(name, max_concurrency=2) for name in NAMES]
    return Rig(world, target_breaker=breaker, deployments=places, settings=HEDGING if hedging else None)


def check_nothing_is_held(rig: Rig) -> None:
    """All that runs take they gave back."""
    assert rig.provider.in_flight == 0
    assert all(rig.bulkheads.in_flight(name) == 0 for name in NAMES)
    for name in NAMES:
        key = target_key(rig.snapshot.deployments[name])
        for breaker in (rig.board._target(key), rig.board._origin(key.origin)):
            assert breaker.state is BreakerState.CLOSED or breaker.probes_out == 0


def check_order(seen: list[RunEvent]) -> None:
    """Content, at most one usage, exactly one terminal event."""
    *body, last = seen
    assert isinstance(last, Completed | Failed | Broken)
    kinds = [type(event) for event in body]
    assert kinds.count(UsageReport) == isinstance(last, Completed)
    content = [event for event in body if isinstance(event, TextDelta | ToolCallDelta)]
    assert isinstance(last, Broken) <= bool(content)
    assert isinstance(last, Failed) <= (not content)
    assert TextDelta(text="") not in content


@given(worlds, st.integers(1, 4), st.booleans(), st.booleans())
def test_every_run_ends_in_time_with_one_receipt_and_holds_nothing(
    world: dict[str, list[Script]], max_attempts: int, streaming: bool, hedging: bool
) -> None:
    async def main() -> None:
        worker = rig(world, hedging=hedging)
        for number in range(1, 5):
            began, calls = worker.clock.monotonic(), len(worker.provider.calls)
            if streaming:
                seen = await worker.events(*NAMES, max_attempts=max_attempts)
                check_order(seen)
            else:
                outcome = await worker.runner.generate(worker.run(*NAMES, max_attempts=max_attempts))
                assert (outcome.response is None) != (outcome.failure is None)
            assert len(worker.receipts) == number
            assert worker.clock.monotonic() - began <= 30 + 0.001
            receipt = worker.receipts[-1]
            assert len(receipt.attempts) == len(worker.provider.calls) - calls <= max_attempts
            assert receipt.cost_nanousd == sum(attempt.cost_nanousd for attempt in receipt.attempts)
            check_nothing_is_held(worker)
        assert worker.recorder.receipts == worker.receipts
        assert len(worker.recorder.started) == len(worker.recorder.ended)

    run(main())


@given(worlds, st.floats(0, 40), st.booleans(), st.booleans())
def test_a_run_that_is_cancelled_at_any_time_has_one_receipt_and_holds_nothing(
    world: dict[str, list[Script]], after: float, streaming: bool, hedging: bool
) -> None:
    async def main() -> None:
        worker = rig(world, hedging=hedging)
        work = worker.events(*NAMES) if streaming else worker.runner.generate(worker.run(*NAMES))
        task = asyncio.ensure_future(work)
        await asyncio.sleep(0)
        await pause(after)
        ended = task.done()
        task.cancel()
        await asyncio.wait([task])
        assert len(worker.receipts) == 1
        assert (worker.receipts[0].result is RunResult.CANCELLED) == (not ended)
        check_nothing_is_held(worker)

    run(main())


@given(worlds, st.integers(1, 6), st.booleans())
def test_a_stream_that_is_closed_after_any_event_has_one_receipt_and_holds_nothing(
    world: dict[str, list[Script]], after: int, hedging: bool
) -> None:
    async def main() -> None:
        worker = rig(world, hedging=hedging)
        async with aclosing(worker.runner.stream(worker.run(*NAMES))) as stream:
            for _ in range(after):
                await anext(stream, None)
        assert len(worker.receipts) == 1
        check_nothing_is_held(worker)

    run(main())


@given(worlds, st.booleans())
def test_once_content_flowed_nothing_else_is_called(world: dict[str, list[Script]], hedging: bool) -> None:
    async def main() -> None:
        worker = rig(world, hedging=hedging)
        async with aclosing(worker.runner.stream(worker.run(*NAMES))) as stream:
            calls_at_commit = None
            async for event in stream:
                if isinstance(event, TextDelta | ToolCallDelta) and calls_at_commit is None:
                    calls_at_commit = len(worker.provider.calls)
        assert calls_at_commit in (None, len(worker.provider.calls))
        assert len(worker.recorder.commits) == (calls_at_commit is not None)

    run(main())


@given(worlds, st.integers(1, 4), st.integers(0, 3_000_000))
def test_with_hedges_no_run_calls_or_costs_more_than_its_decision_allows(
    world: dict[str, list[Script]], max_attempts: int, spare: int
) -> None:
    async def main() -> None:
        worker = rig(world, hedging=True)
        targets = [replace(target(name), max_cost_nanousd=1_000_000) for name in NAMES]
        reserved = 1_000_000 + spare
        await worker.events(*targets, max_attempts=max_attempts, reserved_nanousd=reserved)
        (receipt,) = worker.receipts
        assert len(receipt.attempts) <= max_attempts
        assert sorted(attempt.number for attempt in receipt.attempts) == list(range(1, len(receipt.attempts) + 1))
        assert all(attempt.cost_nanousd <= 1_000_000 for attempt in receipt.attempts)
        assert sum(attempt.cost_nanousd for attempt in receipt.attempts) <= reserved
        check_nothing_is_held(worker)

    run(main())
