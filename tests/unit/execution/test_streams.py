"""Streamed runs: commit point, time limits, cancellation, context of the observer."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager
from contextvars import ContextVar
from datetime import timedelta

import pytest

from dataplane.chat.model import Finished, FinishReason, StreamEvent, TextDelta, ToolCallDelta, Usage, UsageReport
from dataplane.execution.equipment import Equipment, RunnerSettings
from dataplane.execution.observer import AttemptEnded, AttemptScope, AttemptStarted, Unobserved
from dataplane.execution.receipt import RunResult
from dataplane.execution.run import Broken, Completed, Failed
from dataplane.execution.runner import Runner
from dataplane.provider.model import Call, ProviderResponse, Verdict
from dataplane.snapshot.model import Timeouts
from tests.support.runs import DONE, SILENCE, Rig, answer, call_failure, deployment, failure
from tests.support.virtual_time import pause, run


def test_content_then_usage_then_the_end() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer("A ", "switch.")]})
        seen = await rig.events("a")
        usage = Usage(input_tokens=100, output_tokens=20)
        assert seen[:3] == [TextDelta(text="A "), TextDelta(text="switch."), UsageReport(usage=usage)]
        assert isinstance(seen[3], Completed)
        assert (seen[3].finished, seen[3].usage, seen[3].receipt) == (DONE, usage, rig.receipts[0])
        assert rig.receipts[0].finish_reason is FinishReason.STOP

    run(main())


def test_content_is_forwarded_as_it_comes() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer("1", "2", "3", after=1.0)]})
        times = [
            rig.clock.monotonic() async for event in rig.runner.stream(rig.run("a")) if isinstance(event, TextDelta)
        ]
        assert times == pytest.approx([1.0, 1.1, 1.2])
        assert rig.receipts[0].time_to_first_token == timedelta(seconds=1)
        assert rig.receipts[0].attempts[0].time_to_first_token == timedelta(seconds=1)

    run(main())


def test_a_tool_call_is_content_too() -> None:
    async def main() -> None:
        rig = Rig({"a": [(0.1, ToolCallDelta(index=0, id="1", name="f"), call_failure("stream_cut"))], "b": [answer()]})
        assert isinstance((await rig.events("a", "b"))[-1], Broken)
        assert rig.provider.called() == ["a"]

    run(main())


def test_an_answer_without_content_is_whole() -> None:
    async def main() -> None:
        rig = Rig({"a": [(0.1, Finished(reason=FinishReason.CONTENT_FILTER))]})
        *_, last = await rig.events("a")
        assert isinstance(last, Completed)
        assert last.receipt.time_to_first_token is None
        assert not rig.recorder.commits

    run(main())


def test_a_target_that_gives_nothing_in_its_share_of_the_time_is_left_for_the_next() -> None:
    async def main() -> None:
        rig = Rig({"a": [SILENCE], "b": [answer()]})
        assert isinstance((await rig.events("a", "b"))[-1], Completed)
        first, second = rig.receipts[0].attempts
        assert (first.error, first.duration) == ("timeout_first_token", timedelta(seconds=15))
        assert second.outcome is Verdict.SUCCEEDED
        assert rig.provider.closed == 1

    run(main())


def test_usage_alone_does_not_stop_the_wait_for_content() -> None:
    async def main() -> None:
        rig = Rig({"a": [(0.1, UsageReport(usage=Usage(input_tokens=9)), 1e9)], "b": [answer()]})
        assert isinstance((await rig.events("a", "b"))[-1], Completed)
        assert rig.receipts[0].attempts[0].cost_nanousd == 9 * 2_500

    run(main())


def test_once_content_flows_the_answer_has_all_the_time_that_is_left() -> None:
    async def main() -> None:
        rig = Rig({"a": [(1.0, TextDelta(text="slow"), 27.0, TextDelta(text="ly"), DONE)], "b": [answer()]})
        assert isinstance((await rig.events("a", "b"))[-1], Completed)

    run(main())


def test_an_answer_that_outlasts_the_deadline_breaks_off_with_usage_so_far() -> None:
    async def main() -> None:
        rig = Rig({"a": [(1.0, TextDelta(text="x" * 400), 1e9)], "b": [answer()]})
        *_, last = await rig.events("a", "b")
        assert isinstance(last, Broken)
        assert last.failure.reason == "DEADLINE_EXCEEDED"
        assert last.receipt.result is RunResult.BROKEN
        assert last.receipt.attempts[0].usage == Usage(input_tokens=100, output_tokens=100, estimated=True)
        assert rig.clock.monotonic() == pytest.approx(30)

    run(main())


def test_a_deployments_own_limit_is_the_targets_fault() -> None:
    async def main() -> None:
        short = deployment("a", timeouts=Timeouts(total=timedelta(seconds=1)))
        rig = Rig({"a": [SILENCE], "b": [answer()]}, deployments=[short, deployment("b")])
        await rig.events("a", "b")
        assert rig.receipts[0].attempts[0].outcome is Verdict.FAILED
        assert rig.provider.seen[0].total == timedelta(seconds=1)

    run(main())


def test_a_provider_that_times_out_by_the_runs_own_limit_is_not_blamed() -> None:
    async def main() -> None:
        rig = Rig({"a": [(0.995, call_failure("timeout_total"))]})
        await rig.events("a", time_left=timedelta(seconds=1))
        assert rig.receipts[0].attempts[0].outcome is Verdict.IGNORED
        assert rig.receipts[0].error_reason in ("DEADLINE_EXCEEDED", "TARGETS_EXHAUSTED")

    run(main())


def test_closing_the_stream_closes_the_providers_at_once() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer(*"abcdef")]})
        async with aclosing(rig.runner.stream(rig.run("a"))) as stream:
            await anext(stream)
        assert (rig.provider.closed, rig.provider.in_flight) == (1, 0)
        assert rig.clock.monotonic() == 0.5
        assert rig.receipts[0].result is RunResult.CANCELLED
        assert rig.recorder.ended[0].record.outcome is Verdict.IGNORED

    run(main())


def test_cancelling_the_caller_cancels_the_provider_at_once() -> None:
    async def main() -> None:
        rig = Rig({"a": [SILENCE], "b": [answer()]})
        task = asyncio.ensure_future(rig.events("a", "b"))
        await pause(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (rig.provider.closed, rig.provider.called()) == (1, ["a"])
        assert rig.receipts[0].error_reason == "CANCELLED"

    run(main())


def test_cancelling_while_waiting_for_a_retry_ends_with_a_receipt() -> None:
    async def main() -> None:
        rig = Rig({"a": [failure("rate_limited", Verdict.THROTTLED, retry_after=timedelta(seconds=5))]})
        task = asyncio.ensure_future(rig.events("a"))
        await pause(2)
        task.cancel()
        await asyncio.wait([task])
        assert rig.receipts[0].result is RunResult.CANCELLED
        assert len(rig.receipts[0].attempts) == 1

    run(main())


def test_a_consumer_that_is_slow_is_not_cut_by_the_time_limit_of_a_read() -> None:
    """A timer around the whole loop would cancel the consumer's own work."""

    async def main() -> None:
        rig = Rig({"a": [answer("1", "2")]})
        async with aclosing(rig.runner.stream(rig.run("a"))) as stream:
            await anext(stream)
            await pause(100)
            *_, last = [event async for event in stream]
        assert isinstance(last, Broken)
        assert last.failure.reason == "DEADLINE_EXCEEDED"

    run(main())


