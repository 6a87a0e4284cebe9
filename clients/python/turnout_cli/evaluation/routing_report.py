"""What was measured of routers, as a table for people and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from turnout_cli.evaluation.metrics import NAMES, Interval
from turnout_cli.evaluation.routing import Part, Report

_HEADS = {
    "apgr": "APGR", "cpt50": "CPT50 %", "cpt80": "CPT80 %", "cost_apgr": "cost APGR", "aiq": "AIQ",
    "saved95": "saved at 95 %", "saved98": "saved at 98 %",
}  # fmt: skip
_SHARES = ("cpt50", "cpt80", "saved95", "saved98")


def show(report: Report, out: Console) -> None:
    """Print tables: one for each part if they are few, and the mean."""
    weak, strong = report.parts[0].points
    out.print(f"{escape(weak)} → {escape(strong)}, tested on {escape(str(report.settings.test))}", highlight=False)
    if len(report.parts) > 1:
        out.print(_parts(report.parts))
    out.print(_routers(report.mean, "mean of the parts" if len(report.parts) > 1 else report.parts[0].name))
    out.print(_points(report.parts))
    dropped, trained = max(part.dropped for part in report.parts), report.parts[0].trained
    out.print(
        f"trained on {trained:,} prompts; {dropped:,} near-duplicates of tested questions left out", highlight=False
    )
    for note in report.notes:
        out.print(escape(note), highlight=False)


def table_of(*heads: str, title: str | None = None) -> Table:
    """Cells go on in the next line where a terminal is narrow: half a figure is worse than none."""
    return Table(*(Column(head, overflow="fold") for head in heads), title=title)


def _routers(measured: Mapping[str, Mapping[str, Interval]], title: str) -> Table:
    table = table_of("router", *(_HEADS[name] for name in NAMES), title=title)
    for who, figures in measured.items():
        table.add_row(escape(who), *(_cell(name, figures[name]) for name in NAMES))
    return table


def _parts(parts: Sequence[Part]) -> Table:
    names = list(parts[0].routers)
    table = table_of("held out", "prompts", *(escape(f"{who} APGR") for who in names))
    for part in parts:
        figures = [_cell("apgr", part.routers[who]["apgr"]) if who in part.routers else "" for who in names]
        table.add_row(escape(part.name), f"{part.prompts:,}", *figures)
    return table


def _points(parts: Sequence[Part]) -> Table:
    table = table_of("always", "quality", "cost a prompt")
    total = sum(part.prompts for part in parts)
    found = {}
    for name in parts[0].points:
        quality, cost = (sum(part.points[name][at] * part.prompts for part in parts) / total for at in (0, 1))
        found[name] = (quality, cost)
    best = max(found, key=lambda name: found[name])
    for name, (quality, cost) in found.items():
        table.add_row(escape(name) + (" (best single)" if name == best else ""), f"{quality:.3f}", f"{cost:.6g}")
    return table


def _cell(name: str, at: Interval) -> str:
    scale, digits = (100, 1) if name in _SHARES else (1, 3)
    return f"{at.value * scale:.{digits}f} ({at.low * scale:.{digits}f} to {at.high * scale:.{digits}f})"


def report_json(report: Report) -> dict[str, Any]:
    """Everything that was measured; shares are from 0 to 1."""
    return {
        "train": [str(path) for path in report.settings.train],
        "test": str(report.settings.test),
        "holdout": report.settings.holdout,
        "seed": report.settings.seed,
        "models": list(report.parts[0].points),
        "mean": _figures(report.mean),
        "parts": [
            {
                "name": part.name,
                "prompts": part.prompts,
                "trained": part.trained,
                "near_duplicates_left_out": part.dropped,
                "always": {name: {"quality": at[0], "cost": at[1]} for name, at in part.points.items()},
                "routers": _figures(part.routers),
            }
            for part in report.parts
        ],
        "notes": list(report.notes),
    }


def _figures(measured: Mapping[str, Mapping[str, Interval]]) -> dict[str, Any]:
    return {
        who: {name: {"value": at.value, "low": at.low, "high": at.high} for name, at in figures.items()}
        for who, figures in measured.items()
    }
