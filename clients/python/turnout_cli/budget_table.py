"""Budgets and alerts for people, and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from turnout_cli.ask import emit
from turnout_cli.demo.outcome import dollars
from turnout_client import BudgetAlert, BudgetMeasure, BudgetStatus, Client

BAR = 20
"""Characters of a bar."""


async def statuses(client: Client, name: str, console: Console, *, check: bool, as_json: bool) -> int:
    """How the accounts of one budget or of all stand; 1 if `check` finds one with a share spent that alerts."""
    found = (await client.budget(name)).accounts if name else await client.budgets()
    if as_json:
        emit({"budgets": [asdict(status) for status in found]})
    elif found:
        console.print(table(found))
    else:
        console.print("No budget has been used." if name else "There are no budgets; they are made in turnout.yaml.")
    return int(check and any(status.passed for status in found))


async def alerts(client: Client, name: str, console: Console, *, as_json: bool) -> int:
    """The newest alerts of one budget or of all."""
    found = [alert for alert in await client.budget_alerts(name_prefix=name) if not name or alert.budget == name]
    if as_json:
        emit({"alerts": [asdict(alert) for alert in found]})
    else:
        show_alerts(found, console)
    return 0


def table(found: Sequence[BudgetStatus]) -> Table:
    """One line for each account."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("budget", overflow="fold")
    shown.add_column("used")
    for column in ("", "spent", "held", "limit", "at the end"):
        shown.add_column(column, justify="right", no_wrap=True)
    shown.add_column("window ends")
    for status in found:
        shown.add_row(
            Text(status.account),
            bar(status),
            f"{status.utilisation:.0%}",
            amount(status.measure, status.spent),
            amount(status.measure, status.reserved),
            amount(status.measure, status.limit),
            _forecast(status),
            f"{status.window_ends_at:%Y-%m-%d %H:%M}" if status.window_ends_at else "never",
        )
    return shown


def bar(status: BudgetStatus) -> Text:
    """What is spent, then what is held, as parts of the limit; green, yellow from the first share that alerts, red when full."""
    full = status.limit or 1
    spent = min(round(status.spent / full * BAR), BAR) if status.limit else BAR
    held = min(round((status.spent + status.reserved) / full * BAR), BAR) - spent if status.limit else 0
    colour = "red" if status.spent >= status.limit else "yellow" if status.passed else "green"
    return Text.assemble(("█" * spent, colour), ("▒" * held, colour), ("·" * (BAR - spent - held), "dim"))


def _forecast(status: BudgetStatus) -> Text:
    if status.forecast is None:
        return Text("")
    told = amount(status.measure, status.forecast)
    return Text(told, style="red" if status.forecast_exceeds_at is not None else "")


def amount(measure: BudgetMeasure, value: int) -> str:
    """`$1.50`, or a count with commas."""
    if measure is not BudgetMeasure.COST:
        return f"{value:,}"
    return dollars(value)


def show_alerts(found: Sequence[BudgetAlert], console: Console) -> None:
    """Newest first."""
    if not found:
        console.print("No alert was raised.")
    for alert in found:
        spent, limit = amount(alert.measure, alert.spent), amount(alert.measure, alert.limit)
        console.print(
            Text.assemble(
                (f"{alert.at:%Y-%m-%d %H:%M:%S} ", "dim"),
                (alert.account, "bold"),
                f" passed {alert.threshold:.0%}: {spent} of {limit} spent",
            ),
            soft_wrap=True,
        )
