"""A second call beside one that is late: who answers, what it costs, and when it is not made."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dataplane.chat.model import TextDelta, Usage, UsageReport
from dataplane.execution.equipment import RunnerSettings
from dataplane.execution.hedge import HedgeBudget, HedgeSettings
from dataplane.execution.receipt import AttemptRecord, RunResult
from dataplane.execution.run import Broken, Completed, RunEvent
from dataplane.permit.model import Target
from dataplane.provider.model import Verdict
from tests.support.runs import DONE, SILENCE, Rig, Script, answer, call_failure, failure, target
from tests.support.virtual_time import pause, run

AFTER = timedelta(seconds=1)
EVERY_RUN = RunnerSettings(worker="worker-1", hedge=HedgeSettings(after=AFTER, budget=1.0))


def hedged(
    scripts: dict[str, list[Script]], *targets: str | Target, settings: RunnerSettings = EVERY_RUN, **limits: Any
) -> tuple[list[RunEvent], Rig]:
    """The events of one streamed run in which a hedge is allowed."""

    async def main() -> tuple[list[RunEvent], Rig]:
        rig = Rig(scripts, settings=settings)
        return await rig.events(*(targets or tuple(scripts)), **limits), rig

    return run(main())


def said(events: list[RunEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def facts(rig: Rig) -> list[tuple[int, str, str, bool]]:
    """Number, deployment, error and whether it was the hedge, of each attempt in the receipt's order."""
    (receipt,) = rig.receipts
    return [(each.number, each.deployment, each.error, each.hedged) for each in receipt.attempts]


def test_the_second_answers_where_the_first_is_late() -> None:
    events, rig = hedged({"a": [answer("from a", after=9)], "b": [answer("from b")]})
    assert said(events) == "from b"
    assert rig.provider.calls == [("a", 0), ("b", 1)]
    assert facts(rig) == [(1, "a", "overtaken", False), (2, "b", "", True)]
    assert rig.receipts[0].result is RunResult.SUCCEEDED
    assert rig.receipts[0].time_to_first_token == timedelta(seconds=1.5)
    assert (rig.provider.closed, rig.provider.in_flight) == (1, 0)
    assert [commit.deployment for commit in rig.recorder.commits] == ["b"]


def test_without_a_hedge_the_caller_waits() -> None:
    """The control."""
    events, rig = hedged(
        {"a": [answer("from a", after=9)], "b": [answer("from b")]}, settings=RunnerSettings(worker="w")
    )
    assert said(events) == "from a"
    assert rig.receipts[0].time_to_first_token == timedelta(seconds=9)


def test_the_first_may_still_win_and_is_then_the_last_of_the_receipt() -> None:
    events, rig = hedged({"a": [answer("from ", "a", after=2)], "b": [answer("from b", after=9)]})
    assert said(events) == "from a"
    assert facts(rig) == [(2, "b", "overtaken", True), (1, "a", "", False)]


def test_a_first_that_is_in_time_is_alone() -> None:
    events, rig = hedged({"a": [answer("1", "2", after=0.9)], "b": [answer()]})
    assert said(events) == "12"
    assert rig.provider.called() == ["a"]


def test_once_content_flows_nothing_is_hedged() -> None:
    _, rig = hedged({"a": [(0.5, TextDelta(text="slow"), 20, TextDelta(text="ly"), DONE)], "b": [answer()]})
    assert rig.provider.called() == ["a"]


def test_whole_answers_are_hedged_too() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer("from a", after=9)], "b": [answer("from b")]}, settings=EVERY_RUN)
        outcome = await rig.runner.generate(rig.run("a", "b"))
        assert outcome.response
        assert facts(rig) == [(1, "a", "overtaken", False), (2, "b", "", True)]

    run(main())


def test_the_call_that_lost_is_settled_and_flagged() -> None:
    _, rig = hedged({"a": [(0.1, UsageReport(usage=Usage(input_tokens=80)), 1e9)], "b": [answer()]})
    lost, won = rig.receipts[0].attempts
    assert (lost.outcome, lost.usage) == (Verdict.IGNORED, Usage(input_tokens=80, estimated=True))
    assert (lost.cost_nanousd, lost.cost_estimated) == (80 * 2_500, True)
    assert not won.cost_estimated
    assert rig.receipts[0].cost_nanousd == lost.cost_nanousd + won.cost_nanousd
    assert rig.receipts[0].cost_estimated


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        (failure("http_500", after=2), answer("whole", after=3), "whole"),
        (answer("whole", after=3), failure("http_500", after=0.5), "whole"),
        (failure("http_500", after=2), failure("http_500", after=3), "from c"),
        (failure("http_500", after=3), failure("http_500", after=0.5), "from c"),
        (failure("bad_request", Verdict.IGNORED, after=2, http_status=400), failure("http_500", after=3), ""),
    ],
)
def test_whoever_fails_leaves_it_to_the_other_and_then_to_the_next(first: Script, second: Script, result: str) -> None:
    events, rig = hedged({"a": [first], "b": [second], "c": [answer("from c")]})
    assert said(events) == result
    assert sorted(number for number, *_ in facts(rig)) == list(range(1, len(rig.provider.calls) + 1))


