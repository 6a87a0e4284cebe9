"""What a caller is told when budgets have no room: which, how much, and when to ask again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.budget.model import (
    Account,
    AccountId,
    Balance,
    Budget,
    BudgetName,
    Hold,
    Measure,
    Purse,
    Shortage,
    Window,
)
from controlplane.budget.refusal import SHORTEST, failure_of, refusal
from controlplane.budget.windows import span
from tests.support.catalogs import NOW, catalog
from tests.support.decisions import asked, decided
from turnout_wire.failure import Failure

USD = 1_000_000_000
LATENCY = timedelta(seconds=1.5)
TO_MIDNIGHT = timedelta(hours=12)


def purse(
    name: str, limit: int, balance: Balance, measure: Measure = Measure.COST, window: Window = Window.DAY
) -> Purse:
    of = span(window, NOW)
    account = Account(id=AccountId(f"{name}{{tenant=acme}}"), window_start=of.start)
    return Purse(
        budget=BudgetName(name), account=account, measure=measure, limit=limit, balance=balance, ends_at=of.ends_at
    )


def short_of(amount: int, of: Purse) -> Shortage:
    hold = Hold(account=of.account, measure=of.measure, limit=of.limit, amount=amount, estimate=amount)
    return Shortage(hold=hold, balance=of.balance)


def told(*short: tuple[int, Purse], latency: timedelta = LATENCY) -> Failure:
    shortages = [short_of(amount, of) for amount, of in short]
    return failure_of(shortages, [of for _, of in short], now=NOW, latency=latency)


SPENT = purse("daily", 100 * USD, Balance(spent=99 * USD, reserved=USD // 2))
HELD = purse("daily", 100 * USD, Balance(spent=90 * USD, reserved=10 * USD))
RATE = purse("rate", 600, Balance(spent=600), Measure.REQUESTS, Window.MINUTE)


def test_what_is_spent_comes_back_with_the_next_window() -> None:
    failure = told((2 * USD, SPENT))
    assert (failure.reason, failure.retry_after) == ("BUDGET_EXHAUSTED", TO_MIDNIGHT)
    assert failure.message == (
        "no room in a budget: daily{tenant=acme} has $0.50 of $100.00 left ($99.00 spent, $0.50 held), and $2.00 may be needed; "
        "try again after the time given, when its window ends, or raise its limit"
    )
    assert failure.metadata == {
        "budget": "daily",
        "account": "daily{tenant=acme}",
        "measure": "cost",
        "limit": str(100 * USD),
        "spent": str(99 * USD),
        "reserved": str(USD // 2),
        "needed": str(2 * USD),
        "window_ends_at": "2026-11-22T00:00:00+00:00",
    }


def test_what_others_hold_comes_back_when_their_runs_end() -> None:
    failure = told((2 * USD, HELD))
    assert (failure.reason, failure.retry_after) == ("BUDGET_IN_FLIGHT", LATENCY)


def test_nobody_waits_longer_for_what_is_held_than_for_the_next_window() -> None:
    of = purse("minutely", USD, Balance(reserved=USD), window=Window.MINUTE)
    assert told((USD, of), latency=timedelta(hours=2)).retry_after == timedelta(minutes=1)


def test_nobody_comes_back_at_once() -> None:
    assert told((USD, HELD), latency=timedelta(0)).retry_after == SHORTEST


def test_one_account_that_is_spent_makes_waiting_for_others_vain() -> None:
    assert told((2 * USD, HELD), (2 * USD, SPENT)).reason == "BUDGET_EXHAUSTED"
    assert told((1, RATE), (2 * USD, SPENT)).reason == "BUDGET_EXHAUSTED"


def test_a_limit_on_requests_or_tokens_is_a_limit_on_the_rate() -> None:
    failure = told((2 * USD, HELD), (1, RATE))
    assert (failure.reason, failure.retry_after) == ("RATE_LIMITED", timedelta(minutes=1))
    assert "rate{tenant=acme} has 0 of 600 requests left (600 spent, 0 held), and 1 may be needed" in failure.message


def test_of_several_the_one_is_told_that_is_waited_for_the_longest() -> None:
    hourly = purse("hourly", USD, Balance(spent=USD), window=Window.HOUR)
    ever = purse("ever", USD, Balance(spent=USD), window=Window.TOTAL)
    assert told((USD, hourly), (2 * USD, SPENT)).retry_after == TO_MIDNIGHT
    failure = told((USD, hourly), (USD, ever), (2 * USD, SPENT))
    assert (failure.retry_after, failure.metadata["budget"]) == (None, "ever")
    assert failure.metadata["window_ends_at"] == ""
    assert "it never begins anew: raise its limit" in failure.message


def test_nobody_waits_for_what_can_never_fit() -> None:
    failure = told((101 * USD, SPENT))
    assert (failure.reason, failure.retry_after) == ("BUDGET_EXHAUSTED", None)
    assert "more than the limit as a whole: ask for a shorter answer, or raise the limit" in failure.message


def test_without_a_shortage_there_is_nothing_to_tell() -> None:
    with pytest.raises(ValueError, match="something that is short"):
        told()


def test_a_decision_that_budgets_refuse_tells_it_by_itself() -> None:
    budget = Budget(name=BudgetName("all"), limit=USD // 1000, window=Window.DAY)
    start = span(Window.DAY, NOW).start
    held = {Account(id=AccountId("all"), window_start=start): Balance(reserved=USD // 1000)}
    decision = decided(asked(), catalog(budgets=[budget]), balances=held)
    failure = refusal(decision, NOW)
    assert (failure.reason, failure.metadata["account"]) == ("BUDGET_EXHAUSTED", "all")
    roomy = decided(
        asked(), catalog(budgets=[replace(budget, limit=USD)]), balances={next(iter(held)): Balance(reserved=USD)}
    )
    assert refusal(roomy, NOW).reason == "BUDGET_IN_FLIGHT"
    assert refusal(roomy, NOW).retry_after == decided(asked(), catalog()).targets[0].estimate.latency
