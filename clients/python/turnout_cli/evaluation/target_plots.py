"""Draws what was found of a target: loss with its bound, and cost, over what a good answer is worth."""

from pathlib import Path

import numpy as np

from turnout_cli.evaluation.routing_plots import Lines, as_png, as_svg
from turnout_cli.evaluation.tables import TableInvalid
from turnout_cli.evaluation.targets import Calibrated

SUFFIXES = (".svg", ".png")


def draw(found: Calibrated, path: Path) -> None:
    """Write the plot to `path`. Raises TableInvalid if that is a PNG and matplotlib is not installed."""
    across, up = "what a good answer is worth, power of ten dollars", "share of the reference"
    if path.suffix == ".svg":
        path.write_text(as_svg(across, up, _lines(found)), encoding="utf-8")
    elif not as_png(path, across, up, _lines(found)):
        raise TableInvalid(f"{path}: drawing a PNG needs the extra: pip install 'turnout[plots]'; or write an .svg")


def _lines(found: Calibrated) -> Lines:
    """Every worth up to a few beyond those where nothing changes any more."""
    worths = np.log10([step.worth_nanousd / 1e9 for step in found.run.steps])
    target = np.full(len(worths), found.aimed.target.within_ppm / 1e6)
    bounds = np.array([found.bound(at) for at in range(len(worths))])
    lines = {
        "cost": found.costs / (found.reference_cost or 1.0),
        "loss": np.array([step.loss for step in found.run.steps]),
        "loss with the stated confidence": bounds,
        "target": target,
    }
    changing = np.flatnonzero(np.diff(found.costs))
    first, last = (max(0, changing[0] - 2), changing[-1] + 4) if len(changing) else (0, len(worths))
    return {name: (worths[first:last], column[first:last]) for name, column in lines.items()}
