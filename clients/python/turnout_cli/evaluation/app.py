"""`turnout eval`: how well requests are understood and routed, on tables with known results."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from turnout_cli.app import AsJson, err, fail, out

evaluate = typer.Typer(no_args_is_help=True)


@evaluate.command()
def routing(
    train: Annotated[list[Path], typer.Option(help="A table to learn from (.parquet, .csv, .jsonl); repeatable.")],
    test: Annotated[Path, typer.Option(help="The table to measure on; may be one of those to learn from.")],
    weak: Annotated[str, typer.Option(help="The cheaper model.")] = "",
    strong: Annotated[str, typer.Option(help="The better model.")] = "",
    models: Annotated[str, typer.Option(help="A whole pool instead of two: names with commas between.")] = "",
    holdout: Annotated[
        str, typer.Option(help="Hold out each value of this column of the test table, one after the other.")
    ] = "",
    plots: Annotated[Path | None, typer.Option(help="Folder to draw curves into, as SVG and PNG.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of splits, training and intervals.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure how well the learned router finds the prompts that need the better model, beside routers that know less.

    If the test table is among those to learn from, its questions are held out fifth by fifth. Questions that are nearly those
    of the test are never learned from.
    """
    from turnout_cli.evaluation.pool import PoolReport, measure_pool
    from turnout_cli.evaluation.pool_report import pool_json, show_pool
    from turnout_cli.evaluation.routing import Settings, measure
    from turnout_cli.evaluation.routing_plots import draw
    from turnout_cli.evaluation.routing_report import report_json, show

    names = tuple(name.strip() for name in models.split(",") if name.strip())
    if bool(names) == bool(weak or strong) or bool(weak) != bool(strong) or len(names) == 1:
        raise typer.BadParameter("give --weak and --strong, or at least two --models")
    settings = Settings(train=tuple(train), test=test, models=names or (weak, strong), holdout=holdout, seed=seed)
    try:
        with progress() as bar:
            task = bar.add_task("reading", total=1.0)

            def told(what: str, share: float) -> None:
                bar.update(task, description=what, completed=share)

            report = measure_pool(settings, told) if names else measure(settings, told)
    except ValueError as failure:
        raise typer.Exit(fail(str(failure), code=2)) from None
    written = draw(report, plots) if plots is not None else []
    if as_json:
        print(json.dumps(pool_json(report) if isinstance(report, PoolReport) else report_json(report), indent=2))
        return
    if isinstance(report, PoolReport):
        show_pool(report, out)
    else:
        show(report, out)
    for path in written:
        out.print(f"drawn: {path}", highlight=False)
    if written and not any(path.suffix == ".png" for path in written):
        out.print("no PNG: that needs the extra: pip install 'turnout[plots]'", highlight=False, markup=False)


@evaluate.command()
def classify(
    test: Annotated[Path, typer.Option(help="A table of labelled prompts (.parquet, .csv, .jsonl).")],
    by: Annotated[str, typer.Option(help="Tell figures apart by the values of this column.")] = "",
    only_rules: Annotated[
        bool, typer.Option("--only-rules", help="Ask the rules alone, to compare with them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how right prompts are classified, and how well the confidence knows it, by the code that classifies in production.

    The prompt is in the column prompt, text or messages. Labels, all optional, are in task_type, also (task types that are as
    right), complexity, domain (empty: none), language, out_of_scope or intent (oos: out of scope).
    """
    from controlplane.policy.model import ClassifierKind
    from turnout_cli.evaluation.class_report import report_json, show
    from turnout_cli.evaluation.classify import Settings, measure

    classifiers = (ClassifierKind.RULES,) if only_rules else tuple(ClassifierKind)
    try:
        with progress() as bar:
            task = bar.add_task("reading", total=1.0)

            def told(what: str, share: float) -> None:
                bar.update(task, description=what, completed=share)

            report = measure(Settings(test=test, classifiers=classifiers, by=by), told)
    except ValueError as failure:
        raise typer.Exit(fail(str(failure), code=2)) from None
    if as_json:
        print(json.dumps(report_json(report), indent=2))
    else:
        show(report, out)


def progress() -> Progress:
    """A bar on a terminal, else nothing."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=err, transient=True,
        disable=not err.is_terminal,
    )  # fmt: skip
