"""What the demonstration prints."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from turnout_cli.demo.books import Accounts
from turnout_cli.demo.drills import Refused
from turnout_cli.demo.outcome import Row, Summary, dollars
from turnout_cli.trace_tree import trace_tree
from turnout_wire.sink import ReceivedSpan

_PROMPT_WIDTH = 88


def short(text: str, width: int = _PROMPT_WIDTH) -> str:
    """A text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


class Screen:
    """Prints for people."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def heading(self, text: str) -> None:
        """Begin a part."""
        self._console.print()
        self._console.rule(f"[bold]{escape(text)}[/bold]", align="left")

    def note(self, text: str) -> None:
        """Say something between rows."""
        self._console.print(f"[yellow]▶ {escape(text)}[/yellow]")

    def row(self, row: Row) -> None:
        """A prompt and what became of it, on two lines."""

        def print_(text: str) -> None:
            self._console.print(text, highlight=False, soft_wrap=True)

        kind = f"{row.task_type}, {row.complexity}" if row.task_type else "not decided"
        width = max(self._console.width - len(kind) - 8, 20)
        print_(f"[dim]{row.number:4d}[/dim] {escape(short(row.prompt, width))}  [magenta]{kind}[/magenta]")
        if row.error:
            print_(f"     [red]✗ {row.error}[/red] after {row.attempts} attempts")
            return
        print_(f"     → [green]{row.model}[/green]: {escape(row.reason)}")
        for what in (*row.failed_calls, *(f"{skipped}, not called" for skipped in row.skipped)):
            print_(f"       [red]{escape(what)}[/red]")
        print_(f"       [dim]{_figures(row)}[/dim]")

    def summary(self, summary: Summary) -> None:
        """The share of each model, and figures."""
        table = Table(
            "model", "answers", "share", "", title=f"{summary.answered} of {summary.prompts} prompts answered"
        )
        for model, count in summary.models.items():
            share = count / max(summary.answered, 1)
            table.add_row(model, str(count), f"{share:.1%}", "█" * round(share * 40))
        self._console.print(table)
        figures = Table(show_header=False, box=None)
        for name, value in _summary_figures(summary).items():
            figures.add_row(f"[bold]{name}[/bold]", value)
        self._console.print(figures)

    def breakers(self, details: Sequence[str]) -> None:
        """What the control plane knows of broken targets at this moment."""
        for detail in details:
            self._console.print(f"  [red]● open breaker[/red] {escape(detail)}", highlight=False)

    def refusals(self, refusals: Sequence[Refused]) -> None:
        """How the worker took forged decisions."""
        for refused in refusals:
            verdict = (
                f"[green]refused: {refused.reason}[/green]" if refused.reason else "[bold red]NOT REFUSED[/bold red]"
            )
            self._console.print(f"  {escape(refused.attempt)}: {verdict}\n    [dim]{escape(refused.message)}[/dim]")

    def accounts(self, kept: Accounts) -> None:
        """The budget, the audit log, and what a verifier says of a forged copy."""
        spent, told = dollars(kept.spent_nanousd), dollars(kept.receipts_nanousd)
        same = kept.spent_nanousd == kept.receipts_nanousd
        verdict = "the callers' receipts, to the nano-dollar" if same else f"the callers' receipts say {told}"
        self._console.print(
            f"  budget: {spent} of {dollars(kept.limit_nanousd)} spent ({verdict}), {dollars(kept.reserved_nanousd)} held",
            highlight=False,
        )
        log, forged = kept.log, kept.forged
        sound = "[green]sound[/green]" if log.sound else f"[bold red]NOT SOUND[/bold red] {escape(log.fault)}"
        self._console.print(
            f"  audit log: {log.leaves:,} leaves, {log.checkpoints} signed checkpoints, {log.replayed:,} decisions made again "
            f"byte for byte: {sound}",
            highlight=False,
        )
        noticed = (
            "[bold red]NOT NOTICED[/bold red]" if forged.sound else f"[green]noticed[/green] at {escape(forged.fault)}"
        )
        self._console.print(f"  a copy with one bit of one receipt changed: {noticed}", highlight=False)

    def trace(self, spans: Sequence[ReceivedSpan]) -> None:
        """One trace."""
        self._console.print(trace_tree(spans))


def _figures(row: Row) -> str:
    first = f", first token {row.first_token_ms:.0f} ms" if row.first_token_ms is not None else ""
    tries = "1 attempt" if row.attempts == 1 else f"{row.attempts} attempts"
    return (
        f"{tries} · {row.input_tokens} → {row.output_tokens} tokens · {dollars(row.cost_nanousd)} · "
        f"decided in {row.decide_ms:.1f} ms, ran {row.execute_ms:.0f} ms{first}"
    )


def _summary_figures(summary: Summary) -> Mapping[str, str]:
    return {
        "cost": dollars(summary.cost_nanousd),
        f"always {summary.baseline_model}": f"{dollars(summary.baseline_nanousd)} for the same tokens",
        "saved": f"{summary.saved:.1%}",
        "tokens": f"{summary.input_tokens:,} in, {summary.output_tokens:,} out",
        "fallbacks": f"{summary.fallbacks} answers came from another target than the first",
        "errors": ", ".join(f"{count} × {reason}" for reason, count in summary.errors.items()) or "none",
        "deciding": _times(summary.decide_ms),
        "executing": _times(summary.execute_ms),
        "in all": f"{summary.seconds:.1f} s, {summary.prompts / max(summary.seconds, 1e-9):.0f} prompts a second",
        "classes": ", ".join(f"{name} {count}" for name, count in list(summary.classes.items())[:8]),
    }


def _times(times: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f} ms" for name, value in times.items()) or "nothing measured"
