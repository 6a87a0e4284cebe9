"""`turnout key`: the API keys that applications call with."""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from turnout_cli.app import AsJson, err, finish, out
from turnout_cli.config import connection

if TYPE_CHECKING:
    from turnout_wire.api_key_admin import ApiKeyAdmin, NewSecret
    from turnout_wire.insights import Plain

key = typer.Typer(no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(help="The key's id, as `turnout key list` shows it.")]

_SPAN = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@key.command()
def create(
    name: Annotated[str, typer.Argument(help="The caller's name: decisions and budgets know it by this.")],
    tenant: Annotated[str, typer.Option(help="The caller's tenant.")] = "default",
    role: Annotated[
        list[str] | None, typer.Option(help="What it may do: caller, operator, worker; repeatable. Caller if absent.")
    ] = None,
    expires: Annotated[
        str, typer.Option(help="After what time it is void, such as 90d; it lasts if absent.", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Make an API key for a new caller. Its secret is shown once: keep it now."""

    async def use(admin: "ApiKeyAdmin") -> None:
        until = now() + span(expires, "--expires") if expires else None
        show_new(await admin.create(name, tenant=tenant, roles=role or (), expires_at=until), as_json=as_json)

    administer(use)


@key.command("list")
def list_keys(
    tenant: Annotated[str, typer.Option(help="Only of this tenant.", show_default=False)] = "", as_json: AsJson = False
) -> None:
    """Show all API keys, those that are revoked or expired too; never their secrets."""

    async def use(admin: "ApiKeyAdmin") -> None:
        show(await admin.keys(tenant), as_json=as_json)

    administer(use)


@key.command()
def rotate(
    key_id: KeyId,
    overlap: Annotated[
        str,
        typer.Option(help="How long the old secret stays valid beside the new one: 30m, 24h, 7d; 0 for not at all."),
    ] = "24h",
    as_json: AsJson = False,
) -> None:
    """Give the caller of an API key a new secret, which is shown once; the old one goes on until the overlap is over."""

    async def use(admin: "ApiKeyAdmin") -> None:
        time = timedelta(0) if overlap == "0" else span(overlap, "--overlap")
        show_new(await admin.rotate(key_id, time), as_json=as_json)

    administer(use)


@key.command()
def revoke(key_id: KeyId, as_json: AsJson = False) -> None:
    """End an API key with all its secrets at once."""

    async def use(admin: "ApiKeyAdmin") -> None:
        show([await admin.revoke(key_id)], as_json=as_json)

    administer(use)


def administer(use: "Callable[[ApiKeyAdmin], Awaitable[None]]") -> None:
    """Run a command on API keys as the operator."""
    from turnout_wire.api_key_admin import ApiKeyAdmin
    from turnout_wire.control_line import ControlLine

    async def run() -> int:
        reached = connection(operator=True)
        async with ControlLine(reached.control[0], reached.token) as line:
            await use(ApiKeyAdmin(line))
        return 0

    finish(run)


def span(text: str, option: str) -> timedelta:
    """`30m`, `24h`, `90d` or `2w`. Raises ValueError."""
    found = _SPAN.fullmatch(text.strip())
    if not found or int(found[1]) == 0:
        raise ValueError(f"{option}: {text!r} is no time such as 30m, 24h, 90d or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def show_new(made: "NewSecret", *, as_json: bool) -> None:
    """The secret alone on standard output, so that it can be taken by a script; the rest beside it."""
    if as_json:
        from turnout_cli.ask import emit

        emit({**made.api_key, "secret": made.secret})
        return
    facts = made.api_key
    err.print(f"API key {facts['key_id']} of {facts['name']}, tenant {facts['tenant']}. "
              "Its secret is told only now; send it as `authorization: Bearer SECRET`, or as an SDK's API key:",
              highlight=False)  # fmt: skip
    out.print(made.secret, markup=False, highlight=False, soft_wrap=True)


def show(found: "Sequence[Plain]", *, as_json: bool) -> None:
    """Keys as a table or as JSON."""
    if as_json:
        from turnout_cli.ask import emit

        emit({"api_keys": list(found)})
        return
    table = Table("key", "name", "tenant", "roles", "state", "secrets end in", "made", "expires")
    for one in found:
        secrets = ", ".join(f"…{secret['last_characters']}" for secret in one["secrets"])
        table.add_row(
            one["key_id"], one["name"], one["tenant"], ", ".join(one["roles"]), one["state"], secrets,
            _day(one["created_at"]), _day(one["expires_at"]) or "never",
        )  # fmt: skip
    out.print(table)


def _day(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M}" if time is not None else ""