def test_an_adapter_that_crashes_costs_neither_answer_nor_receipt(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        rig = Rig({"a": [(0.1, ValueError("secret prompt"))], "b": [(0.1, KeyError("secret prompt"))]})
        *_, last = await rig.events("a", "b")
        assert isinstance(last, Failed)
        assert [attempt.error for attempt in last.receipt.attempts] == ["internal", "internal"]
        assert last.failure.reason == "TARGETS_EXHAUSTED"

    run(main())
    assert "ValueError" in caplog.text
    assert "018f0000-0000-7000-8000-000000000001" in caplog.text
    assert "secret prompt" not in caplog.text


class StubbornProvider:
    """Its stream does not close."""

    async def generate(self, call: Call) -> ProviderResponse:
        raise NotImplementedError

    async def stream(self, call: Call) -> AsyncIterator[StreamEvent]:
        try:
            yield TextDelta(text=call.deployment.name)
            await pause(1e9)
        finally:
            await pause(1e9)


def test_a_stream_that_does_not_close_holds_nobody_up_for_long() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer()]})
        runner = Runner(RunnerSettings(worker="w"), equipment(rig, provider=StubbornProvider()))
        async with aclosing(runner.stream(rig.run("a"))) as stream:
            await anext(stream)
        assert rig.clock.monotonic() == pytest.approx(5)
        assert rig.receipts[0].result is RunResult.CANCELLED

    run(main())


def equipment(rig: Rig, **changes: object) -> Equipment:
    old = rig.runner._equipment
    fields = {name: getattr(old, name) for name in Equipment.__slots__}
    return Equipment(**{**fields, **changes})


CURRENT: ContextVar[str] = ContextVar("CURRENT", default="caller")


class Spans(Unobserved):
    """Makes a span current as a tracer would."""

    def __init__(self) -> None:
        self.number = 0

    def attempt_started(self, started: AttemptStarted) -> AttemptScope:
        self.number = started.number
        return self

    def current(self) -> AbstractContextManager[object]:
        return self.span()

    @contextmanager
    def span(self) -> Iterator[None]:
        token = CURRENT.set(f"attempt {self.number}")
        try:
            yield
        finally:
            CURRENT.reset(token)

    def end(self, ended: AttemptEnded) -> None:
        assert (CURRENT.get(), ended.record.number) == ("caller", self.number)


class Peeking:
    """Notes which span is current when it is called, and fails first."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    async def generate(self, call: Call) -> ProviderResponse:
        self.seen.append((call.deployment.name, CURRENT.get()))
        raise call_failure("http_500")

    async def stream(self, call: Call) -> AsyncIterator[StreamEvent]:
        self.seen.append((call.deployment.name, CURRENT.get()))
        if len(self.seen) == 1:
            raise call_failure("http_500")
        for text in "ab":
            yield TextDelta(text=text)
        yield DONE


def test_the_attempts_span_is_current_for_the_provider_and_never_for_the_caller() -> None:
    async def main() -> None:
        rig, peeking = Rig({"a": [answer()], "b": [answer()]}), Peeking()
        runner = Runner(RunnerSettings(worker="w"), equipment(rig, provider=peeking, observer=Spans()))
        seen = [CURRENT.get() async for _ in runner.stream(rig.run("a", "b"))]
        assert peeking.seen == [("a", "attempt 1"), ("b", "attempt 2")]
        assert set(seen) == {"caller"}
        await runner.generate(rig.run("a"))
        assert peeking.seen[2:] == [("a", "attempt 1")]

    run(main())
