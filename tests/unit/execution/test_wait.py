"""Waiting, retry budgets and places in flight."""

import asyncio
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.execution.budget import BudgetSettings, RetryBudget, RetryBudgets
from dataplane.execution.bulkhead import Bulkheads
from dataplane.execution.step import Done, Wait, WaitFor
from dataplane.execution.wait import Waiting, WaitSettings
from tests.support.runs import target
from tests.support.virtual_time import VirtualClock, pause, run

SETTINGS = WaitSettings(base=timedelta(seconds=1), cap=timedelta(seconds=4), tries=5)


def a_wait(*, hint: float = 0.0, left: float = 60.0, tries: int = 1, purpose: WaitFor = WaitFor.RETRY) -> Wait:
    return Wait(purpose=purpose, index=0, target=target("a"), tries=tries, hint=hint, left=left)


def waited(wait: Wait, *, draw: float = 0.5, budgets: RetryBudgets | None = None) -> Done:
    """What comes of `wait` in virtual time."""

    async def main() -> Done:
        waiting = Waiting(
            SETTINGS,
            budgets=budgets or RetryBudgets(BudgetSettings()),
            clock=VirtualClock(),
            draw=lambda: draw,
            sleep=pause,
        )
        return await waiting(wait)

    return run(main())


@pytest.mark.parametrize(("tries", "draw", "seconds"), [(1, 0.5, 0.5), (2, 0.5, 1.0), (3, 0.25, 1.0), (4, 0.5, 2.0)])
def test_jitter_is_full_and_its_bound_doubles_up_to_the_cap(tries: int, draw: float, seconds: float) -> None:
    assert waited(a_wait(tries=tries), draw=draw) == Done(now=seconds)


@pytest.mark.parametrize(("hint", "seconds"), [(0.2, 0.5), (3.0, 3.0), (30.0, 30.0)])
def test_the_servers_hint_wins_where_it_is_longer(hint: float, seconds: float) -> None:
    assert waited(a_wait(hint=hint)) == Done(now=seconds)


def test_a_wait_that_would_not_end_before_the_deadline_is_denied_at_once() -> None:
    assert waited(a_wait(hint=3.0, left=3.0)) == Done(now=0.0, denied=True)


def test_a_target_is_not_tried_for_ever() -> None:
    assert waited(a_wait(tries=5)).denied


def test_a_wait_that_the_budget_does_not_cover_is_denied() -> None:
    budgets = RetryBudgets(BudgetSettings(capacity=1.0))
    assert not waited(a_wait(), budgets=budgets).denied
    assert waited(a_wait(), budgets=budgets).denied


def test_a_wait_that_is_denied_for_another_reason_spends_nothing() -> None:
    budgets = RetryBudgets(BudgetSettings(capacity=1.0))
    assert waited(a_wait(hint=9.0, left=1.0), budgets=budgets).denied
    assert not waited(a_wait(), budgets=budgets).denied


def test_waiting_for_a_breaker_is_no_retry() -> None:
    budgets = RetryBudgets(BudgetSettings(capacity=0.0))
    assert not waited(a_wait(purpose=WaitFor.OPENING, tries=0), budgets=budgets).denied


def test_waits_of_many_runs_do_not_disturb_each_other() -> None:
    async def main() -> list[float]:
        waiting = Waiting(
            SETTINGS,
            budgets=RetryBudgets(BudgetSettings()),
            clock=VirtualClock(),
            draw=lambda: 0.0,
            sleep=pause,
        )
        return [done.now for done in await asyncio.gather(*(waiting(a_wait(hint=float(n))) for n in range(1, 8)))]

    assert run(main()) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def test_a_budget_grows_with_requests_and_time_and_is_bounded() -> None:
    budget = RetryBudget(BudgetSettings(share=0.1, per_second=1.0, capacity=2.0), now=0.0)
    assert [budget.take(0.0) for _ in range(3)] == [True, True, False]
    for _ in range(10):
        budget.deposit(0.0)
    assert [budget.take(0.0) for _ in range(2)] == [True, False]
    assert [budget.take(1.0) for _ in range(2)] == [True, False]
    assert [budget.take(1000.0) for _ in range(3)] == [True, True, False]


@given(st.integers(0, 2**32), st.integers(1, 300))
def test_retries_never_exceed_the_stated_share(seed: int, requests: int) -> None:
    draw = random.Random(seed).random  # noqa: S311 - repeatable, no secret
    budget, now, granted = RetryBudget(BudgetSettings(), now=0.0), 0.0, 0
    for _ in range(requests):
        now += draw() / 10
        budget.deposit(now)
        granted += sum(budget.take(now) for _ in range(3))
    assert granted <= 10 + 0.1 * requests + now + 1e-6


def test_budgets_of_targets_that_are_gone_are_forgotten() -> None:
    budgets = RetryBudgets(BudgetSettings(capacity=1.0))
    assert budgets.of("a", 0.0).take(0.0)
    budgets.retain(frozenset({"b"}))
    assert budgets.of("a", 0.0).take(0.0)


def test_a_full_bulkhead_refuses_and_a_place_that_is_left_is_free_again() -> None:
    bulkheads = Bulkheads()
    first = bulkheads.enter("a", 1)
    assert first
    assert bulkheads.enter("a", 1) is None
    assert bulkheads.enter("b", 1)
    with first:
        assert bulkheads.in_flight("a") == 1
    first.leave()
    assert bulkheads.in_flight("a") == 0
    assert bulkheads.enter("a", 1)


def test_zero_is_no_limit() -> None:
    bulkheads = Bulkheads()
    assert all(bulkheads.enter("a", 0) for _ in range(1000))
    assert bulkheads.in_flight("a") == 1000
