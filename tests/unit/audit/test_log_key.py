from datetime import UTC, datetime

import pytest

from controlplane.audit.log_key import EARLIER, PRIVATE, PUBLIC, open_log_key, read_log_key
from controlplane.audit.note import NoteInvalid, NoteKey
from controlplane.signing.file_store import FileKeyStore
from controlplane.signing.folder import KeyFolderError
from tests.unit.trust.folders import MemoryFolder

NOW = datetime(2026, 1, 15, tzinfo=UTC)


def seed_of(number: int) -> bytes:
    return bytes([number] * 32)


def test_a_key_is_made_once_and_found_again() -> None:
    folder = MemoryFolder()
    made = open_log_key(folder, "turnout", lambda: seed_of(1))
    again = open_log_key(folder, "turnout", lambda: seed_of(2))
    assert again.key == made.key == read_log_key(folder, "turnout").key
    assert folder.disk == folder.seen


def test_what_verifiers_need_lies_beside_it_and_follows_it() -> None:
    folder = MemoryFolder()
    open_log_key(folder, "turnout", lambda: seed_of(1))
    folder.remove(PRIVATE)
    made = open_log_key(folder, "turnout", lambda: seed_of(2))
    assert folder.read(PUBLIC).decode() == f"{made.key}\n"


def test_its_checkpoints_are_its_own() -> None:
    key = open_log_key(MemoryFolder(), "turnout", lambda: seed_of(1))
    other = open_log_key(MemoryFolder(), "turnout", lambda: seed_of(2))
    statement = key.open(key.note(7, bytes(32)))
    assert (statement.origin, statement.size, statement.root) == ("turnout/log", 7, bytes(32))
    with pytest.raises(NoteInvalid):
        other.open(key.note(7, bytes(32)))


def test_checkpoints_of_an_earlier_key_are_believed_when_it_is_named() -> None:
    old = open_log_key(MemoryFolder(), "turnout", lambda: seed_of(1))
    folder = MemoryFolder()
    folder.seen[EARLIER] = f"{old.key}\n".encode()
    assert open_log_key(folder, "turnout", lambda: seed_of(2)).open(old.note(7, bytes(32))).size == 7


def test_the_signing_keys_leave_it_alone() -> None:
    folder = MemoryFolder()
    open_log_key(folder, "turnout", lambda: seed_of(1))
    FileKeyStore(folder, issuer="turnout", clock=lambda: NOW, seed=lambda: seed_of(3)).tidy()
    assert PRIVATE in folder.names()


def test_damaged_files_are_refused_with_a_way_out() -> None:
    folder = MemoryFolder()
    folder.seen[PRIVATE] = b"rubbish"
    with pytest.raises(KeyFolderError, match=r"audit\.pem.*restore it"):
        open_log_key(folder, "turnout", lambda: seed_of(1))
    folder = MemoryFolder()
    folder.seen[EARLIER] = b"rubbish"
    with pytest.raises(KeyFolderError, match=r"audit\.earlier.*one verifier key a line"):
        open_log_key(folder, "turnout", lambda: seed_of(1))


def test_a_missing_key_is_not_made_where_it_is_only_read() -> None:
    with pytest.raises(FileNotFoundError):
        read_log_key(MemoryFolder(), "turnout")


def test_nothing_shows_the_private_key() -> None:
    key = open_log_key(MemoryFolder(), "turnout", lambda: seed_of(1))
    assert seed_of(1).hex() not in repr(key)
    assert NoteKey.parse(str(key.key)) == key.key
