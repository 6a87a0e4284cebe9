"""The wheel holds the product, whole and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

IMPORT_ROOTS = {
    "controlplane": "controlplane",
    "dataplane": "dataplane",
    "clients/python/turnout_wire": "turnout_wire",
    "clients/python/turnout_features": "turnout_features",
    "clients/python/turnout_embedding": "turnout_embedding",
    "clients/python/turnout_client": "turnout_client",
    "clients/python/turnout_cli": "turnout_cli",
    "clients/python/gen/turnout": "turnout",
    "clients/python/gen/buf": "buf",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of a wheel built from this work tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    return set(zipfile.ZipFile(next(folder.glob("*.whl"))).namelist())


def product_files() -> set[str]:
    """What the wheel must hold, as paths below the import root."""
    return {
        (Path(package) / path.relative_to(ROOT / folder)).as_posix()
        for folder, package in IMPORT_ROOTS.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_the_product(wheel: set[str]) -> None:
    assert not product_files() - wheel


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    assert {name.partition("/")[0] for name in wheel - product_files()} == {"turnout-0.1.0.dist-info"}
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
