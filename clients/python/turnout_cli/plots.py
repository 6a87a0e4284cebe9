"""Plots as SVG text: lines over time, stacked shares, bars with intervals; colours come from the page's style."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 26, 12, 26
SERIES = 6
"""Colours that the page's style has; what comes after them is told as `others`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A named series; None where there is no value."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A named value, perhaps with an interval, and what is written beside it."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    told: str = ""


def nice(top: float) -> float:
    """The least of 1, 2, 2.5 and 5 times a power of ten that is not below `top`."""
    if top <= 0:
        return 1.0
    power = 10.0 ** (len(str(int(top))) - 1) if top >= 1 else 1.0
    while power > top:
        power /= 10
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= top * 0.999999)


def lines(times: Sequence[str], series: Sequence[Line], told: Callable[[float], str], *, area: bool = False) -> str:
    """Values over time; with `area` the first series is filled."""
    top = nice(max((value for line in series for value in line.values if value is not None), default=0))
    drawn = [_grid(times, top, told)]
    for number, line in enumerate(series[:SERIES]):
        points = [(_x(at, len(times)), _y(value, top)) for at, value in enumerate(line.values) if value is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        if area and number == 0 and points:
            base = HEIGHT - BOTTOM
            drawn.append(
                f'<polygon class="f{number}" points="{points[0][0]:.1f},{base} {path} {points[-1][0]:.1f},{base}"/>'
            )
        drawn.append(f'<polyline class="l{number}" points="{path}"/>')
        drawn += [
            f'<circle class="c{number}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"><title>{escape(line.name)}</title></circle>'
            for x, y in (points if len(points) <= 60 else [])
        ]
    return _figure(drawn, [line.name for line in series[:SERIES]])


def stacks(times: Sequence[str], series: Sequence[Line], told: Callable[[float], str]) -> str:
    """Shares of a whole over time, as columns."""
    drawn = [_grid(times, 1.0, told, middle=True)]
    width = (WIDTH - LEFT - RIGHT) / max(1, len(times))
    for at, time in enumerate(times):
        whole = sum(line.values[at] or 0 for line in series)
        reached = 0.0
        for number, line in enumerate(series):
            part = (line.values[at] or 0) / whole if whole else 0.0
            if part <= 0:
                continue
            y = _y(reached + part, 1.0)
            drawn.append(
                f'<rect class="c{min(number, SERIES - 1)}" x="{LEFT + at * width + 1:.1f}" y="{y:.1f}" '
                f'width="{max(width - 2, 0.5):.1f}" height="{_y(reached, 1.0) - y:.1f}">'
                f"<title>{escape(time)} {escape(line.name)} {part:.1%}</title></rect>"
            )
            reached += part
    return _figure(drawn, [line.name for line in series])


def bars(rows: Sequence[Bar], *, top: float | None = None, wide: bool = False) -> str:
    """Values side by side, each with its name to the left and what is told to the right."""
    whole, name, right, step = (1080, 330, 130, 26) if wide else (520, 172, 112, 26)
    most = top or nice(max((row.high or row.value for row in rows), default=1))
    height = step * max(1, len(rows)) + 8
    drawn = [f'<svg viewBox="0 0 {whole} {height}" role="img">']
    for at, row in enumerate(rows):
        y = at * step + 6
        length = (whole - name - right) * min(1.0, max(0.0, row.value) / most)
        drawn.append(f'<text class="name" x="{name - 8}" y="{y + 13}">{escape(_short(row.name, name // 8))}</text>')
        drawn.append(f'<rect class="track" x="{name}" y="{y}" width="{whole - name - right}" height="18" rx="3"/>')
        drawn.append(f'<rect class="c0" x="{name}" y="{y}" width="{length:.1f}" height="18" rx="3"/>')
        if row.low is not None and row.high is not None:
            low, high = (name + (whole - name - right) * min(1.0, end / most) for end in (row.low, row.high))
            drawn.append(
                f'<path class="reach" d="M{low:.1f} {y + 9}H{high:.1f}M{low:.1f} {y + 4}v10M{high:.1f} {y + 4}v10"/>'
            )
        drawn.append(f'<text class="told" x="{whole - right + 8}" y="{y + 13}">{escape(row.told)}</text>')
    return "".join([*drawn, "</svg>"])


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _x(at: int, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (at / (count - 1) if count > 1 else 0.5)


def _y(value: float, top: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)


def _grid(times: Sequence[str], top: float, told: Callable[[float], str], *, middle: bool = False) -> str:
    parts = []
    for step in range(5):
        value = top * step / 4
        y = _y(value, top)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="axis end" x="{LEFT - 8}" y="{y + 4:.1f}">{escape(told(value))}</text>')
    every = max(1, -(-len(times) // 8))
    width = (WIDTH - LEFT - RIGHT) / max(1, len(times))
    for at in range(0, len(times), every):
        x = LEFT + (at + 0.5) * width if middle else _x(at, len(times))
        parts.append(f'<text class="axis mid" x="{x:.1f}" y="{HEIGHT - 8}">{escape(times[at])}</text>')
    return "".join(parts)


def _figure(drawn: Sequence[str], names: Sequence[str]) -> str:
    keys = "".join(
        f'<span><i class="k{min(number, SERIES - 1)}"></i>{escape(name)}</span>' for number, name in enumerate(names)
    )
    plot = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(drawn)}</svg>'
    return f'{plot}<div class="keys">{keys}</div>'
