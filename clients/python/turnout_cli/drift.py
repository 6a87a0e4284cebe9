"""`turnout drift`: whether the mix of requests, the confidence and the quality of each workload are as they were."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from turnout_cli.ask import emit
from turnout_cli.config import Connection
from turnout_cli.report import age
from turnout_wire.control_line import ControlLine
from turnout_wire.insights import Insights, Plain

_STYLES = {"alarm": "bold red", "steady": "", "unknown": "dim"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to compare, and how to show it."""

    workloads: Sequence[str]
    tenants: Sequence[str]
    recent: timedelta
    reference: timedelta
    as_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days of a workload, the last included."""

    workload: str
    first: datetime
    last: datetime


def span(option: str, text: str) -> timedelta:
    """Whole days, as `3d` or `1w`. Raises ValueError."""
    found = age(text, option)
    if found % timedelta(days=1):
        raise ValueError(f"{option}: {text!r} is no number of whole days: write 1d, or 1w")
    return found


async def drift(connection: Connection, asked: Asked, console: Console, seconds: float) -> int:
    """Ask and show; 1 if there is an alarm that nobody said to know of. Raises Failure."""
    async with ControlLine(connection.control[0], connection.token, seconds) as line:
        found = await Insights(line).drift(
            workloads=asked.workloads, tenants=asked.tenants, recent=asked.recent, reference=asked.reference
        )
    if asked.as_json:
        emit(found)
    else:
        show(found, console)
    return int(any(each["state"] == "alarm" and each["acknowledged_at"] is None for each in found["drifts"]))


def show(found: Plain, console: Console) -> None:
    """A table for people, and what is to be known of what alarms."""
    days = [round(found[name] / 86_400) for name in ("recent", "reference")]
    console.print(f"[bold]the last {_days(days[0])} beside the {_days(days[1])} before[/bold]", highlight=False)
    table = Table("tenant", "workload", "work", "measure", "state")
    for heading in ("now", "due", "band", "counted"):
        table.add_column(heading, justify="right")
    for each in found["drifts"]:
        table.add_row(*cells(each), style="yellow" if each["acknowledged_at"] else _STYLES[each["state"]])
    console.print(table if found["drifts"] else "nothing was decided yet")
    for each in found["drifts"]:
        if each["state"] == "alarm":
            console.print(told(each), highlight=False, markup=False, soft_wrap=True)
    for pin in found["pinned"]:
        console.print(pinned(pin), highlight=False, markup=False, soft_wrap=True)
    if found["progress"]["behind"]:
        console.print(f"[dim]{found['progress']['behind']:,} entries of the log are not counted yet[/dim]")


def cells(each: Plain) -> list[str]:
    """A row of the table."""
    work = each["task_type"] if each["task_type"] != "unknown" else "all"
    state = "known alarm" if each["acknowledged_at"] else each["state"]
    names = [each["tenant"], each["workload"], work, each["measure"], state]
    counted = f"{each['recent_count']:,} / {each['reference_count']:,}"
    if each["value"] is None:
        return [*names, "-", "-", "-", counted]
    due = "-" if each["measure"] == "mix" else f"{each['reference']:.3f}"
    return [*names, f"{each['value']:.3f}", due, f"{each['low']:.3f} to {each['high']:.3f}", counted]


def told(each: Plain) -> str:
    """An alarm in a sentence."""
    work = f" of {each['task_type']}" if each["task_type"] != "unknown" else ""
    since = f", since {each['since']:%Y-%m-%d %H:%M} UTC" if each["since"] else ""
    known = ""
    if each["acknowledged_at"]:
        who = f" by {each['acknowledged_by']}" if each["acknowledged_by"] else ""
        known = f", acknowledged{who} on {each['acknowledged_at']:%Y-%m-%d %H:%M} UTC"
    return f"{each['workload']}: {each['measure']}{work}: {each['detail']}{since}{known}"


def pinned(pin: Plain) -> str:
    """A pinned reference in a sentence."""
    last = pin["until"] - timedelta(days=1)
    who = f"by {pin['pinned_by']} " if pin["pinned_by"] else ""
    return (
        f"{pin['workload']} is compared with {pin['since']:%Y-%m-%d} to {last:%Y-%m-%d}, "
        f"pinned {who}on {pin['pinned_at']:%Y-%m-%d %H:%M} UTC"
    )


def day(option: str, text: str) -> datetime:
    """The midnight of UTC that `2026-11-21` begins with. Raises ValueError."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{option}: {text!r} is no day: write it as 2026-11-21") from None


async def pin(connection: Connection, period: Period, console: Console, seconds: float, *, as_json: bool) -> int:
    """Pin the reference of a workload. Raises Failure."""
    async with ControlLine(connection.control[0], connection.token, seconds) as line:
        found = await Insights(line).pin_drift(period.workload, period.first, period.last + timedelta(days=1))
    if as_json:
        emit(found)
    else:
        console.print(pinned(found), highlight=False, markup=False, soft_wrap=True)
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The alarms that somebody knows of; of all tenants and measures where none is named."""

    workload: str
    tenants: Sequence[str]
    measures: Sequence[str]


async def acknowledge(connection: Connection, known: Known, console: Console, seconds: float, *, as_json: bool) -> int:
    """Say so. Raises Failure."""
    async with ControlLine(connection.control[0], connection.token, seconds) as line:
        found = await Insights(line).acknowledge_drift(known.workload, known.tenants, known.measures)
    if as_json:
        emit({"drifts": found})
    for each in [] if as_json else found:
        console.print(told(each), highlight=False, markup=False, soft_wrap=True)
    return 0


async def unpin(connection: Connection, workload: str, console: Console, seconds: float) -> int:
    """Let it go. Raises Failure."""
    async with ControlLine(connection.control[0], connection.token, seconds) as line:
        await Insights(line).unpin_drift(workload)
    console.print(f"{workload} is compared with the weeks before again", highlight=False, markup=False)
    return 0


def _days(count: int) -> str:
    return "day" if count == 1 else f"{count} days"
