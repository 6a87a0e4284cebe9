"""`turnout report`: what was routed, what it cost and saved, how good it was."""

import csv
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from turnout_cli.ask import emit
from turnout_cli.config import Connection
from turnout_cli.demo.outcome import dollars
from turnout_wire.control_line import ControlLine
from turnout_wire.insights import DIMENSIONS, Insights, Plain

_AGE = re.compile(r"(\d+)([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to report, and how to show it."""

    since: datetime
    until: datetime
    by: tuple[str, ...]
    filters: Mapping[str, Sequence[str]]
    as_json: bool = False
    as_csv: bool = False
    html: Path | None = None


def age(text: str, option: str = "--since") -> timedelta:
    """`90m`, `24h`, `7d` or `2w`. Raises ValueError, which names the option."""
    found = _AGE.fullmatch(text.strip())
    if not found or int(found[1]) == 0:
        raise ValueError(f"{option}: {text!r} is no span such as 90m, 24h, 7d or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def dimensions(text: str) -> tuple[str, ...]:
    """`workload,model`. Raises ValueError."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    strange = [name for name in names if name not in DIMENSIONS]
    if strange:
        raise ValueError(f"--by: {strange[0]!r} is none of {', '.join(DIMENSIONS)}")
    return names


async def report(connection: Connection, asked: Asked, console: Console, seconds: float) -> int:
    """Ask, and show as was wished. Raises Failure."""
    async with ControlLine(connection.control[0], connection.token, seconds) as line:
        insights = Insights(line)
        if asked.html is not None:
            from turnout_cli.report_page import page

            text = await page(insights, asked.since, asked.until, asked.filters)
            asked.html.write_text(text, encoding="utf-8")
            console.print(f"{asked.html}: written", highlight=False)
            return 0
        found = await insights.report(
            since=asked.since, until=asked.until, group_by=asked.by, filters=asked.filters, limit=10_000
        )
    if asked.as_json:
        emit(found)
    elif asked.as_csv:
        write_csv(found, asked.by)
    else:
        show(found, asked.by, console)
    return 0


_COLUMNS = (
    "requests", "decided", "refused", "executed", "succeeded", "successful", "success_rate", "route_share",
    "fallback_rate", "escalation_rate", "low_confidence_rate", "mean_confidence", "cost_nanousd", "estimated_cost_nanousd",
    "cost_per_successful_nanousd", "baseline_cost_nanousd", "savings_nanousd", "savings_rate", "input_tokens",
    "output_tokens", "calls", "failed_calls", "adopted",
)  # fmt: skip


def write_csv(found: Plain, by: Sequence[str]) -> None:
    """Rows, or the totals if there are none by which to group; absent figures are empty."""
    names = [*by, *_COLUMNS, *_SPREADS, "quality_mean", "quality_low", "quality_high", "quality_count"]
    writer = csv.writer(sys.stdout)
    writer.writerow(names)
    rows = found["rows"] if by else [{"group": {}, "figures": found["totals"]}]
    for row in rows:
        figures = row["figures"]
        values = [label(row["group"], name) for name in by] + [figures[name] for name in _COLUMNS]
        values += [(figures[spread] or {}).get(part) for spread, part in _SPREADS.values()]
        values += [(figures["quality"] or {}).get(part) for part in ("mean", "low", "high", "count")]
        writer.writerow(["" if value is None else value for value in values])


_SPREADS: Mapping[str, tuple[str, str]] = {
    f"{name}_{part}_s": (name, part)
    for name in ("latency", "time_to_first_token")
    for part in ("mean", "p50", "p90", "p99")
}


def label(group: Mapping[str, Any], name: str) -> str:
    """The value of a dimension, for people."""
    value = group["begins" if name == "time" else name]
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return str(value) or "-"


def show(found: Plain, by: Sequence[str], console: Console) -> None:
    """A table for people: the groups, and the totals below."""
    console.print(
        f"[bold]{found['since']:%Y-%m-%d %H:%M} to {found['until']:%Y-%m-%d %H:%M} UTC[/bold]", highlight=False
    )
    table = Table(*by)
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    for row in found["rows"]:
        table.add_row(*(label(row["group"], name) for name in by), *cells(row["figures"]))
    if found["rows"]:
        table.add_section()
    table.add_row(*(["all", *[""] * (len(by) - 1)] if by else []), *cells(found["totals"]), style="bold")
    console.print(table)
    for line in notes(found):
        console.print(f"[dim]{line}[/dim]", highlight=False)


_HEADINGS = ("requests", "share", "success", "fallback", "cost", "per success", "saved", "p50", "p99", "quality")


def cells(figures: Plain) -> list[str]:
    """The figures of a group under `_HEADINGS`."""
    latency, quality = figures["latency"], figures["quality"]
    per_success = figures["cost_per_successful_nanousd"]
    return [
        f"{figures['requests']:,}",
        percent(figures["route_share"]),
        percent(figures["success_rate"]),
        percent(figures["fallback_rate"]),
        dollars(figures["cost_nanousd"]),
        "-" if per_success is None else dollars(per_success),
        percent(figures["savings_rate"]),
        seconds(latency and latency["p50"]),
        seconds(latency and latency["p99"]),
        f"{quality['mean']:.2f} ({quality['low']:.2f} to {quality['high']:.2f})" if quality else "-",
    ]


def headings() -> tuple[str, ...]:
    """What `cells` are."""
    return _HEADINGS


def percent(value: float | None) -> str:
    """A share, or a dash."""
    return "-" if value is None else f"{value:.1%}"


def seconds(value: float | None) -> str:
    """A time, or a dash."""
    return "-" if value is None else f"{value:.2f} s"


def notes(found: Plain) -> list[str]:
    """What the table does not show: what was refused, said and noticed, and how far the figures follow the log."""
    totals, progress = found["totals"], found["progress"]
    lines = [
        f"{heading}: " + ", ".join(f"{name} {count:,}" for name, count in totals[name_of].items())
        for heading, name_of in (
            ("refused", "refusals"),
            ("failed", "errors"),
            ("feedback", "labels"),
            ("signals", "signals"),
        )
        if totals[name_of]
    ]
    shown = len(found["rows"])
    if found["row_count"] > shown:
        lines.append(f"{found['row_count'] - shown:,} more rows; ask for a shorter window or fewer dimensions")
    if progress["behind"]:
        lines.append(f"{progress['behind']:,} entries of the log are not counted yet")
    if progress["dropped"]:
        lines.append(
            "not kept any more: " + ", ".join(f"{kind} {count:,}" for kind, count in progress["dropped"].items())
        )
    return lines


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
