"""The committed Python is what the protos generate."""

import shutil
from pathlib import Path

import pytest

from tools import protos


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Freshly generated code."""
    folder = tmp_path_factory.mktemp("current")
    protos.generate(folder)
    return folder


def test_the_committed_code_is_current(current: Path) -> None:
    assert not protos.differences(protos.GENERATED, current), "run `make protos` and commit what it changes"


def test_a_change_by_hand_is_found(current: Path, tmp_path: Path) -> None:
    edited = shutil.copytree(current, tmp_path / "edited")
    (edited / "turnout/errors/v1/reason_pb2.py").write_text("# edited\n")
    (edited / "turnout/errors/v1/extra_pb2.py").touch()
    (edited / "turnout/py.typed").unlink()
    assert protos.differences(edited, current) == [
        "left over: turnout/errors/v1/extra_pb2.py",
        "missing: turnout/py.typed",
        "out of date: turnout/errors/v1/reason_pb2.py",
    ]


def test_installing_makes_the_folders_equal(current: Path, tmp_path: Path) -> None:
    stale = tmp_path / "stale"
    (stale / "gone" / "v1").mkdir(parents=True)
    (stale / "gone" / "v1" / "gone_pb2.py").touch()
    protos.install(current, stale)
    assert not protos.differences(stale, current)
    assert not (stale / "gone").exists()
