"""`turnout route`, `explain`, `classify` and `chat`: asking what runs."""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from turnout_cli.config import Connection
from turnout_cli.demo.outcome import dollars
from turnout_client import (
    Answer,
    Candidate,
    Classification,
    Client,
    Decision,
    Delta,
    Explanation,
    Finish,
    NoEligibleTarget,
    RouteOptions,
    Rung,
    Target,
)


async def with_client(connection: Connection, seconds: float, use: Callable[[Client], Awaitable[int]]) -> int:
    """`use` with a client of what runs. Raises TurnoutError."""
    async with Client(
        control=list(connection.control), workers=list(connection.workers), token=connection.token, timeout=seconds
    ) as client:
        return await use(client)


def plain(value: object) -> object:
    """A value for JSON: times in ISO 8601, durations in seconds, money exactly."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime | Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"no JSON for {type(value).__name__}")


def emit(document: Mapping[str, object]) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, default=plain, ensure_ascii=False) + "\n")


async def route(client: Client, prompt: str, options: RouteOptions, console: Console, *, as_json: bool) -> int:
    """Decide, and show the decision."""
    decision = await client.decide(prompt, **options)
    if as_json:
        emit({"decision_id": decision.decision_id, "expires_at": decision.expires_at, **asdict(decision.plan)})
    else:
        show_decision(decision, console)
    return 0


def show_decision(decision: Decision, console: Console) -> None:
    """A decision for people."""
    plan = decision.plan
    console.print(f"[bold green]{decision.model}[/bold green] at {decision.deployment}: {escape(decision.reason)}")
    route = f" · route {escape(plan.route)}" if plan.route else ""
    console.print(
        f"[dim]{plan.task_type.value}, {plan.complexity.value} (confidence {plan.confidence:.2f}){route} · workload "
        f"{plan.workload} · policy {plan.policy} · about {dollars(decision.cost_nanousd)}{_likely(plan.targets[0])}[/dim]",
        highlight=False,
    )
    for number, target in enumerate(plan.targets[1:], start=1):
        console.print(f"[dim]fallback {number}: {target.model} at {target.deployment}[/dim]", highlight=False)
    for notice in plan.notices:
        console.print(f"[yellow]{notice.value}[/yellow]")
    console.print(
        f"[dim]decision {decision.decision_id}, valid until {decision.expires_at:%H:%M:%S} UTC[/dim]", highlight=False
    )


def _likely(target: Target) -> str:
    between = cost_between(target.cost_low_nanousd, target.cost_high_nanousd)
    return f", likely {between}" if between else ""


def cost_between(low: int, high: int) -> str:
    """Between what a cost lies with nine chances in ten; empty if that is not known."""
    return f"{dollars(low)}–{dollars(high)}" if high else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explain:
    """What is to be explained, and of which models in particular why they do not come first."""

    prompt: str
    options: RouteOptions
    why_not: tuple[str, ...] = ()


async def explain(client: Client, asked: Explain, console: Console, *, as_json: bool) -> int:
    """Every candidate and why not; 1 if nothing is eligible."""
    explanation = await client.explain(asked.prompt, why_not=asked.why_not, **asked.options)
    if as_json:
        emit(asdict(explanation))
    else:
        show_explanation(explanation, console)
    return 0 if explanation.plan else 1


def show_explanation(explanation: Explanation, console: Console) -> None:
    """The steps, then the candidates: those of the plan first, then by score, then those that are out and why."""
    show_classification(explanation.classification, console)
    for step in explanation.steps:
        console.print(f"[dim]· {escape(step)}[/dim]", highlight=False)
    console.print(f"[dim]· quality floor {explanation.quality_floor:.2f}, asked by {explanation.floor_source}[/dim]")
    if explanation.quality_model:
        console.print(f"[dim]· quality by the quality model {explanation.quality_model[:16]}[/dim]", highlight=False)
    candidates = sorted(explanation.candidates, key=_order)
    _show_eligible([candidate for candidate in candidates if not candidate.exclusion], console)
    _show_excluded([candidate for candidate in candidates if candidate.exclusion], console)
    _show_shares(explanation, console)
    if explanation.plan:
        console.print(
            f"[bold green]{explanation.plan.targets[0].model}[/bold green]: {escape(explanation.plan.reason)}"
        )
    else:
        console.print("[red]Nothing is eligible.[/red]")
    for told in explanation.why_not:
        console.print(escape(told), highlight=False)


def _order(candidate: Candidate) -> tuple[bool, int, bool, float]:
    return not candidate.rank, candidate.rank, candidate.exclusion is not None, -candidate.score


def _show_eligible(candidates: Sequence[Candidate], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("candidate", overflow="fold")
    known = any(candidate.cost_high_nanousd for candidate in candidates)
    for column in ("cost", *(("nine in ten",) if known else ()), "latency", "quality", "score"):
        table.add_column(column, justify="right", no_wrap=True)
    for candidate in candidates:
        table.add_row(
            str(candidate.rank or ""),
            _named(candidate),
            dollars(candidate.cost_nanousd),
            *([cost_between(candidate.cost_low_nanousd, candidate.cost_high_nanousd)] if known else ()),
            f"{candidate.latency.total_seconds():.2f} s",
            f"{candidate.quality:.2f}",
            f"{candidate.score:.3g}",
            style="" if candidate.rank else "dim",
        )
    if candidates:
        console.print(table)


BAR = 30
"""Characters of a bar that stands for all."""


def _show_shares(explanation: Explanation, console: Console) -> None:
    """How likely each model comes first, as bars, and what moved that; nothing where it is sure and nothing moved it."""
    shares, influences = explanation.distribution, explanation.influences
    if len(shares) > 1:
        console.print("comes first, as uncertain as quality is:")
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column("model", overflow="fold")
        table.add_column("share", justify="right", no_wrap=True)
        table.add_column("bar", no_wrap=True, style="green")
        for each in shares:
            table.add_row(f"  {escape(each.model)}", f"{each.share:.0%}", "█" * round(each.share * BAR))
        console.print(table)
    if influences:
        told = ", ".join(f"{each.signal} → {each.model} {100 * each.change:+.0f} points" for each in influences)
        console.print(f"[dim]moved by {escape(told)}[/dim]", highlight=False)


def _show_excluded(candidates: Sequence[Candidate], console: Console) -> None:
    if candidates:
        console.print("why not:")
    for candidate in candidates:
        reason = candidate.exclusion.value if candidate.exclusion else ""
        console.print(
            f"  {_named(candidate)}: [red]{reason}[/red] [dim]{escape(candidate.detail)}[/dim]", highlight=False
        )


def _named(candidate: Candidate) -> str:
    """The deployment, and the model where that does not say it."""
    same = candidate.deployment.rpartition("/")[2] == candidate.model
    return candidate.deployment if same else f"{candidate.deployment} ({candidate.model})"


async def classify(client: Client, prompt: str, console: Console, *, as_json: bool) -> int:
    """What the prompt is taken for, and why."""
    found = await client.classify(prompt)
    if as_json:
        emit(asdict(found))
    else:
        show_classification(found, console)
    return 0


def show_classification(found: Classification, console: Console) -> None:
    """A classification with what each classifier said, and its strongest signals."""
    domain = f", {found.domain.value}" if found.domain else ""
    console.print(
        f"[magenta]{found.task_type.value}, {found.complexity.value}{domain}[/magenta], confidence "
        f"{found.confidence:.2f}, by {found.classifier}"
    )
    _show_rungs(found.rungs, console)
    strongest = sorted(found.signals, key=lambda signal: -abs(signal.weight))[:8]
    told = ", ".join(f"{signal.name} → {signal.votes_for} {signal.weight:+.1f}" for signal in strongest)
    console.print(f"[dim]signals: {escape(told) or 'none'}[/dim]", highlight=False)


def _show_rungs(rungs: Sequence[Rung], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("classifier", no_wrap=True)
    table.add_column("answer", overflow="fold")
    for column in ("confidence", "time"):
        table.add_column(column, justify="right", no_wrap=True)
    for rung in rungs:
        sure = "" if rung.silence or rung.task_type is None else f"{rung.confidence:.2f}"
        table.add_row(rung.classifier, escape(_said(rung)), sure, f"{rung.took / timedelta(microseconds=1):.0f} µs")
    if rungs:
        console.print(table)


def _said(rung: Rung) -> str:
    """The answer, or why there is none."""
    words = [word.value for word in (rung.task_type, rung.complexity, rung.domain) if word is not None]
    if rung.route:
        words.append(f"{rung.route} at {rung.similarity:.2f}")
    return f"silent: {rung.silence}" if rung.silence else ", ".join(words)


async def chat(client: Client, prompt: str, options: RouteOptions, console: Console, *, as_json: bool) -> int:
    """Decide and run; the answer is printed as it comes, the facts about it on standard error."""
    if as_json:
        answer = await client.chat(prompt, **options)
        emit(_answer(answer))
        return 0
    decision = await client.decide(prompt, **options)
    console.print(f"[dim]→ {decision.model}: {escape(decision.reason)}[/dim]", highlight=False)
    async for event in client.stream(decision):
        if isinstance(event, Delta):
            sys.stdout.write(event.text)
            sys.stdout.flush()
        elif isinstance(event, Finish):
            sys.stdout.write("\n")
            _show_finish(event, decision, console)
    return 0


def _show_finish(finish: Finish, decision: Decision, console: Console) -> None:
    receipt = finish.receipt
    served = receipt.served_by
    usage = served.usage if served else None
    tokens = f"{usage.input_tokens} → {usage.output_tokens} tokens · " if usage else ""
    tries = "1 attempt" if len(receipt.attempts) == 1 else f"{len(receipt.attempts)} attempts"
    console.print(
        f"[dim]{served.model if served else ''} · {tries} · {tokens}"
        f"{dollars(receipt.cost_nanousd)} · {receipt.duration.total_seconds():.2f} s · {finish.reason.value} · "
        f"decision {decision.decision_id}[/dim]",
        highlight=False,
    )


def _answer(answer: Answer) -> Mapping[str, object]:
    return {
        "text": answer.text,
        "tool_calls": [asdict(call) for call in answer.tool_calls],
        "finish_reason": answer.finish_reason,
        "model": answer.model,
        "deployment": answer.deployment,
        "reason": answer.reason,
        "decision_id": answer.decision_id,
        "usage": asdict(answer.usage),
        "receipt": asdict(answer.receipt),
    }


def show_no_target(failure: NoEligibleTarget, console: Console) -> None:
    """The table of reasons of a request that nothing may serve."""
    table = Table("deployment", "model", "why not")
    for candidate in failure.candidates:
        why = candidate.exclusion.value if candidate.exclusion else ""
        table.add_row(candidate.deployment, candidate.model, f"[red]{why}[/red] {escape(candidate.detail)}")
    console.print(table)
