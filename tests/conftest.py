"""Settings and fixtures for every test."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.postgres", "tests.support.s3"]
ROOT = Path(__file__).resolve().parent.parent

# Programs that tests start come up in half the time from bytecode, whatever this machine says about keeping it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
sys.pycache_prefix = os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / ".cache" / "bytecode"))

# The same examples each time, so that a red run is about the change; new ones, and many, when asked for by
# `--hypothesis-profile=thorough`. Nothing about them is timed: the machine may be busy.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", UNTIMED, max_examples=50, derandomize=True, database=None)
settings.register_profile("thorough", UNTIMED, max_examples=1_000)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with recordings and datasets that the repository does not carry; the test is skipped without it."""
    folder = Path(os.environ.get("TURNOUT_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: set TURNOUT_SHARED to the folder with the recordings and datasets")
    return folder
