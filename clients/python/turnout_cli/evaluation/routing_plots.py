"""Draws what was measured of routers: curves as SVG, and as PNG with the extra `plots`."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np

from turnout_cli.evaluation.metrics import Column, curve
from turnout_cli.evaluation.pool import PoolReport
from turnout_cli.evaluation.routing import Report

WIDTH, HEIGHT, EDGE = 640, 420, 56
COLOURS = ("#0b6e99", "#d9730d", "#4d6461", "#6940a5", "#9b9a97", "#0f7b6c")
Lines = Mapping[str, tuple[Column, Column]]


def draw(report: Report | PoolReport, folder: Path) -> list[Path]:
    """Write the plots of `report` into `folder`, and tell which."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, across, up, lines in _plots(report):
        path = folder / f"{name}.svg"
        path.write_text(as_svg(across, up, lines), encoding="utf-8")
        written += [path, *as_png(folder / f"{name}.png", across, up, lines)]
    return written


def _plots(report: Report | PoolReport) -> list[tuple[str, str, str, Lines]]:
    if isinstance(report, PoolReport):
        return [("quality_by_cost", "cost a prompt, $", "quality", report.curves)]
    grid = np.linspace(0, 1, 101)
    calls: dict[str, tuple[Column, Column]] = {}
    spent: dict[str, tuple[Column, Column]] = {}
    for who in report.mean:
        found = [curve(part.scores[who], part.pair) for part in report.parts]
        calls[who] = grid, np.mean([np.interp(grid, at.calls, at.gained) for at in found], axis=0)
        spent[who] = grid, np.mean([np.interp(grid, at.spent, at.gained) for at in found], axis=0)
    return [
        ("gap_by_calls", "share of calls to the strong model", "share of the gap recovered", calls),
        ("gap_by_cost", "share of the surcharge spent", "share of the gap recovered", spent),
    ]


def _bounds(lines: Lines) -> tuple[float, float, float, float]:
    across, up = (np.concatenate([line[at] for line in lines.values()]) for at in (0, 1))
    return float(across.min()), float(across.max()), min(0.0, float(up.min())), float(up.max())


def as_svg(across: str, up: str, lines: Lines) -> str:
    """Lines as an SVG document, with the names of both axes."""
    left, right, low, high = _bounds(lines)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            EDGE + (WIDTH - 2 * EDGE) * (x - left) / ((right - left) or 1),
            HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (y - low) / ((high - low) or 1),
        )

    for step in range(6):
        x, y = left + (right - left) * step / 5, low + (high - low) * step / 5
        (px, _), (_, py) = place(x, low), place(left, y)
        drawn.append(f'<path d="M{EDGE} {py:.1f}H{WIDTH - EDGE}" stroke="#ddd"/>')
        drawn.append(f'<text x="{EDGE - 6}" y="{py + 4:.1f}" text-anchor="end">{y:.2f}</text>')
        drawn.append(f'<text x="{px:.1f}" y="{HEIGHT - EDGE + 16}" text-anchor="middle">{x:.3g}</text>')
    for number, (who, (xs, ys)) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn.append(f'<text x="{EDGE + 8}" y="{EDGE + 14 * number}" fill="{colour}">{escape(who)}</text>')
    drawn.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 14}" text-anchor="middle">{escape(across)}</text>')
    drawn.append(f'<text transform="translate(14 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>')
    return "\n".join([*drawn, "</svg>\n"])


def as_png(path: Path, across: str, up: str, lines: Lines) -> list[Path]:
    """The same as a picture; nothing if matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return []
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel=across, ylabel=up)
    for number, (who, (xs, ys)) in enumerate(lines.items()):
        axes.plot(xs, ys, label=who, color=COLOURS[number % len(COLOURS)])
    axes.grid(visible=True, color="#ddd")
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Software": "turnout"})
    return [path]
