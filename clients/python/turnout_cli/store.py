"""`turnout db`, `turnout backup` and `turnout restore`: the store itself, without a control plane."""

import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from turnout_cli.app import AsJson, err, fail, finish, out
from turnout_cli.config import store_address

if TYPE_CHECKING:
    from controlplane.store.backup import Manifest
    from controlplane.store.check import Finding

db = typer.Typer(no_args_is_help=True)

Store = Annotated[
    str,
    typer.Option(
        "--store", help="sqlite:FILE or postgresql://USER@HOST/NAME: TURNOUT_STORE, or that of the state folder."
    ),
]
State = Annotated[Path | None, typer.Option(help="A state folder, for the store in it: TURNOUT_STATE, or .turnout.")]


@db.command()
def migrate(store: Store = "", state: State = None, as_json: AsJson = False) -> None:
    """Bring the schema to what this software needs, all or nothing. Stop every control plane and take a backup first."""

    async def run() -> int:
        from controlplane.store.migrate import migrate as run_steps
        from controlplane.store.schema import REVISION

        before = await run_steps(store_address(store, state))
        if as_json:
            _emit({"before": before, "after": REVISION})
        else:
            told = f"from revision {before} to {REVISION}" if before != REVISION else f"at revision {REVISION} already"
            out.print(f"schema made: revision {REVISION}" if before is None else f"schema {told}", highlight=False)
        return 0

    work(run)


@db.command("check")
def check_store(store: Store = "", state: State = None, as_json: AsJson = False) -> None:
    """Say whether everything in the store fits together; also while control planes use it. Exits with 1 if something does not."""

    async def run() -> int:
        from controlplane.store.address import address
        from controlplane.store.check import check, whole

        findings = await check(address(store_address(store, state)))
        if as_json:
            _emit({"ok": whole(findings), "findings": [{**asdict(one), "ok": one.ok} for one in findings]})
        else:
            show(findings)
        return 0 if whole(findings) else 1

    work(run)


def backup(
    file: Annotated[Path, typer.Argument(help="The file to make, such as turnout-2026-07-01.zip; it must not be there.")],
    store: Store = "", state: State = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Copy the whole store into one file, as it is at one moment, also while control planes use it.

    The file fits SQLite and PostgreSQL. It does not hold what lies beside the store in the state folder: keys and tokens.
    """

    async def run() -> int:
        from controlplane.store.address import address
        from controlplane.store.backup import backup as copy

        with progress(as_json=as_json) as tell:
            made = await copy(address(store_address(store, state)), file, now=datetime.now(UTC), progress=tell)
        told(made, file, "in", as_json=as_json)
        return 0

    work(run)


def restore(
    file: Annotated[Path, typer.Argument(help="What `turnout backup` made, from either kind of store.")],
    store: Store = "", state: State = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Fill an empty store with a backup, all or nothing; it is made if it is not there. Nothing is ever overwritten."""

    async def run() -> int:
        from controlplane.store.address import address
        from controlplane.store.backup import restore as fill

        with progress(as_json=as_json) as tell:
            filled = await fill(address(store_address(store, state)), file, progress=tell)
        told(filled, file, "restored from", as_json=as_json)
        return 0

    work(run)


def work(run: Callable[[], Awaitable[int]]) -> None:
    """Run a command on a store; what a person can act on is one line."""
    from controlplane.store.backup import BackupInvalid
    from controlplane.store.protocols import SchemaMismatch, StoreUnavailable

    async def told_failures() -> int:
        try:
            return await run()
        except (BackupInvalid, SchemaMismatch, StoreUnavailable) as failure:
            return fail(str(failure))

    finish(told_failures)


@contextmanager
def progress(*, as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, else nothing. Gives what takes the rows that are done, and rows in all."""
    columns = (TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=as_json or not err.is_terminal) as bar:
        task = bar.add_task("rows", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show(findings: "list[Finding]") -> None:
    """One line for each, and what is wrong below it."""
    for finding in findings:
        mark = "[green]ok[/green]   " if finding.ok else "[red]wrong[/red]"
        out.print(f"{mark}  {escape(finding.name)}", highlight=False, soft_wrap=True)
        for problem in finding.problems:
            out.print(f"         {problem}", style="red", highlight=False, markup=False, soft_wrap=True)


def told(manifest: "Manifest", file: Path, how: str, *, as_json: bool) -> None:
    """What a backup holds."""
    if as_json:
        tables = {part.table.name: part.rows for part in manifest.parts}
        _emit({"file": str(file), "revision": manifest.revision, "made_at": manifest.made_at, "rows": tables})
    else:
        out.print(
            f"{manifest.rows} rows of {len(manifest.parts)} tables {how} {file}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _emit(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
