"""`turnout catalog`: checking a configuration before it is used."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from turnout_cli.app import AsJson, err, out

catalog = typer.Typer(no_args_is_help=True)


@catalog.command("check")
def check_catalog(file: Annotated[Path, typer.Argument(help="A turnout.yaml.")], as_json: AsJson = False) -> None:
    """Say everything that is wrong with a configuration, with file, line, field, reason and way out. Exits with 1 if anything is."""
    from controlplane.catalog.load import check

    problems = check(file)
    if as_json:
        sys.stdout.write(json.dumps({"file": str(file), "problems": [asdict(problem) for problem in problems]}) + "\n")
    elif problems:
        for problem in problems:
            err.print(str(problem), style="red", highlight=False, soft_wrap=True, markup=False)
    else:
        out.print(f"{file}: valid", highlight=False)
    raise typer.Exit(1 if problems else 0)


@catalog.command("show")
def show_catalog() -> None:
    """Print the packaged catalog, to begin a turnout.yaml with."""
    import controlplane.catalog

    sys.stdout.write((Path(controlplane.catalog.__file__).parent / "default.yaml").read_text(encoding="utf-8"))