def test_an_answer_that_breaks_off_after_it_won_is_broken() -> None:
    cut = (0.5, TextDelta(text="half"), 0.5, call_failure("stream_cut"))
    events, rig = hedged({"a": [SILENCE], "b": [cut], "c": [answer()]})
    assert isinstance(events[-1], Broken)
    assert events[-1].failure.reason == "STREAM_BROKEN"
    assert rig.provider.called() == ["a", "b"]


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param({"max_attempts": 1}, id="attempts"),
        pytest.param({"reserved_nanousd": 1_999_999}, id="what is held"),
        pytest.param({"max_cost_nanousd": 1_999_999}, id="money"),
        pytest.param({"time_left": timedelta(seconds=1)}, id="deadline"),
        pytest.param({"expires_in": timedelta(seconds=1)}, id="expiry"),
    ],
)
def test_a_hedge_that_the_decision_has_no_room_for_is_not_made(limits: dict[str, Any]) -> None:
    targets = [replace(target(name), max_cost_nanousd=1_000_000) for name in "ab"]
    _, rig = hedged({"a": [answer(after=9)], "b": [answer()]}, *targets, **limits)
    assert not any(attempt.hedged for attempt in rig.receipts[0].attempts)


@pytest.mark.parametrize("limits", [{"reserved_nanousd": 2_000_000}, {"max_cost_nanousd": 2_000_000}])
def test_with_room_for_both_it_is_made(limits: dict[str, Any]) -> None:
    """The control."""
    targets = [replace(target(name), max_cost_nanousd=1_000_000) for name in "ab"]
    _, rig = hedged({"a": [answer(after=9)], "b": [answer()]}, *targets, **limits)
    assert [attempt.hedged for attempt in rig.receipts[0].attempts] == [False, True]


def test_a_hedge_that_its_gate_refuses_changes_nothing() -> None:
    async def main() -> None:
        rig = Rig(
            {"a": [answer("from a", after=3)], "b": [answer()]},
            settings=EVERY_RUN,
            credentials=lambda reference: None if "B_KEY" in reference else "secret",
        )
        assert said(await rig.events("a", "b")) == "from a"
        assert rig.provider.called() == ["a"]

    run(main())


def test_no_more_than_the_budgets_share_of_all_runs_is_hedged() -> None:
    async def main() -> None:
        settings = RunnerSettings(worker="w", hedge=HedgeSettings(after=AFTER, budget=0.05))
        rig = Rig({"a": [answer(after=2)], "b": [answer()]}, settings=settings)
        for _ in range(10):
            await asyncio.gather(*(rig.runner.generate(rig.run("a", "b")) for _ in range(20)))
        assert sum(attempt.hedged for receipt in rig.receipts for attempt in receipt.attempts) == 10

    run(main())


def test_what_is_saved_for_a_bad_moment_is_bounded() -> None:
    budget = HedgeBudget(0.05)
    for _ in range(100_000):
        budget.deposit()
    assert sum(budget.take() for _ in range(100)) == 10


@pytest.mark.parametrize("after", [0.5, 1.2, 1.6])
def test_a_caller_who_goes_away_ends_both_calls(after: float) -> None:
    async def main() -> None:
        rig = Rig({"a": [SILENCE], "b": [(0.5, TextDelta(text="half"), 1e9)]}, settings=EVERY_RUN)
        task = asyncio.ensure_future(rig.events("a", "b"))
        await pause(after)
        task.cancel()
        await asyncio.wait([task])
        (receipt,) = rig.receipts
        assert receipt.result is RunResult.CANCELLED
        assert len(receipt.attempts) == len(rig.provider.calls) == (1 if after < 1 else 2)
        assert all(attempt.cost_nanousd for attempt in receipt.attempts)
        assert rig.provider.in_flight == 0
        assert [rig.bulkheads.in_flight(name) for name in "ab"] == [0, 0]

    run(main())


def test_a_stream_that_is_closed_after_its_first_word_leaves_nothing_behind() -> None:
    async def main() -> None:
        rig = Rig({"a": [SILENCE], "b": [answer(*"abc")]}, settings=EVERY_RUN)
        async with aclosing(rig.runner.stream(rig.run("a", "b"))) as stream:
            await anext(stream)
        assert rig.provider.in_flight == 0
        assert [each.error for each in rig.receipts[0].attempts] == ["overtaken", "cancelled"]

    run(main())


def test_the_answer_is_whole_whoever_gives_it() -> None:
    events, _ = hedged({"a": [SILENCE], "b": [answer("from b", usage=Usage(input_tokens=7, output_tokens=3))]})
    last = events[-1]
    assert isinstance(last, Completed)
    assert last.usage == Usage(input_tokens=7, output_tokens=3)
    record: AttemptRecord = last.receipt.attempts[-1]
    assert (record.deployment, record.cost_nanousd) == ("b", 7 * 2_500 + 3 * 10_000)


@pytest.mark.parametrize(("after", "budget"), [(0, 0.05), (1, 0), (1, 1.5)])
def test_a_hedge_needs_a_time_and_a_share(after: float, budget: float) -> None:
    with pytest.raises(ValueError, match="hedge"):
        HedgeSettings(after=timedelta(seconds=after), budget=budget)
