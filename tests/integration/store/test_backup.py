"""Backups of every kind of store go into every kind of store, whole or not at all."""

import asyncio
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.audit.model import Kind
from controlplane.store.address import address
from controlplane.store.backup import BackupInvalid, Manifest, backup, restore, verify
from controlplane.store.check import check, whole
from controlplane.store.open import open_store
from controlplane.store.protocols import SchemaMismatch, Statement, Store, StoreUnavailable
from controlplane.store.schema import REVISION
from tests.integration.store.test_writer import agree
from tests.support.journal import MemoryJournal, append, hold, issue
from tests.support.money import groups, story

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def silent(done: int, total: int) -> None:
    """Nobody looks."""


async def fill(url: str) -> MemoryJournal:
    """A store with a story in it."""
    store, memory = await open_store(url), MemoryJournal()
    for group in groups(3, story(3)):
        await store.writer.run(group)
        memory.run(group)
    await store.database.write(
        [
            Statement(
                sql="INSERT INTO setting (name, version, body) VALUES (?, ?, ?)",
                rows=[("Ö\n'", 2**60, bytes(range(256)))],
            )
        ]
    )
    await store.close()
    return memory


async def taken(url: str, file: Path) -> Manifest:
    """A backup of the store at `url`."""
    return await backup(address(url), file, now=NOW, progress=silent)


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store to restore into."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'restored' / 'turnout.db'}"
    return str(request.getfixturevalue("empty_postgres"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy.zip"


async def test_a_backup_restores_into_every_kind_of_store(tmp_path: Path, target: str, copy: Path) -> None:
    memory = await fill(f"sqlite:{tmp_path / 'turnout.db'}")
    made = await taken(f"sqlite:{tmp_path / 'turnout.db'}", copy)
    counts: list[tuple[int, int]] = []
    restored = await restore(address(target), copy, progress=lambda done, total: counts.append((done, total)))
    assert restored == made
    assert counts[-1] == (made.rows, made.rows)
    store = await open_store(target)
    await agree(store, memory)
    assert await store.database.fetch("SELECT name, version, body FROM setting") == [("Ö\n'", 2**60, bytes(range(256)))]
    await store.writer.run([append(Kind.KEYS, "after")])
    waiting = await store.tree.unsequenced(10_000)
    assert waiting[-1].ref == "after"
    await store.close()


async def test_a_copy_of_a_restored_store_is_the_same(url: str, tmp_path: Path, copy: Path) -> None:
    await fill(url)
    first = await taken(url, copy)
    between = f"sqlite:{tmp_path / 'between.db'}"
    await restore(address(between), copy, progress=silent)
    again = await taken(between, tmp_path / "again.zip")
    assert rows_of(copy) == rows_of(tmp_path / "again.zip")
    assert [(part.table, part.rows) for part in again.parts] == [(part.table, part.rows) for part in first.parts]


def rows_of(copy: Path) -> dict[str, list[str]]:
    """What lies in it, in no order."""
    with zipfile.ZipFile(copy) as archive:
        return {
            name: sorted(archive.read(name).decode().splitlines())
            for name in archive.namelist()
            if name != "manifest.json"
        }


async def test_a_backup_is_of_one_moment_while_others_write(url: str, tmp_path: Path, copy: Path) -> None:
    store = await open_store(url)
    stop = asyncio.Event()

    async def write() -> int:
        number = 0
        while not stop.is_set():
            await store.writer.run([issue(f"d{number}-{n}", hold(1, limit=10**9)) for n in range(20)])
            number += 1
        return number

    writing = asyncio.create_task(write())
    for number in range(4):
        await taken(url, tmp_path / f"{number}.zip")
    stop.set()
    assert await writing > 0
    await store.close()
    await restore(address(f"sqlite:{tmp_path / 'restored.db'}"), tmp_path / "3.zip", progress=silent)
    assert whole(await check(address(f"sqlite:{tmp_path / 'restored.db'}")))
    made = {part.table.name: part.rows for part in verify(tmp_path / "3.zip").parts}
    assert made["entry"] == made["reservation"] == made["pending"]
    assert made["entry"] % 20 == 0


async def test_nothing_is_overwritten(url: str, tmp_path: Path, copy: Path) -> None:
    memory = await fill(url)
    await taken(url, copy)
    with pytest.raises(BackupInvalid, match="is there already"):
        await taken(url, copy)
    with pytest.raises(BackupInvalid, match="not empty"):
        await restore(address(url), copy, progress=silent)
    store = await open_store(url)
    await agree(store, memory)
    await store.close()


async def test_a_store_in_use_is_not_restored_into(tmp_path: Path, copy: Path) -> None:
    url = f"sqlite:{tmp_path / 'turnout.db'}"
    await fill(url)
    await taken(url, copy)
    used = await open_store(f"sqlite:{tmp_path / 'used.db'}")
    with pytest.raises(StoreUnavailable, match="in use by the process"):
        await restore(address(f"sqlite:{tmp_path / 'used.db'}"), copy, progress=silent)
    await used.close()


def rewritten(copy: Path, target: Path, changes: dict[str, bytes]) -> Path:
    """The same archive with other members."""
    with zipfile.ZipFile(copy) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, changes.get(name, old.read(name)))
    return target


def manifest_of(copy: Path) -> dict[str, object]:
    """What it says of itself."""
    with zipfile.ZipFile(copy) as archive:
        found = json.loads(archive.read("manifest.json"))
        assert isinstance(found, dict)
        return found


async def test_a_changed_row_is_refused_before_anything_is_made(tmp_path: Path, copy: Path) -> None:
    await fill(f"sqlite:{tmp_path / 'turnout.db'}")
    await taken(f"sqlite:{tmp_path / 'turnout.db'}", copy)
    with zipfile.ZipFile(copy) as archive:
        lines = archive.read("balance.jsonl")
    changed = rewritten(copy, tmp_path / "changed.zip", {"balance.jsonl": lines.replace(b"0", b"1", 1)})
    with pytest.raises(BackupInvalid, match="balance was changed"):
        await restore(address(f"sqlite:{tmp_path / 'new.db'}"), changed, progress=silent)
    assert "new.db" not in names(tmp_path)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def cut(copy: Path, target: Path) -> Path:
    target.write_bytes(copy.read_bytes()[:-100])
    return target


async def test_a_cut_file_is_refused(tmp_path: Path, copy: Path) -> None:
    await fill(f"sqlite:{tmp_path / 'turnout.db'}")
    await taken(f"sqlite:{tmp_path / 'turnout.db'}", copy)
    with pytest.raises(BackupInvalid, match="no whole backup"):
        verify(cut(copy, tmp_path / "cut.zip"))
    with pytest.raises(BackupInvalid, match="no whole backup"):
        verify(tmp_path / "absent.zip")


async def test_a_backup_of_another_revision_is_refused(tmp_path: Path, copy: Path) -> None:
    await fill(f"sqlite:{tmp_path / 'turnout.db'}")
    await taken(f"sqlite:{tmp_path / 'turnout.db'}", copy)
    told = json.dumps({**manifest_of(copy), "revision": "9999"}).encode()
    other = rewritten(copy, tmp_path / "other.zip", {"manifest.json": told})
    with pytest.raises(SchemaMismatch, match=f"revision 9999, and this software needs {REVISION}"):
        await restore(address(f"sqlite:{tmp_path / 'new.db'}"), other, progress=silent)


async def test_an_older_schema_is_backed_up_before_it_is_changed_but_not_restored_into_a_newer_one(
    url: str, tmp_path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(url)
    await store.database.write([Statement(sql="UPDATE alembic_version SET version_num = ?", rows=[("0000",)])])
    await store.close()
    monkeypatch.setattr("controlplane.store.schema.REVISIONS", ("0000", REVISION))
    assert (await taken(url, copy)).revision == "0000"
    with pytest.raises(SchemaMismatch, match="then run `turnout db migrate`"):
        await check(address(url))
    with pytest.raises(SchemaMismatch, match=f"revision 0000, and this software needs {REVISION}"):
        await restore(address(f"sqlite:{tmp_path / 'new.db'}"), copy, progress=silent)


async def test_names_in_a_backup_are_not_taken_into_statements(tmp_path: Path, copy: Path) -> None:
    await fill(f"sqlite:{tmp_path / 'turnout.db'}")
    await taken(f"sqlite:{tmp_path / 'turnout.db'}", copy)
    told = json.dumps(manifest_of(copy)).replace('"name": "balance"', '"name": "bal\\" ance"').encode()
    other = rewritten(copy, tmp_path / "other.zip", {"manifest.json": told})
    with pytest.raises(BackupInvalid):
        await restore(address(f"sqlite:{tmp_path / 'new.db'}"), other, progress=silent)


async def test_a_disk_without_room_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(f"sqlite:{tmp_path / 'turnout.db'}")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BackupInvalid, match="No space left"):
        await taken(f"sqlite:{tmp_path / 'turnout.db'}", tmp_path / "copies.zip")
    assert not {name for name in names(tmp_path) if name.startswith("copies")}


async def test_a_backup_is_private_to_its_owner(url: str, copy: Path) -> None:
    await fill(url)
    await taken(url, copy)
    assert await asyncio.to_thread(lambda: copy.stat().st_mode & 0o777) == 0o600


BREAKS = {
    "neither in the log nor wait": "DELETE FROM pending WHERE seq = 1",
    "reservations are of decisions that are not recorded": "DELETE FROM entry WHERE kind = 'decision'",
    "what waits for the log is no entry": "DELETE FROM entry WHERE kind = 'decision'",
    "request ids lead to decisions that are not recorded": "UPDATE request SET decision_id = 'gone'",
    "11 reserved, and open reservations hold 10": "UPDATE balance SET reserved = reserved + 1",
    "0 reserved, and open reservations hold 10": "DELETE FROM balance",
    "in the log and wait for it as well": "INSERT INTO leaf (idx, seq, hash) VALUES (0, 1, 'x')",
    "leaves without an entry": "INSERT INTO leaf (idx, seq, hash) VALUES (0, 77, 'x')",
    "places in the log are missing": "INSERT INTO leaf (idx, seq, hash) VALUES (3, 1, 'x')",
    "between the newest checkpoint and the end": "INSERT INTO leaf (idx, seq, hash) VALUES (0, 1, 'x')",
}


async def sound(url: str) -> Store:
    """A store in which everything fits together."""
    store = await open_store(url)
    await store.writer.run([issue("d", hold(10)), append(Kind.KEYS, "k")])
    asked = ("acme", "app", "q", b"f", "d", 0)
    await store.database.write([Statement(sql="INSERT INTO request VALUES (?, ?, ?, ?, ?, ?)", rows=[asked])])
    return store


async def problems(url: str) -> list[str]:
    """All that is wrong."""
    return [line for finding in await check(address(url)) for line in finding.problems]


@pytest.mark.parametrize("problem", BREAKS)
async def test_what_does_not_fit_together_is_found(tmp_path: Path, problem: str) -> None:
    url = f"sqlite:{tmp_path / 'turnout.db'}"
    store = await sound(url)
    assert await problems(url) == []
    await store.database.write([Statement(sql=BREAKS[problem], rows=[()])])
    assert any(problem in line for line in await problems(url))
    await store.close()


async def test_every_store_is_checked(url: str) -> None:
    store = await sound(url)
    assert whole(await check(address(url)))
    chosen = ["neither in the log nor wait", "request ids lead", "11 reserved, and open reservations hold 10"]
    broken = [sql for problem, sql in BREAKS.items() if any(problem.startswith(one) for one in chosen)]
    await store.database.write([Statement(sql=sql, rows=[()]) for sql in broken])
    found = await problems(url)
    assert len(found) == len(broken) == len(chosen)
    assert all(any(one in line for line in found) for one in chosen)
    assert not whole(await check(address(url)))
    await store.close()
