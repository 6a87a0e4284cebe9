"""A recorded decision, and lists of them, for people."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from turnout_cli.ask import cost_between, emit
from turnout_cli.demo.outcome import dollars

Plain = Mapping[str, Any]
PPM = 1_000_000
SIGNALS = 8
FULL_ID = 36
OUTPUT = MappingProxyType(
    {
        "valid": " · answer of the form that was asked for",
        "not_json": " · answer is no JSON, which was asked for",
        "schema_mismatch": " · answer does not fit the schema",
    }
)


def show(found: Plain, console: Console, *, as_json: bool) -> None:
    """Why this model, why not others, what was executed, what it cost, and the proof."""
    if as_json:
        emit(found)
        return
    _head(found["decision"], found["record"], console)
    _asked(found["record"]["asked"], console)
    _explained(found, console)
    _held(found["reservation"], console)
    _executed(found, console)
    for said in found["feedback"]:
        _feedback(said, console)
    _proof(found["inclusion"], console)


def show_list(found: Sequence[Plain], console: Console, *, as_json: bool) -> None:
    """A line for each."""
    if as_json:
        emit({"decisions": found})
        return
    varied = [name for name in ("tenant", "workload") if len({one[name] for one in found}) > 1]
    names = (*varied, "model", "reason", "result")
    table = Table(box=None, pad_edge=False)
    table.add_column("decision", no_wrap=True, min_width=FULL_ID)
    table.add_column("when", no_wrap=True)
    for name in names:
        table.add_column(name, no_wrap=True)
    table.add_column("cost", justify="right", no_wrap=True)
    for one in found:
        table.add_row(
            one["decision_id"],
            f"{one['decided_at']:%m-%d %H:%M}",
            *(escape(one[name]) for name in names),
            dollars(one["cost_nanousd"]) if one["result"] else "",
        )
    console.print(table if found else "no decision fits", highlight=False)


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def _head(decision: Plain, record: Plain, console: Console) -> None:
    first = decision["targets"][0]
    console.print(
        f"[bold green]{escape(first['model'])}[/bold green] at {escape(first['deployment'])}: {escape(decision['reason']['text'])}",
        highlight=False,
    )
    for number, target in enumerate(decision["targets"][1:], start=1):
        _line(console, f"fallback {number}: {target['model']} at {target['deployment']}", "dim")
    for notice in decision["reason"]["notices"]:
        _line(console, notice, "yellow")
    owner = f" of {record['owner']}" if record["owner"] else ""
    _line(
        console,
        f"decided {decision['issued_at']:%Y-%m-%d %H:%M:%S} UTC for {decision['tenant']} ({decision['presenter']}) · "
        f"workload {decision['workload']}{owner} · policy {decision['policy']['name']} "
        f"{decision['policy']['digest'].hex()[:12]} · snapshot {decision['snapshot_version']} · "
        f"propensity {decision['propensity_ppm'] / PPM:.1%}",
        "dim",
    )
    if (basis := record["basis"]) is not None and basis["learned_digest"]:
        _line(console, f"quality by the quality model {basis['learned_digest'].hex()[:16]}", "dim")
    if record["adopted"]:
        _line(console, "known only from its receipt: it was lost with the process that decided", "yellow")


def _asked(asked: Plain | None, console: Console) -> None:
    if asked is None:
        return
    taken, features = asked["classification"], asked["features"]
    _line(
        console,
        f"asked: {features['input_tokens']} input tokens, taken for {taken['task_type']}, {taken['complexity']} with "
        f"confidence {taken['confidence']:.2f} by {taken['classifier']}",
    )
    for rung in taken["rungs"]:
        said = rung["silence"] or f"{rung['task_type']}, {rung['complexity']} with confidence {rung['confidence']:.2f}"
        _line(console, f"asked {rung['classifier']}: {said}, after {rung['took'] * 1000:.0f} ms")
    if (nearest := taken.get("nearest")) is not None:
        belongs = "belongs to" if taken["route"] else "is nearest to, and not near enough,"
        figures = f"at {nearest['similarity']:.2f}, threshold {nearest['threshold']:.2f}"
        _line(console, f"route: {belongs} {nearest['route']} {figures}")
    strongest = sorted(taken["signals"], key=lambda signal: -abs(signal["weight"]))[:SIGNALS]
    told = ", ".join(f"{one['name']} → {one['votes_for']} {one['weight']:+.1f}" for one in strongest)
    _line(console, f"signals: {told or 'none'}", "dim")


def _explained(found: Plain, console: Console) -> None:
    explained = found["explained"]
    if explained is None:
        _line(console, f"candidates are not known: {found['not_explained']}", "yellow")
        return
    for step in explained["steps"]:
        _line(console, f"· {step}", "dim")
    _candidates([one for one in explained["candidates"] if one["exclusion"] == "unknown"], console)
    for one in explained["candidates"]:
        if one["exclusion"] != "unknown":
            _line(console, f"  {one['deployment']}: {one['exclusion']} {one['detail']}", "dim")
    for told in explained["why_not"]:
        _line(console, f"why not: {told}")
    if explained["difference"]:
        _line(console, f"made again it is another decision: {explained['difference']}", "bold red")
    else:
        _line(console, "made again from the record: the same, byte for byte", "dim")


def _candidates(candidates: Sequence[Plain], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("candidate", overflow="fold")
    known = any(one["estimate"]["cost_high_nanousd"] for one in candidates)
    for name in ("cost", *(("nine in ten",) if known else ()), "latency", "quality", "score"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("made of", overflow="fold")
    for one in sorted(candidates, key=lambda one: (not one["rank"], one["rank"], -one["score"])):
        expected = one["estimate"]
        table.add_row(
            str(one["rank"] or ""),
            escape(one["deployment"]),
            dollars(expected["cost_nanousd"]),
            *([cost_between(expected["cost_low_nanousd"], expected["cost_high_nanousd"])] if known else ()),
            f"{expected['latency']:.2f} s",
            f"{expected['quality_ppm'] / PPM:.2f}",
            f"{one['score']:.3g}",
            ", ".join(f"{term['name']} {term['value']:+.2g}" for term in one["score_terms"]),
            style="" if one["rank"] else "dim",
        )
    if candidates:
        console.print(table)


def _held(held: Plain | None, console: Console) -> None:
    if held is None:
        return
    accounts = ", ".join(
        f"{one['account']} {dollars(one['amount']) if one['measure'] == 'cost' else one['amount']}"
        for one in held["holds"]
    )
    _line(console, f"budget: {held['state']}, {held['runs_left']} runs left, for each at most {accounts}")


def _executed(found: Plain, console: Console) -> None:
    if not found["receipts"]:
        _line(console, "not executed", "yellow")
    for record in found["receipts"]:
        receipt = record["receipt"]
        odd = f" · not taken: {record['rejected']}" if record["rejected"] else ""
        _line(
            console,
            f"run {receipt['receipt_id']} on {receipt['worker']}: {receipt['result']} {receipt['error_reason']} "
            f"{dollars(receipt['cost_nanousd'])}{OUTPUT.get(receipt['output_check'], '')}{odd}",
        )
        for attempt in receipt["attempts"]:
            _attempt(attempt, console)
    if len(found["receipts"]) > 1:
        _line(console, f"in all {dollars(found['cost_nanousd'])}")


def _attempt(attempt: Plain, console: Console) -> None:
    used = attempt["usage"]
    tokens = f"{used['input_tokens']} → {used['output_tokens']} tokens, " if used else ""
    error = f" ({attempt['error']})" if attempt["error"] else ""
    seconds = f", {attempt['duration']:.2f} s" if attempt["duration"] is not None else ""
    _line(
        console,
        f"  {attempt['number']}. {attempt['deployment']}: {attempt['outcome']}{error}, {tokens}"
        f"{dollars(attempt['cost_nanousd'])}{' estimated' if attempt['cost_estimated'] else ''}{seconds}",
        "dim",
    )


def _feedback(said: Plain, console: Console) -> None:
    parts = [f"quality {said['quality_ppm'] / PPM:.2f}" if said["quality_ppm"] is not None else "", said["label"]]
    parts += [] if said["success"] is None else ["success" if said["success"] else "failed"]
    _line(console, f"feedback of {said['source']}: {', '.join(filter(None, parts))} {said['comment']}".rstrip())


def _proof(proof: Plain | None, console: Console) -> None:
    if proof is None:
        _line(console, "recorded; it has its place in the log within a second", "dim")
    else:
        size = f"{proof['tree_size']} leaves, proven by {len(proof['path'])} hashes and a signed checkpoint"
        _line(console, f"leaf {proof['leaf_index']} of {size}", "dim")
