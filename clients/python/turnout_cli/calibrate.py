"""`turnout calibrate`: finds, on a workload's own results, what a good answer must be worth to reach a target of quality."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout_cli.app import AsJson, err, fail, out

if TYPE_CHECKING:
    from controlplane.learning.model import Learned
    from turnout_cli.evaluation.targets import Aimed, Calibrated, Progress

OUT = Path("calibrated.turnout")


def calibrate(
    table: Annotated[Path, typer.Argument(help="The workload's own prompts with scores (.parquet, .csv, .jsonl).")],
    quality_model: Annotated[Path, typer.Option(help="The artefact that decisions use, as `turnout train` writes it.")],
    catalog: Annotated[Path, typer.Option(help="Your turnout.yaml, with the workload, its policy and the target.")],
    workload: Annotated[str, typer.Option(help="The workload.")] = "default",
    to: Annotated[
        Path, typer.Option("--out", help="The file to write the calibrated artefact to; one that is there is replaced.")
    ] = OUT,
    plot: Annotated[
        Path | None, typer.Option(help="Draw loss, its bound and cost over worths into this file (.svg or .png).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find what a good answer must be worth, so that a workload stays within its target of quality, and write it into an artefact.

    The target is that of the workload's policy: `strategy: {kind: value, target: {of: MODEL, within: 0.02, confidence: 0.95}}`. For each
    prompt of the table, what production would choose at each worth is compared with the model that the target names, from a
    thousand dollars for a good answer down, until the prompts no longer show that the target is reached (learn then test,
    arXiv 2110.01052). Prompts that the quality model was trained on are left out.

    Exits with 1, and writes nothing, if the data do not support the target; it is then told why, and how many prompts probably would.
    Otherwise hand the artefact to the control plane with `turnout learned import --activate`.
    """
    from controlplane.catalog.document.problem import CatalogInvalid
    from turnout_cli.evaluation.app import progress
    from turnout_cli.evaluation.target_plots import SUFFIXES, draw

    if not to.parent.is_dir():
        raise typer.Exit(fail(f"--out: the folder {to.parent} is not there; make it, or write elsewhere", code=2))
    if plot is not None and plot.suffix not in SUFFIXES:
        raise typer.BadParameter(f"--plot: give a file that ends in {' or '.join(SUFFIXES)}")
    try:
        with progress() as bar:
            task = bar.add_task("reading", total=1.0)
            learned, found = _run(
                table, quality_model, catalog, workload,
                lambda what, share: bar.update(task, description=what, completed=share),
            )  # fmt: skip
        if plot is not None:
            draw(found, plot)
        digest = _written(learned, found, to)
    except (ValueError, CatalogInvalid) as failure:
        raise typer.Exit(fail(str(failure), code=2)) from None
    except OSError as failure:
        raise typer.Exit(fail(f"{failure.filename}: {failure.strerror}", code=2)) from None
    if as_json:
        from turnout_cli.ask import emit

        emit(document(found, to, digest))
    else:
        _show(found, to, digest)
    raise typer.Exit(0 if found.calibration is not None else 1)


def _run(
    table: Path, quality_model: Path, catalog: Path, workload: str, told: "Progress"
) -> "tuple[Learned, Calibrated]":
    from controlplane.catalog.load import load
    from controlplane.learning.artefact import decode
    from controlplane.learning.fitness import unfit
    from turnout_cli.evaluation.tables import read
    from turnout_cli.evaluation.targets import aimed
    from turnout_cli.evaluation.targets import calibrate as test
    from turnout_embedding import load as load_encoder

    aim: Aimed = aimed(load(catalog), workload)
    learned = decode(quality_model.read_bytes())
    if why := unfit(learned, load_encoder().name):
        raise ValueError(f"{quality_model} cannot be used: {why}")
    return learned, test(aim, learned, read(table), told)


def _written(learned: "Learned", found: "Calibrated", to: Path) -> str:
    """Write the artefact if there is a calibration; its digest, "" if none was written."""
    from hashlib import sha256

    from controlplane.learning.artefact import encode
    from turnout_cli.evaluation.lessons import write
    from turnout_cli.evaluation.targets import added

    if found.calibration is None:
        return ""
    content = encode(added(learned, found.calibration))
    write(content, to)
    return sha256(content).hexdigest()


def document(found: "Calibrated", to: Path, digest: str) -> dict[str, Any]:
    """What was found, as JSON has it. Money in dollars a prompt, as decisions expect it; losses are hundredths of quality over 100."""
    target, calibration = found.aimed.target, found.calibration
    at = max(0, found.run.kept - 1)
    return {
        "calibrated": calibration is not None,
        "workload": found.aimed.workload.name,
        "policy": found.aimed.policy.name,
        "target": {
            "of": target.of,
            "within": target.within_ppm / 1e6,
            "confidence": target.confidence_ppm / 1e6,
        },
        "file": str(to) if digest else "",
        "digest": digest,
        "prompts": found.prompts,
        "left_out": dict(found.left_out),
        "models": list(found.models),
        "worth_usd": None if calibration is None else calibration.worth_nanousd / 1e9,
        "loss": float(found.losses[at].mean()),
        "loss_bound": found.bound(at),
        "reference_share": float(found.reference_share[at]),
        "cost_usd": float(found.costs[at]),
        "reference_cost_usd": found.reference_cost,
        "cost_saved": found.saved(at),
        "reason": found.reason,
        "prompts_needed": found.needed,
        "steps": [
            {
                "worth_usd": step.worth_nanousd / 1e9,
                "loss": step.loss,
                "chance": step.chance,
                "kept": place < found.run.kept,
            }
            for place, step in enumerate(found.run.steps)
        ],
    }


def _show(found: "Calibrated", to: Path, digest: str) -> None:
    from controlplane.decision.value import target_text
    from controlplane.decision.value_wording import worth_text

    for why, count in found.left_out.items():
        err.print(f"{count} prompts are not used: {why}", style="yellow", markup=False, soft_wrap=True)
    calibration = found.calibration
    if calibration is None:
        fail(f"{target_text(found.aimed.target)}: {found.reason}")
        return
    at = found.run.kept - 1
    _line(f"{target_text(found.aimed.target)}, for the workload {calibration.workload}: a good answer must be worth")
    _line(f"{worth_text(calibration.worth_nanousd)}, by {found.prompts:,} prompts")
    loss = found.losses[at].mean() * 100
    _line(
        f"there quality is {_below(loss)}, and {found.bound(at) * 100:.1f} points below with the stated confidence at most"
    )
    _line(
        f"the reference takes {found.reference_share[at]:.0%} of them; expected cost is {found.saved(at):.0%} less than "
        f"if it took all (${found.costs[at]:.6f} for ${found.reference_cost:.6f} a prompt)"
    )
    _line(f"written to {to}, digest {digest}; `turnout learned import {to} --activate` puts it in force")


def _below(points: float) -> str:
    return (
        f"{points:.1f} points below the reference's" if points >= 0 else f"{-points:.1f} points above the reference's"
    )


def _line(text: str) -> None:
    out.print(text, highlight=False, markup=False, soft_wrap=True)
