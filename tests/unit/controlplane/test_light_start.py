"""What a control plane has not loaded when it is ready: deciding does not need it, and each costs time and memory."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

HEAVY = (
    "aiohttp", "alembic", "asyncpg", "botocore", "click", "fastapi", "httpx", "jsonschema", "opentelemetry.exporter",
    "opentelemetry.sdk", "prometheus_client", "pyarrow", "rich", "scipy", "sklearn", "sqlalchemy", "starlette", "turnout_cli",
    "turnout_client", "typer", "uvicorn",
)  # fmt: skip


def imported(lines: Iterable[str]) -> set[str]:
    """Names of modules in what `-X importtime` writes."""
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What the first start in a new state folder imported until it said that it is ready."""
    folder = tmp_path_factory.mktemp("light")
    told = folder / "imports"
    command = [sys.executable, "-X", "importtime", "-m", "controlplane", "--listen", "127.0.0.1:0"]
    with told.open("wb") as stderr:
        process = subprocess.Popen(
            [*command, "--state", str(folder / "state")], stdout=subprocess.PIPE, stderr=stderr, cwd=Path.cwd()
        )
        with process:
            assert process.stdout is not None
            assert b"ready" in process.stdout.readline(), told.read_text()
            seen = imported(told.read_text().splitlines())
            process.terminate()
    return seen


@pytest.mark.parametrize("name", HEAVY)
def test_a_control_plane_is_ready_without(name: str, ready: set[str]) -> None:
    assert name not in ready


def test_what_is_loaded_is_seen(ready: set[str]) -> None:
    """The control."""
    assert {"controlplane.wiring", "grpc"} <= ready
