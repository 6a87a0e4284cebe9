"""`turnout learned`: the quality models that decisions may use, and the one that they do use."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from turnout_cli.app import AsJson, fail, finish, out
from turnout_cli.config import connection

if TYPE_CHECKING:
    from turnout_wire.quality_models import InUse, QualityAdmin, QualityModelFacts, QualityModels

learned = typer.Typer(no_args_is_help=True)
LEAST_DIGITS = 6
"""Of a digest, so that it names one."""
NONE = "none"


@learned.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="The artefact, as `turnout train` writes it.")],
    activate_it: Annotated[bool, typer.Option("--activate", help="Use it from now on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hand an artefact to the control plane. It changes nothing before it is activated."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise typer.Exit(fail(f"{file}: {error.strerror}", code=2)) from None

    async def use(admin: "QualityAdmin") -> int:
        kept = await admin.keep(content)
        if activate_it:
            return _show_use(await admin.activate(bytes.fromhex(kept.digest)), as_json=as_json)
        if as_json:
            _emit(asdict(kept))
        else:
            _line(f"kept {kept.digest}; `turnout learned activate {kept.digest[:12]}` lets decisions use it")
        return 0

    administer(use)


@learned.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Show all quality models that are kept, the latest import first."""

    async def use(admin: "QualityAdmin") -> int:
        found = await admin.all()
        if as_json:
            _emit(asdict(found))
        else:
            _show_all(found)
        return 0

    administer(use)


@learned.command()
def show(
    digest: Annotated[str, typer.Argument(help="Its digest, or how that begins; the one in use if absent.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show one quality model. Exits with 1 if the control plane cannot use it, or if none is in use."""

    async def use(admin: "QualityAdmin") -> int:
        found = await admin.all()
        model = _named(found, digest) if digest else next((one for one in found.quality_models if one.active), None)
        if model is None:
            return fail("no quality model is in use: the catalog's scores hold")
        if as_json:
            _emit(asdict(model))
        else:
            _show_one(model)
        return 1 if model.unfit else 0

    administer(use)


@learned.command()
def activate(
    digest: Annotated[
        str, typer.Argument(help="Its digest, or how that begins; `none` goes back to the catalog's scores.")
    ],
    as_json: AsJson = False,
) -> None:
    """Let decisions use a quality model from now on: a new snapshot on every control plane, and an entry of the audit log."""

    async def use(admin: "QualityAdmin") -> int:
        wanted = b"" if digest == NONE else bytes.fromhex(_named(await admin.all(), digest).digest)
        return _show_use(await admin.activate(wanted), as_json=as_json)

    administer(use)


@learned.command()
def rollback(as_json: AsJson = False) -> None:
    """Go back to what was in use before the last activation; more often, further back."""

    async def use(admin: "QualityAdmin") -> int:
        return _show_use(await admin.roll_back(), as_json=as_json)

    administer(use)


def administer(use: "Callable[[QualityAdmin], Awaitable[int]]") -> None:
    """Run a command on quality models as the operator."""
    from turnout_wire.control_line import ControlLine
    from turnout_wire.quality_models import QualityAdmin

    async def run() -> int:
        reached = connection(operator=True)
        async with ControlLine(reached.control[0], reached.token) as line:
            return await use(QualityAdmin(line))

    finish(run)


def _named(found: "QualityModels", digest: str) -> "QualityModelFacts":
    """The one whose digest begins so. Raises ValueError."""
    wanted = digest.lower()
    fitting = [one for one in found.quality_models if one.digest.startswith(wanted)]
    if len(wanted) < LEAST_DIGITS or len(fitting) != 1:
        problem = "names more than one quality model" if len(fitting) > 1 else "names no quality model"
        raise ValueError(
            f"{digest} {problem}: give at least {LEAST_DIGITS} digits of a digest that `turnout learned list` shows"
        )
    return fitting[0]


def _show_use(found: "InUse", *, as_json: bool) -> int:
    if as_json:
        _emit(asdict(found))
    elif found.quality_model is None:
        _line(f"no quality model is in use: the catalog's scores hold, from snapshot {found.snapshot_version} on")
    else:
        _line(f"{found.quality_model.digest} is in use from snapshot {found.snapshot_version} on")
    return 0


def _show_all(found: "QualityModels") -> None:
    table = Table("digest", "in use", "models", "bytes", "imported", "by", "")
    for one in found.quality_models:
        when = f"{one.imported_at:%Y-%m-%d %H:%M:%S}"
        used = "yes" if one.active else ""
        table.add_row(
            one.digest[:16], used, str(len(one.models)), str(one.size_bytes), when, one.imported_by, one.unfit
        )
    out.print(table)
    if not any(one.active for one in found.quality_models):
        _line("none is in use: the catalog's scores hold")


def _show_one(model: "QualityModelFacts") -> None:
    state = "in use" if model.active else "not in use"
    if model.unfit:
        state = f"cannot be used here: {model.unfit}"
    _line(f"{model.digest}: {state}")
    _line(f"imported {model.imported_at:%Y-%m-%d %H:%M:%S} UTC by {model.imported_by}, {model.size_bytes} bytes")
    _line(f"made for {model.version}, {model.encoder or 'without an encoder'}")
    _line(f"models: {', '.join(model.models) or 'none, by the scores of the catalog'}")
    if model.workloads:
        _line(f"own results of the workloads: {', '.join(model.workloads)}")
    for found in model.calibrations:
        _line(
            f"calibrated for {found.workload}: at most {found.within_ppm / 10_000:g} points below {found.reference} with "
            f"{found.confidence_ppm / 10_000:g} % confidence, where a good answer is worth ${found.worth_nanousd / 1e9:.2g}, "
            f"by {found.prompts:,} prompts, of {', '.join(found.models)}"
        )


def _line(text: str) -> None:
    out.print(text, highlight=False, markup=False, soft_wrap=True)


def _emit(document: dict[str, object]) -> None:
    from turnout_cli.ask import emit

    emit(document)
