"""Settings and fixtures for every test."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.support.postgres", "tests.support.s3"]
ROOT = Path(__file__).resolve().parent.parent

# Programs that tests start come up in half the time from bytecode, whatever this machine says about keeping it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
sys.pycache_prefix = os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / ".cache" / "bytecode"))

# No deadline for one example: the machine may be busy. In CI the same examples each time, so that a red run is about
# the change; at home new ones.
settings.register_profile("home", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "home")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with recordings and datasets that the repository does not carry; the test is skipped without it."""
    folder = Path(os.environ.get("TURNOUT_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: set TURNOUT_SHARED to the folder with the recordings and datasets")
    return folder
