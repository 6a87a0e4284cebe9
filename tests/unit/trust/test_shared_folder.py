"""Several control planes keep their keys in one folder."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.signing.commands import ActivateKey, PrepareKey
from controlplane.signing.file_store import FileKeyStore
from controlplane.signing.folder import DiskFolder, KeyFolderError
from turnout_wire.ed25519 import verify

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def replica(path: Path, seed: int) -> FileKeyStore:
    """One control plane's view of the folder."""
    return FileKeyStore(
        DiskFolder(path, shared=True), issuer="turnout", clock=lambda: NOW, seed=lambda: bytes([seed] * 32)
    )


def test_the_second_one_finds_the_key_that_the_first_one_made(tmp_path: Path) -> None:
    one, two = replica(tmp_path / "keys", 1), replica(tmp_path / "keys", 2)
    assert one.ring == two.ring
    assert len(one.ring.keys) == 1


def test_a_change_is_taken_by_the_others_when_they_look(tmp_path: Path) -> None:
    one, two = replica(tmp_path / "keys", 1), replica(tmp_path / "keys", 2)
    key, _ = PrepareKey(store=two, clock=lambda: NOW, issuer="turnout")()
    ring = ActivateKey(store=two, clock=lambda: NOW, lead=timedelta(0))(key.key_id)
    assert one.ring != ring
    assert one.reload() == one.ring == ring
    signature = one.sign(b"message")
    assert signature.key_id == key.key_id
    assert verify(key.public_key, b"message", signature.value)


def test_a_change_begins_with_what_another_one_changed(tmp_path: Path) -> None:
    one, two = replica(tmp_path / "keys", 1), replica(tmp_path / "keys", 2)
    three = replica(tmp_path / "keys", 3)
    for store in (two, three):
        PrepareKey(store=store, clock=lambda: NOW, issuer="turnout")()
    assert len(three.ring.keys) == 3
    assert one.reload() == three.ring


def test_a_folder_is_shared_by_all_or_by_none(tmp_path: Path) -> None:
    shared = DiskFolder(tmp_path / "keys", shared=True)
    with pytest.raises(KeyFolderError, match="in use by the process"):
        DiskFolder(tmp_path / "keys")
    shared.close()
    alone = DiskFolder(tmp_path / "keys")
    with pytest.raises(KeyFolderError, match="one PostgreSQL store"):
        DiskFolder(tmp_path / "keys", shared=True)
    alone.close()


def test_a_change_that_hangs_elsewhere_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = DiskFolder(tmp_path / "keys", shared=True), DiskFolder(tmp_path / "keys", shared=True)
    waited: list[float] = []
    monkeypatch.setattr("controlplane.signing.folder.time.sleep", waited.append)
    with one.exclusive(), pytest.raises(KeyFolderError, match="see whether that one hangs"), two.exclusive():
        pytest.fail("both hold it")
    assert sum(waited) == pytest.approx(5.0)
    with two.exclusive():
        assert two.names() == frozenset()
