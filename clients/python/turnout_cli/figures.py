"""`turnout feedback`, `turnout report` and `turnout drift`: the commands and their options."""

from pathlib import Path
from typing import Annotated

import typer

from turnout_cli.app import AsJson, Models, Timeout, call, finish, out
from turnout_cli.config import connection


def feedback(
    decision_id: Annotated[str, typer.Argument(help="The decision, as its answer names it.")],
    quality: Annotated[float | None, typer.Option(help="How good the answer was, 0 to 1.", min=0, max=1)] = None,
    success: Annotated[bool | None, typer.Option("--success/--failed", help="Whether the task was done.")] = None,
    label: Annotated[
        str | None, typer.Option(help="What was done with it: accepted, corrected, retried, escalated, refused.")
    ] = None,
    comment: Annotated[str, typer.Option(help="In your words, at most 2,000 characters.")] = "",
    timeout: Timeout = 30,
    as_json: AsJson = False,
) -> None:
    """Say how good an answer was; what you say later takes the place of what you said before."""
    from turnout_cli.feedback import Said
    from turnout_cli.feedback import feedback as send

    said = Said(decision_id=decision_id, quality=quality, success=success, label=label, comment=comment)
    call(timeout, lambda client: send(client, said, out, as_json=as_json))


def report(
    since: Annotated[str, typer.Option(help="How far back: 90m, 24h, 7d, 2w.")] = "24h",
    by: Annotated[
        str,
        typer.Option(
            help="Rows for each of: workload, owner, feature, model, deployment, task_type, complexity, tenant, time."
        ),
    ] = "model",
    workload: Annotated[list[str] | None, typer.Option(help="Only this workload; repeatable.")] = None,
    model: Models = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with plots that needs nothing else to be read.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    timeout: Timeout = 30,
    as_json: AsJson = False,
) -> None:
    """Show what was routed where, what it cost and saved, and how good it was, as the operator."""
    from turnout_cli import report as reports

    async def run() -> int:
        until = reports.now()
        asked = reports.Asked(
            since=until - reports.age(since), until=until, by=reports.dimensions(by), as_json=as_json, as_csv=as_csv,
            html=html, filters={"workloads": workload or [], "models": model or []},
        )  # fmt: skip
        return await reports.report(connection(operator=True), asked, out, timeout)

    finish(run)


drift = typer.Typer(invoke_without_command=True)
"""With a command of its own it does that, and without one it looks."""
Workload = Annotated[str, typer.Option(help="The workload, of all tenants.")]


@drift.callback()
def look(
    context: typer.Context,
    workload: Annotated[list[str] | None, typer.Option(help="Only this workload; repeatable.")] = None,
    tenant: Annotated[list[str] | None, typer.Option(help="Only this tenant; repeatable.")] = None,
    recent: Annotated[str, typer.Option(help="The time that is looked at: whole days or weeks, 14d at most.")] = "1d",
    reference: Annotated[str, typer.Option(help="The time before it, which it is compared with: 7d to 90d.")] = "4w",
    timeout: Timeout = 30,
    as_json: AsJson = False,
) -> None:
    """Tell whether requests and results are as they were, as the operator; exit with 1 if something left its band that nobody knows of."""
    if context.invoked_subcommand is not None:
        return
    from turnout_cli import drift as drifts

    async def run() -> int:
        asked = drifts.Asked(
            workloads=workload or [], tenants=tenant or [], recent=drifts.span("--recent", recent),
            reference=drifts.span("--reference", reference), as_json=as_json,
        )  # fmt: skip
        return await drifts.drift(connection(operator=True), asked, out, timeout)

    finish(run)


@drift.command()
def pin(
    workload: Workload,
    first: Annotated[str, typer.Option("--from", help="The first day of the reference, of UTC: 2026-10-01.")],
    last: Annotated[
        str, typer.Option("--to", help="The last day: 7 to 90 days in all, the day before yesterday at most.")
    ],
    timeout: Timeout = 30,
    as_json: AsJson = False,
) -> None:
    """Compare a workload with these days from now on, in place of the weeks before, until `turnout drift unpin`."""
    from turnout_cli import drift as drifts

    async def run() -> int:
        period = drifts.Period(workload=workload, first=drifts.day("--from", first), last=drifts.day("--to", last))
        return await drifts.pin(connection(operator=True), period, out, timeout, as_json=as_json)

    finish(run)


@drift.command()
def unpin(workload: Workload, timeout: Timeout = 30) -> None:
    """Compare a workload with the weeks before again."""
    from turnout_cli import drift as drifts

    async def run() -> int:
        return await drifts.unpin(connection(operator=True), workload, out, timeout)

    finish(run)


@drift.command()
def acknowledge(
    workload: Workload,
    tenant: Annotated[list[str] | None, typer.Option(help="Only alarms of this tenant; repeatable.")] = None,
    measure: Annotated[
        list[str] | None, typer.Option(help="Only of this measure: mix, confidence, quality; repeatable.")
    ] = None,
    timeout: Timeout = 30,
    as_json: AsJson = False,
) -> None:
    """Say that the alarms of a workload are known: `turnout drift` exits with 0, until one ends and begins again or shifts further."""
    from turnout_cli import drift as drifts

    async def run() -> int:
        known = drifts.Known(workload=workload, tenants=tenant or [], measures=measure or [])
        return await drifts.acknowledge(connection(operator=True), known, out, timeout, as_json=as_json)

    finish(run)
