"""`turnout train`: learns the quality of models from tables of results, as an artefact that a control plane can take."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from turnout_cli.app import AsJson, err, fail, out

if TYPE_CHECKING:
    from turnout_cli.evaluation.lessons import Trained

OUT = Path("quality.turnout")


def train(
    files: Annotated[list[Path], typer.Argument(help="Tables to learn from (.parquet, .csv, .jsonl).")],
    to: Annotated[
        Path, typer.Option("--out", help="The file to write the artefact to; one that is there is replaced.")
    ] = OUT,
    seed: Annotated[int, typer.Option(help="Seed of what is held out, and of training.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Learn from tables of results how well each model does on which requests, and write it to a file.

    A table has the column prompt and, for each model, score|MODEL from 0 to 1; out_tokens|MODEL and columns of text such as
    category help. A fifth of the questions is held out first, to tell how well their results are expected; what is written has
    learned from all. `turnout learned import` hands it to the control plane.
    """
    from turnout_cli.evaluation.app import progress
    from turnout_cli.evaluation.lessons import train_files, write

    if not to.parent.is_dir():
        raise typer.Exit(fail(f"--out: the folder {to.parent} is not there; make it, or write elsewhere", code=2))
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
    out.print(
        f"learned from {trained.prompts} prompts, {len(facts['models'])} models; {facts['bytes']} bytes in {to}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    out.print(f"digest {facts['digest']}", highlight=False, markup=False, soft_wrap=True)
