"""What a worker has not loaded when it is ready: a request does not need it, and each costs time and memory."""

import subprocess
import sys

import pytest

HEAVY = (
    "aiohttp", "alembic", "botocore", "click", "fastapi", "httpx", "jsonschema", "numpy", "opentelemetry.exporter",
    "opentelemetry.sdk", "prometheus_client", "rich", "sklearn", "sqlalchemy", "starlette", "turnout_cli", "turnout_client",
    "typer", "uvicorn", "valkey", "yaml",
)  # fmt: skip


def loaded_by(*imports: str) -> set[str]:
    """Names of modules in a fresh process that imported these."""
    code = f"import {', '.join(imports)}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def worker() -> set[str]:
    return loaded_by("dataplane.__main__")


@pytest.mark.parametrize("name", HEAVY)
def test_a_worker_starts_without(name: str, worker: set[str]) -> None:
    assert name not in worker


def test_what_is_loaded_is_seen() -> None:
    """The control."""
    assert "turnout_client" in loaded_by("dataplane.__main__", "turnout_client")
