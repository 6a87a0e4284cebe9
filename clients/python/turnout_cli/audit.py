"""`turnout audit`: the audit log itself, read from the store or from an exported file, without a control plane."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from turnout_cli.app import AsJson, Timeout, err, fail, finish, out
from turnout_cli.config import aws_profile, state_folder, store_address
from turnout_cli.demo.outcome import dollars
from turnout_cli.store import State, Store

if TYPE_CHECKING:
    from controlplane.audit.export_objects import Exported
    from controlplane.audit.note import NoteKey
    from controlplane.audit.source import Source
    from controlplane.audit.verify import Findings, Trust
    from controlplane.rpc.reconcile import Reconciled
    from controlplane.store.protocols import Store as OpenStore
    from turnout_wire.audits import Audits

audit = typer.Typer(no_args_is_help=True)

Export = Annotated[
    str,
    typer.Option(
        "--export", help="Read this export instead of a store: a file, or s3://BUCKET/PREFIX, gs://… or az://…"
    ),
]
Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--key", help="A verifier key to believe, as `turnout audit key` prints; that of the state folder if absent."
    ),
]
FIRST_SHOWN = 20
"""Discrepancies of a kind that a person is shown."""


@audit.command()
def verify(
    store: Store = "", state: State = None, export: Export = "", keys: Keys = None,
    since: Annotated[
        list[Path] | None, typer.Option("--from", help="A checkpoint that you kept: the log must begin with it; repeatable.")
    ] = None,
    no_replay: Annotated[bool, typer.Option("--no-replay", help="Do not make decisions again; several times faster.")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Check every leaf, the tree, all checkpoints and signatures, and make every decision again. Exits with 1 at any fault."""

    async def run() -> int:
        from controlplane.audit.verify import Trust, verify_log
        from controlplane.rpc.contents import RecordContents
        from controlplane.rpc.replay import Replay

        kept = {str(path): path.read_text(encoding="utf-8") for path in since or ()}
        trust = Trust(keys=trusted(keys or (), state), kept=kept)
        async with opened(store, state, export) as source:
            replay = None if no_replay else Replay(source.documents)
            with progress(as_json=as_json) as tell:
                found = await verify_log(source, trust, RecordContents(replay), tell)
        show_findings(found, trust, as_json=as_json)
        return 0 if found.sound else 1

    work(run)


