"""`turnout train`: learns the quality of models from tables of results and from a deployment's own log, as an artefact."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from turnout_cli.app import AsJson, err, fail, out
from turnout_cli.audit import Export
from turnout_cli.store import State, Store

if TYPE_CHECKING:
    from controlplane.learning.model import Learned
    from turnout_cli.evaluation.experiences import Own, Progress
    from turnout_cli.evaluation.lessons import Trained

OUT = Path("quality.turnout")


def train(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Tables to learn from (.parquet, .csv, .jsonl).", show_default=False)
    ] = None,
    from_log: Annotated[
        bool, typer.Option("--from-log", help="Learn from this deployment's own audit log too: its store, or an --export.")
    ] = False,
    base: Annotated[
        Path | None, typer.Option(help="With --from-log: the artefact to add own results to, instead of tables.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", help="With --from-log: only what was decided from then on, in UTC.")
    ] = None,
    store: Store = "", state: State = None, export: Export = "",
    to: Annotated[
        Path, typer.Option("--out", help="The file to write the artefact to; one that is there is replaced.")
    ] = OUT,
    seed: Annotated[int, typer.Option(help="Seed of what is held out, and of training.")] = 0,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Learn from tables of results, from the own log, or from both, how well each model does on which requests; write it to a file.

    A table has the column prompt and, for each model, score|MODEL from 0 to 1; out_tokens|MODEL and columns of text such as
    category help. A fifth of the questions is held out first, to tell how well their results are expected; what is written has
    learned from all.

    From the log come feedback, and answers that were of no use by their receipts, with what was known of their requests when they were
    decided. They move what is expected of each model in each workload, the more the more there are. The latest fifth is held out
    first. Without tables and --base, the catalog's scores are what they move. Exits with 1 if the log has too little.

    `turnout learned import` hands the artefact to the control plane.
    """
    if not to.parent.is_dir():
        raise typer.Exit(fail(f"--out: the folder {to.parent} is not there; make it, or write elsewhere", code=2))
    if not from_log:
        if not files or base is not None or since is not None or store or export:
            raise typer.BadParameter("name tables to learn from, or give --from-log; the other options belong to that")
        _from_tables(files, seed, to, as_json=as_json)
    else:
        if files and base is not None:
            raise typer.BadParameter("give tables or --base, not both: a base has its tables in it already")
        _from_log(files or [], base, (store, state, export), since, seed, to, as_json=as_json)


def _from_tables(files: list[Path], seed: int, to: Path, *, as_json: bool) -> None:
    from turnout_cli.evaluation.app import progress
    from turnout_cli.evaluation.lessons import train_files, write

    try:
        with progress() as bar:
            task = bar.add_task("reading", total=1.0)
            trained = train_files(files, seed, lambda what, share: bar.update(task, description=what, completed=share))
        write(trained.content, to)
    except ValueError as failure:
        raise typer.Exit(fail(str(failure), code=2)) from None
    except OSError as failure:
        raise typer.Exit(fail(f"{failure.filename}: {failure.strerror}", code=2)) from None
    if as_json:
        from turnout_cli.ask import emit

        emit(_document(trained, to))
    else:
        _show(trained, to)


def _from_log(
    files: list[Path], base: Path | None, place: tuple[str, Path | None, str], since: datetime | None,
    seed: int, to: Path, *, as_json: bool,
) -> None:  # fmt: skip
    from turnout_cli.audit import opened, work
    from turnout_cli.evaluation.app import progress
    from turnout_cli.evaluation.experiences import TooLittle, train_log
    from turnout_cli.evaluation.lessons import write

    async def run() -> int:
        from controlplane.catalog.restore import DocumentInvalid

        begin = since.replace(tzinfo=UTC) if since else None
        with progress() as bar:
            task = bar.add_task("reading", total=1.0)

            def told(what: str, share: float) -> None:
                bar.update(task, description=what, completed=share)

            learned, trained = _beneath(files, base, seed, told)
            try:
                async with opened(*place) as source:
                    own = await train_log(source, learned, told, begin)
            except (TooLittle, DocumentInvalid) as failure:
                return fail(str(failure))
        write(own.content, to)
        _tell(own, trained, base, to, as_json=as_json)
        return 0

    work(run)


def _beneath(files: list[Path], base: Path | None, seed: int, told: "Progress") -> "tuple[Learned, Trained | None]":
    """What own results are added to, and how it was trained if it was now. Raises OSError, ValueError."""
    from controlplane.learning.artefact import ArtefactInvalid, decode
    from controlplane.learning.fitness import reading, unfit
    from controlplane.learning.training.own import nothing_learned
    from turnout_cli.evaluation.lessons import train_files
    from turnout_embedding import load as load_encoder

    if files:
        trained = train_files(files, seed, told)
        return trained.learned, trained
    if base is None:
        return nothing_learned(reading()), None
    try:
        learned = decode(base.read_bytes())
    except ArtefactInvalid as failure:
        raise ValueError(f"--base: {base}: {failure}") from failure
    if why := unfit(learned, load_encoder().name):
        raise ValueError(f"--base: {base}: {why}")
    return learned, None


def _tell(own: "Own", trained: "Trained | None", base: Path | None, to: Path, *, as_json: bool) -> None:
    from turnout_cli.evaluation.own_report import own_json, show_own

    if as_json:
        from turnout_cli.ask import emit

        tables = _document(trained, to) if trained is not None else {}
        kept = {
            name: tables[name] for name in ("sources", "prompts", "models", "held_out", "encoder") if name in tables
        }
        emit({**own_json(own, base, to), "tables": kept or None})
        return
    if trained is not None:
        _show_held(trained)
    show_own(own, to)


def _document(trained: "Trained", to: Path) -> dict[str, Any]:
    from hashlib import sha256

    heads = trained.learned.heads
    return {
        "file": str(to),
        "digest": sha256(trained.content).hexdigest(),
        "bytes": len(trained.content),
        "version": trained.learned.version,
        "encoder": heads.encoder if heads is not None else "",
        "sources": list(trained.sources),
        "prompts": trained.prompts,
        "models": sorted(trained.learned.models),
        "held_out": {
            "prompts": trained.tested,
            "models": [
                {
                    "model": one.model,
                    "prompts": one.prompts,
                    "log_loss": one.expected,
                    "log_loss_usual": one.usual,
                    "log_loss_least": one.least,
                }
                for one in trained.held
            ],
        },
    }


def _show(trained: "Trained", to: Path) -> None:
    facts = _document(trained, to)
    _show_held(trained)
    out.print(
        f"learned from {trained.prompts} prompts, {len(facts['models'])} models; {facts['bytes']} bytes in {to}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    out.print(f"digest {facts['digest']}", highlight=False, markup=False, soft_wrap=True)


def _show_held(trained: "Trained") -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("model", "prompts held out", "log loss", "by its share alone", "least possible"):
        first = column == "model"
        table.add_column(column, justify="left" if first else "right", overflow="fold", no_wrap=first)
    for one in trained.held:
        style = "" if one.better else "yellow"
        table.add_row(
            one.model,
            str(one.prompts),
            f"{one.expected:.4f}",
            f"{one.usual:.4f}",
            f"{one.least:.4f}",
            style=style,
        )
    out.print(table)
    if worse := [one.model for one in trained.held if not one.better]:
        err.print(
            f"not expected better than by the share of good answers alone: {', '.join(worse)}",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
