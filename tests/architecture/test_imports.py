"""Who may import whom: the contracts of pyproject.toml hold, and each of them can fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import PRODUCT, ROOT, Module, imported, modules, parse

LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"
IMPORT_ROOTS = (".", "clients/python", "clients/python/gen")


def lint_imports(root: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """Check the packages below `root` against the contracts of its pyproject.toml."""
    path = os.pathsep.join(str(root / part) for part in IMPORT_ROOTS)
    chosen = [option for contract in contracts for option in ("--contract", contract)]
    return subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache", *chosen],
        cwd=root,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the product that a test may spoil."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", root)
    for folder in PRODUCT:
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def test_every_import_contract_is_kept() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("contract", "module", "line"),
    [
        ("layers", "controlplane/decision", "import dataplane.permit"),
        ("layers", "dataplane/permit", "import controlplane.decision"),
        ("layers", "clients/python/turnout_wire", "import dataplane"),
        ("layers", "clients/python/turnout_client", "import controlplane"),
        ("pure", "controlplane/decision", "import time"),
        ("pure", "controlplane/decision", "import random"),
        ("pure", "dataplane/permit", "import asyncio"),
        ("pure", "dataplane/permit", "from google.protobuf import message"),
        ("pure", "clients/python/turnout_features", "import logging"),
        ("protobuf", "controlplane/policy", "from turnout.routing.v1 import decision_pb2"),
        ("protobuf", "dataplane/execution", "import grpc"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(copy: Path, contract: str, module: str, line: str) -> None:
    spoiled = copy / module / "spoiled.py"
    spoiled.write_text(line + "\n")
    try:
        done = lint_imports(copy, contract)
    finally:
        spoiled.unlink()
    assert done.returncode == 1
    assert "spoiled" in done.stdout


ENVIRONMENT = ("os.environ", "os.getenv", "os.environb", "os.getenvb")


def environment_reads(module: Module) -> list[str]:
    """Where `module` reads the environment."""
    names = {name: node for name, node in imported(module.tree) if name in ENVIRONMENT}
    lines = [module.at(node) for node in names.values()]
    for number, line in enumerate(module.text.splitlines(), start=1):
        if any(name in line for name in ENVIRONMENT):
            lines.append(f"{module.path}:{number}")
    return lines


def test_only_config_reads_the_environment() -> None:
    found = [where for module in modules(*PRODUCT) if module.name != "config" for where in environment_reads(module)]
    assert not found


@pytest.mark.parametrize(
    "text", ["import os\nos.environ['A']\n", "from os import getenv\n", "import os\nos.getenv('A')\n"]
)
def test_a_read_of_the_environment_is_found(text: str) -> None:
    assert environment_reads(parse(Path("x.py"), text))


def wiring_imports(module: Module) -> list[str]:
    """Where `module` imports a plane's wiring."""
    return [module.at(node) for name, node in imported(module.tree) if "wiring" in name.split(".")]


def test_only_the_entry_points_import_the_wiring() -> None:
    found = [where for module in modules(*PRODUCT) if module.name != "__main__" for where in wiring_imports(module)]
    assert not found


def test_an_import_of_the_wiring_is_found() -> None:
    assert wiring_imports(parse(Path("x.py"), "from controlplane.wiring import build\n"))
