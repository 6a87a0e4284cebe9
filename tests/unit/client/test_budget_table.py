"""Bars and figures of `turnout budget`."""

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from turnout_cli.budget_table import amount, bar, show_alerts, table
from turnout_client import BudgetAlert, BudgetMeasure, BudgetStatus, BudgetWindow

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
STATUS = BudgetStatus(
    budget="daily",
    account="daily{tenant=[b]acme}",
    measure=BudgetMeasure.COST,
    window=BudgetWindow.DAY,
    window_start=NOON,
    window_ends_at=NOON,
    limit=1_000_000_000,
    spent=500_000_000,
    reserved=100_000_000,
    remaining=400_000_000,
    utilisation=0.5,
    forecast=1_200_000_000,
    forecast_exceeds_at=NOON,
    passed=(0.5,),
)


@pytest.mark.parametrize(
    ("spent", "reserved", "limit", "drawn"),
    [
        (0, 0, 100, "·" * 20),
        (50, 25, 100, "█" * 10 + "▒" * 5 + "·" * 5),
        (120, 10, 100, "█" * 20),
        (90, 50, 100, "█" * 18 + "▒" * 2),
        (0, 0, 0, "█" * 20),
    ],
)
def test_a_bar_shows_what_is_spent_and_held(spent: int, reserved: int, limit: int, drawn: str) -> None:
    assert bar(replace(STATUS, spent=spent, reserved=reserved, limit=limit)).plain == drawn


def test_a_bar_turns_yellow_with_the_first_alert_and_red_when_it_is_full() -> None:
    colours = [
        bar(status).spans[0].style
        for status in (replace(STATUS, passed=()), STATUS, replace(STATUS, spent=STATUS.limit))
    ]
    assert colours == ["green", "yellow", "red"]


def test_a_table_takes_names_as_they_are_and_colours_only_a_terminal() -> None:
    console = Console(width=160, file=StringIO())
    with console.capture() as captured:
        console.print(
            table([STATUS, replace(STATUS, measure=BudgetMeasure.TOKENS, forecast=None, window_ends_at=None)])
        )
    text = captured.get()
    assert "\x1b" not in text
    assert "daily{tenant=[b]acme}" in text
    assert "$1.2000" in text
    assert "1,000,000,000" in text
    assert "never" in text


def test_alerts_tell_when_and_what() -> None:
    alert = BudgetAlert(
        at=NOON, budget="daily", account="daily", threshold=0.8, measure=BudgetMeasure.REQUESTS,
        window=BudgetWindow.DAY, window_start=None, window_ends_at=None, limit=1_000, spent=800,
    )  # fmt: skip
    console = Console(width=160, file=StringIO())
    with console.capture() as captured:
        show_alerts([alert], console)
        show_alerts([], console)
    assert "2026-11-21 12:00:00 daily passed 80%: 800 of 1,000 spent" in captured.get()
    assert "No alert was raised." in captured.get()


def test_amounts_have_their_unit() -> None:
    assert amount(BudgetMeasure.COST, 1_500_000_000) == "$1.5000"
    assert amount(BudgetMeasure.REQUESTS, 12_000) == "12,000"
