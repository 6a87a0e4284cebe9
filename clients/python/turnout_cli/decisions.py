"""`turnout decision` and `turnout decisions`: the commands and their options."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout_cli.app import AsJson, Timeout, WhyNot, finish, out
from turnout_cli.config import connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from turnout_wire.audits import Audits

FULL_ID = 36


def decision(
    decision_id: Annotated[str, typer.Argument(help="The decision's id, or what it begins with.")],
    why_not: WhyNot = None, timeout: Timeout = 30, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show why a decision was made as it was, from its record, what was executed, and the proof that it is recorded."""
    from turnout_cli import decision_page

    async def use(audits: "Audits") -> int:
        found = await audits.decision(await whole_id(audits, decision_id), tuple(why_not or ()))
        decision_page.show(found, out, as_json=as_json)
        return 0

    ask(use, timeout)


def decisions(
    since: Annotated[str, typer.Option(help="How far back: 90m, 24h, 7d, 2w.")] = "24h",
    tenant: Annotated[str, typer.Option(help="Only of this tenant.")] = "",
    workload: Annotated[str, typer.Option(help="Only of this workload.")] = "",
    owner: Annotated[str, typer.Option(help="Only of workloads of this owner.")] = "",
    feature: Annotated[str, typer.Option(help="Only of this feature.")] = "",
    model: Annotated[str, typer.Option(help="Only where this model answered, or comes first where none did.")] = "",
    deployment: Annotated[str, typer.Option(help="Only of this deployment, likewise.")] = "",
    reason: Annotated[str, typer.Option(help="Only for this reason, such as cheapest or override.")] = "",
    result: Annotated[str, typer.Option(help="Only what ended so: succeeded, failed, broken, cancelled, or none.")] = "",
    min_cost: Annotated[str, typer.Option(help="Only what cost at least so much, in US dollars, such as 0.01.")] = "",
    id_prefix: Annotated[str, typer.Option("--id", help="Only ids that begin so.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000)] = 50,
    timeout: Timeout = 30, as_json: AsJson = False,
) -> None:  # fmt: skip
    """List decisions, newest first, and what came of them, as the operator."""
    from turnout_cli import decision_page
    from turnout_cli.report import age, now
    from turnout_client.money import nanousd

    async def use(audits: "Audits") -> int:
        filters: dict[str, Any] = {
            "since": now() - age(since), "tenant": tenant, "workload": workload, "owner": owner, "feature": feature,
            "model": model, "deployment": deployment, "reason": reason, "result": result, "id_prefix": id_prefix,
            "min_cost_nanousd": nanousd(min_cost) if min_cost else 0,
        }  # fmt: skip
        decision_page.show_list(await audits.decisions(filters, limit), out, as_json=as_json)
        return 0

    ask(use, timeout)


async def whole_id(audits: "Audits", given: str) -> str:
    """The one id that begins so. Raises ValueError if there is none, or more than one."""
    if len(given) == FULL_ID:
        return given
    found = await audits.decisions({"id_prefix": given.lower()}, limit=2)
    if len(found) != 1:
        told = "begins with that" if not found else "is one of several that begin with that: give more of it"
        raise ValueError(f"{given}: {'no decision' if not found else found[0]['decision_id']} {told}")
    return str(found[0]["decision_id"])


def ask(use: "Callable[[Audits], Awaitable[int]]", timeout: float) -> None:
    """Run a command on the audit service as the operator."""
    from turnout_wire.audits import Audits
    from turnout_wire.control_line import ControlLine

    async def run() -> int:
        reached = connection(operator=True)
        async with ControlLine(reached.control[0], reached.token, timeout) as line:
            return await use(Audits(line))

    finish(run)
