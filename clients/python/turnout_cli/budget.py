"""`turnout budget`: the command and its options."""

from typing import TYPE_CHECKING, Annotated

import typer

from turnout_cli.app import AsJson, Timeout, finish, out
from turnout_cli.config import connection

if TYPE_CHECKING:
    from turnout_client import Client


def budget(
    name: Annotated[str, typer.Argument(help="One budget; all if absent.")] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 if a share that alerts is spent anywhere.")
    ] = False,
    alerts: Annotated[bool, typer.Option("--alerts", help="Show the newest alerts instead.")] = False,
    timeout: Timeout = 30,
    as_json: AsJson = False,
) -> None:
    """Show what is spent, held and left of budgets, and where their windows will end, as the operator."""
    from turnout_cli import budget_table
    from turnout_cli.ask import with_client

    if alerts and check:
        raise typer.BadParameter("--check looks at what is spent now: leave out --alerts")

    async def use(client: "Client") -> int:
        if alerts:
            return await budget_table.alerts(client, name, out, as_json=as_json)
        return await budget_table.statuses(client, name, out, check=check, as_json=as_json)

    finish(lambda: with_client(connection(operator=True), timeout, use))
