"""Shows what was learned from a deployment's own log."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from rich.table import Table

from turnout_cli.app import err, out
from turnout_cli.evaluation.experiences import REASONS, Own


def own_json(own: Own, base: Path | None, to: Path) -> dict[str, Any]:
    """The report as a document."""
    return {
        "file": str(to),
        "digest": sha256(own.content).hexdigest(),
        "bytes": len(own.content),
        "version": own.learned.version,
        "base": str(base) if base is not None else "",
        "decisions": own.decisions,
        "answers": own.answers,
        "results": {"with_feedback": own.judged, "of_no_use": own.failed},
        "left_out": {str(why): count for why, count in own.left_out.items()},
        "calibrations_left_behind": own.calibrations,
        "experience": [
            {
                "workload": one.workload,
                "model": one.model,
                "results": one.results,
                "score": one.score,
                "expected_without": one.expected,
                "shift": one.kept.shift / 1e6,
                "deviation": one.kept.spread / 1e6,
            }
            for one in own.places
        ],
        "held_out": [
            {
                "workload": one.workload,
                "results": one.results,
                "log_loss": one.expected,
                "log_loss_without": one.before,
                "log_loss_catalog": one.catalog,
            }
            for one in own.held
        ],
    }


def show_own(own: Own, to: Path) -> None:
    """The same for a person."""
    found = _table("workload", "model", "results", "mean score", "expected before", "moved by")
    for one in own.places:
        moved = f"{one.kept.shift / 1e6:+.3f} ± {one.kept.spread / 1e6:.3f}"
        found.add_row(one.workload, one.model, str(one.results), f"{one.score:.3f}", f"{one.expected:.3f}", moved)
    out.print(found)
    if own.held:
        held = _table("latest results of", "results", "log loss", "without own results", "by the catalog alone")
        for each in own.held:
            figures = (f"{each.expected:.4f}", f"{each.before:.4f}", f"{each.catalog:.4f}")
            held.add_row(each.workload or "all", str(each.results), *figures, style="" if each.better else "yellow")
        out.print(held)
    else:
        _warn("too few results to hold any out: how well the latest are expected is not known yet")
    if own.held and not own.held[0].better:
        _warn("the latest results are not expected better with those before them")
    for why, count in own.left_out.items():
        _warn(f"left out: {count} {REASONS[why]}")
    if own.calibrations:
        _warn(f"{own.calibrations} calibrations of the base were left behind: `turnout calibrate` again")
    out.print(
        f"learned from {own.judged} answers with feedback and {own.failed} of no use, and how long "
        f"{own.answers} answers are, of {own.decisions} decisions; {len(own.content)} bytes in {to}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    out.print(f"digest {sha256(own.content).hexdigest()}", highlight=False, markup=False, soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        words = column in {"workload", "model", "latest results of"}
        table.add_column(column, justify="left" if words else "right", overflow="fold", no_wrap=words)
    return table


def _warn(text: str) -> None:
    err.print(text, style="yellow", markup=False, soft_wrap=True)