@audit.command()
def reconcile(
    store: Store = "", state: State = None, export: Export = "",
    since: Annotated[
        datetime | None, typer.Option("--since", help="Only what was decided or executed from then on, in UTC.")
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Compare decisions with executions, and bills with usage. Exits with 1 if anything but unused decisions does not fit."""

    async def run() -> int:
        from controlplane.rpc.reconcile import Discrepancy, Reconciliation

        begin = since.replace(tzinfo=UTC) if since else None
        async with opened(store, state, export) as source:
            newest = await source.newest()
            reading = Reconciliation(source.documents, now=datetime.now(UTC), since=begin)
            found = await reading.run(source.entries(newest.size if newest else 0))
        show_reconciled(found, as_json=as_json)
        return 1 if any(one.kind is not Discrepancy.NEVER_EXECUTED for one in found.discovered) else 0

    work(run)


@audit.command("export")
def export_to(
    target: Annotated[
        str,
        typer.Argument(
            help="The file to write, lines of JSON, one that is there is replaced; or s3://BUCKET/PREFIX, gs://… or az://…",
        ),
    ],
    store: Store = "", state: State = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Write the whole log up to its newest checkpoint, also while control planes use the store.

    Below a prefix of a bucket only what is not there yet is added, and nothing is ever changed. Credentials and endpoint are
    taken from the environment (AWS_*, GOOGLE_*, AZURE_*) or from the machine's role. Needs obstore, of the extra `objects`.
    """

    async def run() -> int:
        from controlplane.audit.bucket import is_bucket
        from controlplane.audit.export import export_log
        from controlplane.store.open import open_store

        reading = await open_store(store_address(store, state), read_only=True)
        try:
            with progress(as_json=as_json) as tell:
                if is_bucket(target):
                    return show_exported(await export_below(target, reading, tell), target, as_json=as_json)
                count = await export_log(reading, Path(target), tell)
        finally:
            await reading.close()
        if as_json:
            emit({"file": target, "entries": count})
        else:
            out.print(f"{count} entries in {target}", highlight=False, markup=False, soft_wrap=True)
        return 0

    work(run)


@audit.command()
def checkpoint(store: Store = "", state: State = None, export: Export = "", as_json: AsJson = False) -> None:
    """Print the newest checkpoint. Keep it elsewhere, for `turnout audit verify --from`: it proves what the log was today."""

    async def run() -> int:
        async with opened(store, state, export) as source:
            newest = await source.newest()
        if newest is None:
            return fail("the log has no checkpoint yet: it gets one within a second of its first entry")
        if as_json:
            emit({"size": newest.size, "root": newest.root, "at": newest.at, "note": newest.note})
        else:
            out.print(newest.note, end="", highlight=False, markup=False, soft_wrap=True)
        return 0

    work(run)


@audit.command()
def key(state: State = None, as_json: AsJson = False) -> None:
    """Print the log's verifier key. Keep it elsewhere: whoever can change the store must not be able to change it."""

    async def run() -> int:
        found = trusted((), state)
        if as_json:
            emit({"key": str(found[0]), "earlier": [str(one) for one in found[1:]]})
        else:
            out.print(str(found[0]), highlight=False, markup=False, soft_wrap=True)
        return 0

    work(run)


@audit.command()
def erase(
    decisions: Annotated[list[str] | None, typer.Argument(help="Ids of decisions.")] = None,
    older: Annotated[str, typer.Option("--older-than", help="Also everything that old: 90d, 26w.")] = "",
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
    timeout: Timeout = 300, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Remove what was recorded of requests for good, as the operator. The leaves stay, and the log stays sound."""
    from turnout_cli.decisions import ask
    from turnout_cli.report import age, now

    if not reason or not (decisions or older):
        raise typer.BadParameter("name decisions or --older-than, and say why with --reason")

    async def use(audits: "Audits") -> int:
        before = now() - age(older) if older else None
        done = await audits.erase(decisions or (), before, reason)
        if as_json:
            emit(done)
        else:
            out.print(f"{done['erased']} bodies erased; entry {done['ref']} says so", highlight=False, soft_wrap=True)
        return 0

    ask(use, timeout)


def trusted(given: Sequence[str], state: Path | None) -> "Sequence[NoteKey]":
    """The keys that are believed: those given, or else those of the state folder. Raises ValueError."""
    from controlplane.audit.log_key import EARLIER, PUBLIC, verifier_keys

    if given:
        return verifier_keys("\n".join(given))
    folder = (state or state_folder()) / "keys"
    try:
        found = verifier_keys((folder / PUBLIC).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{folder / PUBLIC}: {error.strerror}; give the log's verifier key with --key") from error
    earlier = folder / EARLIER
    return (*found, *(verifier_keys(earlier.read_text(encoding="utf-8")) if earlier.exists() else ()))


@asynccontextmanager
async def opened(store: str, state: Path | None, export: str) -> "AsyncIterator[Source]":
    """The log in a file, a bucket or a store. Raises BucketUnavailable, ExportInvalid, OSError, SchemaMismatch, StoreUnavailable."""
    from controlplane.audit.bucket import is_bucket, open_bucket
    from controlplane.audit.export import ExportSource
    from controlplane.audit.objects_source import open_objects
    from controlplane.audit.source import StoreSource
    from controlplane.store.open import open_store

    if export:
        bucket = open_bucket(export, profile=aws_profile()) if is_bucket(export) else None
        yield await open_objects(bucket) if bucket else ExportSource(Path(export))
        return
    reading = await open_store(store_address(store, state), read_only=True)
    try:
        yield StoreSource(reading)
    finally:
        await reading.close()


async def export_below(target: str, store: "OpenStore", tell: Callable[[int, int], None]) -> "Exported":
    """Add what is missing in a bucket. Raises BucketUnavailable, ExportInvalid, StoreUnavailable."""
    from controlplane.audit.bucket import open_bucket
    from controlplane.audit.export_objects import export_objects

    return await export_objects(store, open_bucket(target, profile=aws_profile()), tell)


def work(run: Callable[[], Awaitable[int]]) -> None:
    """Run a command on the log; what a person can act on is one line."""
    from controlplane.audit.bucket import BucketUnavailable
    from controlplane.audit.export_lines import ExportInvalid
    from controlplane.store.protocols import SchemaMismatch, StoreUnavailable

    async def told_failures() -> int:
        try:
            return await run()
        except (ExportInvalid, SchemaMismatch, StoreUnavailable) as failure:
            return fail(str(failure))
        except BucketUnavailable as failure:
            return fail(str(failure), code=2)
        except OSError as failure:
            return fail(f"{failure.filename}: {failure.strerror}", code=2)

    finish(told_failures)


@contextmanager
def progress(*, as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, else nothing. Gives what takes entries that are read, and entries in all."""
    columns = (TextColumn("entries"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=as_json or not err.is_terminal) as bar:
        task = bar.add_task("entries", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def emit(document: Mapping[str, object]) -> None:
    """One JSON document."""
    from turnout_cli.ask import emit as write

    write(document)


def show_exported(done: "Exported", target: str, *, as_json: bool) -> int:
    """What is in a bucket now, and what of it should not be any more."""
    if as_json:
        emit({"target": target, **asdict(done)})
        return 0
    told = f"{done.entries} entries in {target}, {done.added} of them new, in {done.objects} new objects"
    out.print(told, highlight=False, markup=False, soft_wrap=True)
    for name in done.holding_erased:
        err.print(
            f"{name} holds what was erased since: delete it and export again",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    return 0


def show_findings(found: "Findings", trust: "Trust", *, as_json: bool) -> None:
    """What was verified, and every fault with its place."""
    if as_json:
        emit({"sound": found.sound, "origin": trust.origin, **asdict(found)})
        return
    facts = [f"{found.size} leaves", f"{found.checkpoints} checkpoints", f"{found.signatures} signatures"]
    facts += [f"{found.replayed} decisions made again, byte for byte"] if found.replayed else []
    facts += [f"{found.not_replayed} decisions not made again"] if found.not_replayed else []
    facts += [f"{found.erased} bodies erased"] if found.erased else []
    out.print(f"log {trust.origin}: {', '.join(facts)}", highlight=False, markup=False, soft_wrap=True)
    for why, count in found.unmade.items():
        out.print(f"{count} not made again: {why}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    for fault in found.faults:
        out.print(str(fault), style="red", highlight=False, markup=False, soft_wrap=True)
    if found.more:
        out.print(f"and {found.more} more", style="red", highlight=False)
    out.print("[green]sound[/green]" if found.sound else "[red]not sound[/red]")


def show_reconciled(found: "Reconciled", *, as_json: bool) -> None:
    """Sums, then what does not fit by kind."""
    from controlplane.rpc.reconcile import counts

    if as_json:
        emit(asdict(found))
        return
    out.print(
        f"{found.decisions} decisions, {found.receipts} receipts, {found.open} decisions still open; "
        f"receipts state {dollars(found.stated_nanousd)}, of it {dollars(found.estimated_nanousd)} estimated; "
        f"usage comes to {dollars(found.worked_out_nanousd)}",
        highlight=False,
        soft_wrap=True,
    )
    for kind, count in counts(found.discovered).items():
        if not count:
            continue
        table = Table(
            "when", "decision", "tenant", "workload", "what", title=f"{kind.value}: {count}", title_justify="left"
        )
        for one in [one for one in found.discovered if one.kind is kind][:FIRST_SHOWN]:
            table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", one.decision_id, one.tenant, one.workload, one.detail)
        out.print(table)
        if count > FIRST_SHOWN:
            out.print(f"[dim]and {count - FIRST_SHOWN} more; --json has all[/dim]", highlight=False)
    if not found.discovered:
        out.print("[green]everything fits[/green]")
