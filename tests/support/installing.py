"""Puts the packages of examples/ where Python finds them, as an installer does, without any network."""

import shutil
import tomllib
from pathlib import Path

from tests.support.pages import ROOT


def install(example: str, into: Path) -> Path:
    """Copy the packages of `examples/EXAMPLE` into the folder `into`, with the metadata that its pyproject.toml asks for."""
    source = ROOT / "examples" / example
    project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
    shutil.copytree(source, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.toml", "*.md", "__pycache__"))
    info = into / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(metadata, "utf-8")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups), "utf-8")
    return into
