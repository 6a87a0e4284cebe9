"""`turnout keys`: the keys that decisions are signed with."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from turnout_cli.app import AsJson, finish, out
from turnout_cli.config import connection

if TYPE_CHECKING:
    from turnout_wire.key_admin import KeyAdmin, KeyFacts

keys = typer.Typer(no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(help="The key's id.")]


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Show all keys and where they are in their lives."""

    async def use(admin: "KeyAdmin") -> "Sequence[KeyFacts]":
        return await admin.keys()

    administer(use, as_json=as_json)


@keys.command()
def prepare(as_json: AsJson = False) -> None:
    """Make a key that verifiers learn now, and that signs nothing until it is activated."""

    async def use(admin: "KeyAdmin") -> "Sequence[KeyFacts]":
        return [await admin.prepare()]

    administer(use, as_json=as_json)


@keys.command()
def activate(key_id: KeyId, as_json: AsJson = False) -> None:
    """Sign with a prepared key from now on; the one before retires and verifies until its window ends."""

    async def use(admin: "KeyAdmin") -> "Sequence[KeyFacts]":
        return await admin.activate(key_id)

    administer(use, as_json=as_json)


@keys.command()
def rotate(as_json: AsJson = False) -> None:
    """Prepare a key and activate it: what to do now and then."""

    async def use(admin: "KeyAdmin") -> "Sequence[KeyFacts]":
        return await admin.activate((await admin.prepare()).key_id)

    administer(use, as_json=as_json)


@keys.command()
def revoke(key_id: KeyId, as_json: AsJson = False) -> None:
    """Make everything that a key signed invalid at once. Rotate first: the active key cannot be revoked."""

    async def use(admin: "KeyAdmin") -> "Sequence[KeyFacts]":
        return await admin.revoke(key_id)

    administer(use, as_json=as_json)


def administer(use: "Callable[[KeyAdmin], Awaitable[Sequence[KeyFacts]]]", *, as_json: bool) -> None:
    """Run a command on keys as the operator, and show the keys that it gives."""
    from turnout_wire.control_line import ControlLine
    from turnout_wire.key_admin import KeyAdmin

    async def run() -> int:
        reached = connection(operator=True)
        async with ControlLine(reached.control[0], reached.token) as line:
            found = await use(KeyAdmin(line))
        show(found, as_json=as_json)
        return 0

    finish(run)


def show(found: "Sequence[KeyFacts]", *, as_json: bool) -> None:
    """Keys as a table or as JSON."""
    if as_json:
        from turnout_cli.ask import emit

        emit({"keys": [asdict(key) for key in found]})
        return
    table = Table("key", "state", "issuer", "verifies from", "until")
    for key in found:
        until = f"{key.not_after:%Y-%m-%d %H:%M:%S}" if key.not_after else "open"
        table.add_row(key.key_id, key.state, key.issuer, f"{key.not_before:%Y-%m-%d %H:%M:%S}", until)
    out.print(table)
