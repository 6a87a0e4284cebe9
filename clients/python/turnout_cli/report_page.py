"""The report as one page of HTML that needs nothing else: no scripts, no network, light and dark."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import Any

from turnout_cli.plots import SERIES, Bar, Line, bars, lines, stacks
from turnout_cli.report import cells, headings, label, notes, percent, seconds
from turnout_wire.insights import Insights, Plain

MOST_BARS = 16


async def page(insights: Insights, since: datetime, until: datetime, filters: Mapping[str, Sequence[str]]) -> str:
    """Ask for everything, and write it. Raises Failure."""

    async def ask(*by: str) -> Plain:
        return await insights.report(since=since, until=until, group_by=by, filters=filters, limit=10_000)

    by_time, by_model, mix = await ask("time"), await ask("model"), await ask("time", "model")
    workloads, segments = await ask("workload"), await insights.segments()
    return written(by_time, by_model, mix, workloads, segments)


def written(by_time: Plain, by_model: Plain, mix: Plain, workloads: Plain, segments: Plain) -> str:
    """The page of answers to what `page` asks."""
    span = f"{by_time['since']:%Y-%m-%d %H:%M} to {by_time['until']:%Y-%m-%d %H:%M} UTC"
    parts = [
        _tiles(by_time["totals"]),
        _card("Cost, and what the baseline would have cost", _costs(by_time), wide=True),
        _card("Where requests went", _mix(mix), wide=True),
        _card("Success by model", bars(_success(by_model), top=1.0)),
        _card("Latency by model, half and 99 of 100", bars(_latency(by_model))),
        _card("Cost per successful task by model", bars(_per_success(by_model))),
        _card("What refusals, failures and feedback say", _said(by_time["totals"])),
        _card("Quality by model and kind of work, with 95 % intervals", _quality(segments), wide=True),
        _card("By model", _table(by_model, "model"), wide=True),
        _card("By workload", _table(workloads, "workload"), wide=True),
    ]
    told = "".join(f"<li>{escape(line)}</li>" for line in notes(by_time))
    style = files(__package__).joinpath("data/report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Turnout report, {escape(span)}</title><style>{style}</style></head><body><main>"
        f"<header><h1>Turnout report</h1><p>{escape(span)}</p></header>{''.join(parts)}"
        f'<section class="wide notes"><ul>{told}</ul></section></main></body></html>\n'
    )


def _tiles(totals: Plain) -> str:
    latency, quality = totals["latency"], totals["quality"]
    per_success = totals["cost_per_successful_nanousd"]
    shown = (
        ("requests", f"{totals['requests']:,}", f"{totals['refused']:,} refused"),
        ("success", percent(totals["success_rate"]), f"{totals['successful']:,} of {totals['executed']:,} executed"),
        ("cost", money(totals["cost_nanousd"]), f"baseline {money(totals['baseline_cost_nanousd'])}"),
        ("saved", percent(totals["savings_rate"]), money(totals["savings_nanousd"])),
        ("per successful task", "-" if per_success is None else money(per_success), "failures paid for"),
        ("latency", seconds(latency and latency["p50"]), f"99 of 100 within {seconds(latency and latency['p99'])}"),
        (
            "quality",
            f"{quality['mean']:.2f}" if quality else "-",
            f"{quality['low']:.2f} to {quality['high']:.2f}, {quality['count']:,} judged"
            if quality
            else "nobody judged",
        ),
        ("fallback", percent(totals["fallback_rate"]), f"low confidence {percent(totals['low_confidence_rate'])}"),
    )
    tiles = "".join(
        f"<div><b>{escape(name)}</b><strong>{escape(value)}</strong><small>{escape(more)}</small></div>"
        for name, value, more in shown
    )
    return f'<section class="tiles wide">{tiles}</section>'


def _card(heading: str, body: str, *, wide: bool = False) -> str:
    kind = ' class="wide"' if wide else ""
    return f"<section{kind}><h2>{escape(heading)}</h2>{body}</section>"


def _costs(by_time: Plain) -> str:
    rows = by_time["rows"]
    times = [_time(row["group"]["begins"], by_time["bucket"]) for row in rows]
    series = [
        Line(name=name, values=[row["figures"][field] / 1e9 for row in rows])
        for name, field in (
            ("baseline", "baseline_cost_nanousd"),
            ("cost", "cost_nanousd"),
            ("saved", "savings_nanousd"),
        )
    ]
    drawn = [Line(name=each.name, values=[max(0.0, value or 0.0) for value in each.values]) for each in series]
    return lines(times, drawn, lambda value: f"${value:,.4g}", area=True) if rows else _nothing()


def _mix(mix: Plain) -> str:
    counts: defaultdict[str, dict[datetime, int]] = defaultdict(dict)
    for row in mix["rows"]:
        if row["figures"]["decided"]:
            counts[row["group"]["model"]][row["group"]["begins"]] = row["figures"]["decided"]
    if not counts:
        return _nothing()
    begins = sorted({begin for each in counts.values() for begin in each})
    models = sorted(counts, key=lambda model: -sum(counts[model].values()))
    shown, others = (models, []) if len(models) <= SERIES else (models[: SERIES - 1], models[SERIES - 1 :])
    series = [Line(name=model or "-", values=[counts[model].get(begin, 0) for begin in begins]) for model in shown]
    if others:
        rest = [float(sum(counts[model].get(begin, 0) for model in others)) for begin in begins]
        series.append(Line(name=f"{len(others)} others", values=rest))
    return stacks([_time(begin, mix["bucket"]) for begin in begins], series, lambda value: f"{value:.0%}")


def _executed(by_model: Plain) -> list[tuple[str, Any]]:
    rows = [(row["group"]["model"] or "-", row["figures"]) for row in by_model["rows"] if row["figures"]["executed"]]
    return rows[:MOST_BARS]


def _success(by_model: Plain) -> list[Bar]:
    return [
        Bar(name=name, value=each["success_rate"], told=f"{each['success_rate']:.1%} of {each['executed']:,}")
        for name, each in _executed(by_model)
    ]


def _latency(by_model: Plain) -> list[Bar]:
    timed = [(name, each["latency"]) for name, each in _executed(by_model) if each["latency"]]
    return [
        Bar(
            name=name, value=each["p50"], low=each["p50"], high=each["p99"],
            told=f"{seconds(each['p50'])}, {seconds(each['p99'])}",
        )
        for name, each in timed
    ]  # fmt: skip


def _per_success(by_model: Plain) -> list[Bar]:
    costs = [(name, each["cost_per_successful_nanousd"]) for name, each in _executed(by_model)]
    return [Bar(name=name, value=cost / 1e9, told=money(cost)) for name, cost in costs if cost is not None]


def _said(totals: Plain) -> str:
    found = [
        Bar(name=f"{kind}: {name.lower().replace('_', ' ')}", value=count, told=f"{count:,}")
        for kind, field in (
            ("refused", "refusals"),
            ("failed", "errors"),
            ("feedback", "labels"),
            ("signal", "signals"),
        )
        for name, count in totals[field].items()
    ]
    return bars(found[:MOST_BARS]) if found else _nothing()


def _quality(segments: Plain) -> str:
    judged = [each for each in segments["segments"] if each["quality"]][:MOST_BARS]
    rows = [
        Bar(
            name=f"{each['model']} · {each['task_type']}, {each['complexity']}", value=each["quality"]["mean"],
            low=each["quality"]["low"], high=each["quality"]["high"],
            told=f"{each['quality']['mean']:.2f} of {each['quality']['observations']:,.0f}",
        )
        for each in judged
    ]  # fmt: skip
    return bars(rows, top=1.0, wide=True) if rows else _nothing()


def _table(found: Plain, name: str) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in (name, *headings()))
    rows = [(_first(row["group"], name), cells(row["figures"])) for row in found["rows"]]
    body = "".join(
        f"<tr><td>{escape(first)}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in others)}</tr>"
        for first, others in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _first(group: Mapping[str, Any], name: str) -> str:
    """Refused requests have no model."""
    return label(group, name) if group[name] else f"no {name}"


def _nothing() -> str:
    return '<p class="nothing">Nothing to show yet.</p>'


def _time(begins: datetime, bucket: float) -> str:
    return f"{begins:%d %b}" if bucket >= 86_400 else f"{begins:%H:%M}"


def money(nanousd: int) -> str:
    """Dollars with the digits that matter."""
    value = nanousd / 1e9
    sign, size = ("-" if value < 0 else ""), abs(value)
    return (
        f"{sign}${size:,.2f}"
        if size >= 1 or size == 0
        else f"{sign}${size:.4f}"
        if size >= 0.001
        else f"{sign}${size:.7f}"
    )
