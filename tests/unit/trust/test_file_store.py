"""The key folder keeps the ring and its private keys through crashes, and to itself."""

import itertools
import json
import logging
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.signing.commands import ActivateKey, GetKeySet, PrepareKey, RevokeKey
from controlplane.signing.file_store import STATE, FileKeyStore
from controlplane.signing.folder import DiskFolder, Folder, KeyFolderError
from controlplane.signing.life import LEAD, OVERLAP
from controlplane.signing.model import KeyId, KeyRing, KeyState
from controlplane.signing.private_key import from_pem, to_pem
from tests.unit.trust.folders import MemoryFolder, StoppedError
from turnout_wire import ed25519
from turnout_wire.failure import Failure

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
ISSUER = "turnout-test"


class Clock:
    """Says what it was set to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


def seeds(first: int = 1) -> Callable[[], bytes]:
    numbers = itertools.count(first)
    return lambda: bytes([next(numbers)]) * 32


def opened(
    folder: Folder, clock: Clock, seed: Callable[[], bytes] | None = None, *listeners: Callable[[KeyRing], None]
) -> FileKeyStore:
    return FileKeyStore(folder, issuer=ISSUER, clock=clock, seed=seed or seeds(), listeners=listeners)


def rotate(store: FileKeyStore, clock: Clock) -> KeyId:
    key, _ = PrepareKey(store=store, clock=clock, issuer=ISSUER)()
    ActivateKey(store=store, clock=clock)(key.key_id)
    return key.key_id


def states(store: FileKeyStore) -> list[KeyState]:
    return [key.state for key in GetKeySet(store=store)().keys]


def signs(store: FileKeyStore) -> KeyId:
    """The key that signs, once its signature was verified by the ring."""
    signature = store.sign(b"message")
    (key,) = (key for key in store.ring.keys if key.key_id == signature.key_id)
    assert ed25519.verify(key.public_key, b"message", signature.value)
    return key.key_id


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DiskFolder]:
    folder = DiskFolder(tmp_path / "state" / "keys")
    yield folder
    folder.close()


def test_the_first_start_makes_a_key_that_signs_at_once(folder: DiskFolder, clock: Clock) -> None:
    store = opened(folder, clock)
    assert states(store) == [KeyState.ACTIVE]
    assert signs(store) == store.ring.keys[0].key_id


def test_everything_is_for_its_owner_alone(tmp_path: Path, folder: DiskFolder, clock: Clock) -> None:
    opened(folder, clock)
    root = tmp_path / "state" / "keys"
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in root.iterdir()} == {0o600}
    assert len(list(root.iterdir())) == 3


def test_the_ring_and_its_keys_are_there_after_a_restart(tmp_path: Path, clock: Clock) -> None:
    folder = DiskFolder(tmp_path)
    store = opened(folder, clock)
    rotate(store, clock)
    folder.close()
    again = DiskFolder(tmp_path)
    assert opened(again, clock).ring == store.ring
    again.close()


def test_a_rotation_signs_with_the_new_key_after_the_lead_and_destroys_the_old_one(
    folder: DiskFolder, clock: Clock
) -> None:
    store = opened(folder, clock)
    first = signs(store)
    second = rotate(store, clock)
    assert signs(store) == first
    clock.advance(LEAD)
    assert signs(store) == second
    store.tidy()
    assert folder.names() == {STATE, f"{second}.pem"}
    assert states(store) == [KeyState.RETIRED, KeyState.ACTIVE]


def test_a_clock_that_steps_back_finds_a_key_to_sign_with(folder: DiskFolder, clock: Clock) -> None:
    store = opened(folder, clock)
    second = rotate(store, clock)
    clock.advance(LEAD)
    store.tidy()
    clock.advance(-LEAD)
    assert signs(store) == second


def test_a_retired_key_leaves_the_ring_when_its_time_is_over(folder: DiskFolder, clock: Clock) -> None:
    store = opened(folder, clock)
    rotate(store, clock)
    clock.advance(LEAD + OVERLAP)
    store.tidy()
    assert len(store.ring.keys) == 2
    clock.advance(timedelta(microseconds=1))
    store.tidy()
    assert states(store) == [KeyState.ACTIVE]


def test_tidying_without_need_changes_nothing(folder: DiskFolder, clock: Clock) -> None:
    told: list[KeyRing] = []
    store = opened(folder, clock, None, told.append)
    before = store.ring
    store.tidy()
    assert store.ring is before
    assert told == []


def test_a_revoked_key_is_destroyed(folder: DiskFolder, clock: Clock) -> None:
    store = opened(folder, clock)
    first = signs(store)
    second = rotate(store, clock)
    RevokeKey(store=store, clock=clock)(first)
    assert signs(store) == second
    assert folder.names() == {STATE, f"{second}.pem"}


def test_listeners_hear_of_each_change_once_it_is_kept(clock: Clock) -> None:
    folder = MemoryFolder()
    heard: list[tuple[KeyRing, bool]] = []

    def listener(ring: KeyRing) -> None:
        heard.append((ring, json.loads(folder.disk[STATE])["version"] == ring.version))

    store = opened(folder, clock, None, listener)
    rotate(store, clock)
    RevokeKey(store=store, clock=clock)(store.ring.keys[0].key_id)
    assert [ring.version for ring, _ in heard] == [3, 4, 5]
    assert all(kept for _, kept in heard)


def test_a_refused_change_changes_nothing(clock: Clock) -> None:
    folder = MemoryFolder()
    heard: list[KeyRing] = []
    store = opened(folder, clock, None, heard.append)
    before, files = store.ring, dict(folder.disk)
    with pytest.raises(Failure, match="KEY_STATE"):
        ActivateKey(store=store, clock=clock)(before.keys[0].key_id)
    assert (store.ring, folder.disk, heard) == (before, files, [])


def test_the_folder_is_refused_if_others_may_look_into_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with pytest.raises(KeyFolderError, match=rf"mode 0750.*chmod 700 {tmp_path}"):
        DiskFolder(tmp_path)
    tmp_path.chmod(0o700)
    DiskFolder(tmp_path).close()


@pytest.mark.parametrize("suffix", [".pem", ".json"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_is_refused_if_others_may_use_it(tmp_path: Path, clock: Clock, suffix: str, mode: int) -> None:
    folder = DiskFolder(tmp_path)
    opened(folder, clock)
    (path,) = tmp_path.glob(f"*{suffix}")
    path.chmod(mode)
    with pytest.raises(KeyFolderError, match=rf"mode {mode:04o}.*chmod 600 {path}"):
        opened(folder, clock)
    path.chmod(0o600)
    opened(folder, clock)
    folder.close()


def test_a_link_in_place_of_a_private_key_is_not_followed(tmp_path: Path, clock: Clock) -> None:
    folder = DiskFolder(tmp_path / "keys")
    opened(folder, clock)
    (path,) = (tmp_path / "keys").glob("*.pem")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        opened(folder, clock)
    folder.close()


def test_a_second_user_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = DiskFolder(tmp_path)
    with pytest.raises(KeyFolderError, match=r"in use by the process \d+"):
        DiskFolder(tmp_path)
    folder.close()
    DiskFolder(tmp_path).close()


def test_another_process_is_kept_out_until_this_one_ends(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from controlplane.signing.folder import DiskFolder; DiskFolder(pathlib.Path(sys.argv[1]))"
    )
    folder = DiskFolder(tmp_path)
    command = [sys.executable, "-c", script, str(tmp_path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "KeyFolderError" in refused.stderr
    folder.close()
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def test_a_lost_ring_is_not_begun_anew_beside_its_keys(clock: Clock) -> None:
    folder = MemoryFolder()
    opened(folder, clock)
    del folder.seen[STATE]
    with pytest.raises(KeyFolderError, match="missing, though private keys are beside it"):
        opened(folder, clock)


def test_a_lost_private_key_is_named(clock: Clock) -> None:
    folder = MemoryFolder()
    name = f"{opened(folder, clock).ring.keys[0].key_id}.pem"
    del folder.seen[name]
    with pytest.raises(KeyFolderError, match=f"memory/{name} cannot be read"):
        opened(folder, clock)


def test_a_private_key_under_another_name_is_refused(clock: Clock) -> None:
    folder = MemoryFolder()
    name = f"{opened(folder, clock).ring.keys[0].key_id}.pem"
    folder.seen[name] = to_pem(bytes(32))
    with pytest.raises(KeyFolderError, match="another key"):
        opened(folder, clock)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"format": 1', '"format": 2', "format 2 where 1 is read"),
        ('"state": "active"', '"state": "retired"', "0 active keys"),
        ('"state": "active"', '"state": "asleep"', "asleep"),
        ('"keys"', '"kyes"', "a field is missing"),
        ("{", "", "Extra data"),
        ('"public_key": "8', '"public_key": "9', "not that of its public key"),
        ('"not_before": "2026', '"not_before": "soon', "soon"),
    ],
)
def test_a_damaged_ring_is_refused_and_left_alone(clock: Clock, old: str, new: str, problem: str) -> None:
    folder = MemoryFolder()
    opened(folder, clock)
    text = folder.seen[STATE].decode()
    assert old in text
    folder.seen[STATE] = text.replace(old, new, 1).encode()
    before = dict(folder.seen)
    with pytest.raises(KeyFolderError, match=f"memory/{STATE} is damaged: .*{problem}"):
        opened(folder, clock)
    assert folder.seen == before


def test_the_keys_of_another_issuer_are_refused(clock: Clock) -> None:
    folder = MemoryFolder()
    opened(folder, clock)
    with pytest.raises(KeyFolderError, match="another issuer than 'somebody-else'"):
        FileKeyStore(folder, issuer="somebody-else", clock=clock, seed=seeds())


def test_private_keys_show_nowhere(folder: DiskFolder, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seed = bytes(range(32))
    store = opened(folder, clock, lambda: seed)
    prepare = PrepareKey(store=store, clock=clock, issuer=ISSUER)
    shown = " ".join([repr(store), str(store), repr(prepare), repr(store.ring), caplog.text, repr(vars(store))])
    document = folder.read(STATE).decode()
    assert not any(form in shown + document for form in (seed.hex(), repr(seed), str(seed), to_pem(seed).decode()))


def test_a_private_key_is_read_back_from_its_file() -> None:
    seed = bytes(range(32))
    assert from_pem(to_pem(seed)) == seed


@pytest.mark.parametrize(
    "data",
    [
        b"",
        to_pem(bytes(32))[:-1],
        to_pem(bytes(31)),
        to_pem(bytes(33)),
        to_pem(bytes(32)).replace(b"MC4C", b"MC4D"),
        to_pem(bytes(32)).replace(b"A", b"!"),
    ],
)
def test_a_file_that_is_no_private_key_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an Ed25519 private key in PKCS #8 PEM"):
        from_pem(data)


Change = Callable[[FileKeyStore, Clock], object]


def revoke_first(store: FileKeyStore, clock: Clock) -> None:
    RevokeKey(store=store, clock=clock)(store.ring.keys[0].key_id)


def tidy_later(store: FileKeyStore, clock: Clock) -> None:
    clock.advance(LEAD + OVERLAP + timedelta(seconds=1))
    store.tidy()


CHANGES: list[tuple[str, list[Change]]] = [
    ("first start", []),
    ("rotate", [rotate]),
    ("rotate and revoke", [rotate, revoke_first]),
    ("rotate and tidy", [rotate, tidy_later]),
    ("rotate twice", [rotate, rotate]),
]


def live(folder: MemoryFolder, changes: list[Change]) -> list[KeyRing]:
    """Start and make the changes until the folder stops; the rings that were answered."""
    clock, rings = Clock(), list[KeyRing]()
    try:
        store = opened(folder, clock)
        rings.append(store.ring)
        for change in changes:
            change(store, clock)
            rings.append(store.ring)
    except StoppedError:
        pass
    return rings


def steps_of(changes: list[Change]) -> int:
    folder = MemoryFolder()
    live(folder, changes)
    return folder.steps


STOPS = [(name, changes, at) for name, changes in CHANGES for at in range(steps_of(changes))]


@pytest.mark.parametrize("after", ["killed", "without_power"])
@pytest.mark.parametrize(("name", "changes", "at"), STOPS, ids=[f"{name} {at}" for name, _, at in STOPS])
def test_a_stop_between_any_two_steps_loses_nothing_that_was_answered(
    name: str, changes: list[Change], at: int, after: str
) -> None:
    folder = MemoryFolder(stop_before=at)
    answered = live(folder, changes)
    left: MemoryFolder = getattr(folder, after)()
    clock = Clock()
    store = opened(left, clock, seeds(90))
    if answered:
        assert store.ring.version >= answered[-1].version
        assert {key.key_id for key in answered[-1].keys if key.state is KeyState.REVOKED} <= {
            key.key_id for key in store.ring.keys if key.state is KeyState.REVOKED
        }
    signs(store)
    private = {name.removesuffix(".pem") for name in left.names() if name != STATE}
    assert private <= {key.key_id for key in store.ring.keys if key.state is not KeyState.REVOKED}
    newest = rotate(store, clock)
    clock.advance(LEAD)
    assert signs(store) == newest


def test_a_store_that_writes_in_place_would_not_survive_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileKeyStore, "_replace", lambda self, name, data: self._folder.write(name, data))
    steps = steps_of([rotate])
    broken = 0
    for at in range(steps):
        folder = MemoryFolder(stop_before=at)
        live(folder, [rotate])
        try:
            opened(folder.killed(), Clock())
        except KeyFolderError:
            broken += 1
    assert broken
