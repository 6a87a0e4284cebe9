"""What was measured over a pool, as a table for people and as JSON."""

from typing import Any

from rich.console import Console
from rich.markup import escape

from turnout_cli.evaluation.pool import POOL_NAMES, PoolReport
from turnout_cli.evaluation.routing_report import table_of

_HEADS = {"aiq": "AIQ", "saved95": "saved at 95 %", "saved98": "saved at 98 %", "best": "best quality"}


def show_pool(report: PoolReport, out: Console) -> None:
    """Print the routers, and each model alone."""
    table = table_of("router", *(_HEADS[name] for name in POOL_NAMES), title=f"{len(report.points)} models")
    for who, figures in report.routers.items():
        cells = [f"{at.value:.3f} ({at.low:.3f} to {at.high:.3f})" for at in (figures[name] for name in POOL_NAMES)]
        table.add_row(escape(who), *cells)
    out.print(table)
    alone = table_of("always", "quality", "cost a prompt, $")
    for name, (quality, cost) in sorted(report.points.items(), key=lambda at: -at[1][0]):
        alone.add_row(escape(name), f"{quality:.3f}", f"{cost:.6g}")
    out.print(alone)
    out.print(
        f"{report.prompts:,} prompts tested, trained on {report.trained:,}; {report.dropped:,} near-duplicates left out",
        highlight=False,
    )


def pool_json(report: PoolReport) -> dict[str, Any]:
    """Everything that was measured; shares are from 0 to 1, costs in dollars."""
    return {
        "train": [str(path) for path in report.settings.train],
        "test": str(report.settings.test),
        "holdout": report.settings.holdout,
        "seed": report.settings.seed,
        "prompts": report.prompts,
        "trained": report.trained,
        "near_duplicates_left_out": report.dropped,
        "always": {name: {"quality": quality, "cost": cost} for name, (quality, cost) in report.points.items()},
        "routers": {
            who: {name: {"value": at.value, "low": at.low, "high": at.high} for name, at in figures.items()}
            for who, figures in report.routers.items()
        },
    }
