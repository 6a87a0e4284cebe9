"""A SQLite store whose disk, file or permissions fail, and come back."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from controlplane.budget.model import Balance
from controlplane.journal.model import Recorded
from controlplane.store.open import open_store
from controlplane.store.protocols import SchemaMismatch, Statement, Store, StoreUnavailable
from controlplane.store.schema import REVISION
from tests.support.journal import DAILY, hold, issue

PATIENCE = 60.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "turnout.db"


@pytest_asyncio.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite:{path}")
    yield opened
    await opened.close()


async def write_once(store: Store, name: str) -> None:
    (result,) = (await store.writer.run([issue(name, hold(1))])).results
    assert result == Recorded()


def move(source: Path, target: Path) -> None:
    """The database with what lies beside it."""
    for path in source.glob("turnout.db*"):
        if not path.name.endswith(".lock"):
            path.rename(target / path.name)


def modes(folder: Path) -> dict[str, int]:
    """Who may do what with each file."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def made(folder: Path) -> list[str]:
    """What lies in a folder that may not be there."""
    return [path.name for path in folder.rglob("*")]


def holders(folder: Path, secret: bytes) -> list[str]:
    """The files in which `secret` can be read."""
    return [path.name for path in folder.iterdir() if secret in path.read_bytes()]


def set_revision(path: Path, revision: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.commit()
    connection.close()


async def test_the_database_is_private_to_its_owner(store: Store, path: Path) -> None:
    await write_once(store, "d")
    assert modes(path.parent) == dict.fromkeys(
        ("turnout.db", "turnout.db-wal", "turnout.db-shm", "turnout.db.lock"), 0o600
    )


async def test_what_is_committed_is_synchronised_to_the_disk(store: Store) -> None:
    found = [await store.database.fetch(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")]
    assert found[0] == [("wal",)]
    line = store.writer._line  # type: ignore[attr-defined]  # the writing connection is nobody else's business
    assert await line.run(lambda connection: connection.execute("PRAGMA synchronous").fetchone()) == (2,)


async def test_a_second_process_is_refused(store: Store, path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.store_writing", f"sqlite:{path}", "second"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode != 0
    assert f"{path} is in use by the process {os.getpid()}" in done.stderr
    assert "PostgreSQL" in done.stderr


async def test_a_second_process_may_read(store: Store, path: Path) -> None:
    await write_once(store, "d")
    reading = await open_store(f"sqlite:{path}", read_only=True)
    assert await reading.ledger.balances([DAILY]) == {DAILY: Balance(reserved=1)}
    with pytest.raises(StoreUnavailable, match="was opened for reading only"):
        await write_once(reading, "e")
    await reading.close()


async def test_the_lock_ends_with_the_store(path: Path) -> None:
    for _ in range(2):
        store = await open_store(f"sqlite:{path}")
        await store.close()


async def test_a_closed_store_says_so(path: Path) -> None:
    store = await open_store(f"sqlite:{path}")
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await write_once(store, "d")


async def test_a_full_database_refuses_and_goes_on_when_there_is_room(store: Store) -> None:
    await write_once(store, "before")
    line = store.writer._line  # type: ignore[attr-defined]  # to take away its room
    pages = await line.run(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    await line.run(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchall())
    large = Statement(sql="INSERT INTO setting (name, version, body) VALUES (?, ?, ?)", rows=[("x", 1, b"x" * 100_000)])
    with pytest.raises(StoreUnavailable, match="no room left"):
        await store.database.write([large])
    await store.database.write([large])
    await write_once(store, "after")


FULL_DISK = """
import asyncio, resource, sys
from controlplane.store.open import open_store
from controlplane.store.protocols import StoreUnavailable
from tests.support.journal import DAILY, hold, issue

async def main(url):
    store = await open_store(url)
    acknowledged, refused = 0, 0
    async def write(name):
        nonlocal acknowledged, refused
        try:
            await store.writer.run([issue(f"{name}-{n}", hold(1, limit=10**9)) for n in range(50)])
            acknowledged += 50
        except StoreUnavailable as failure:
            assert "the disk fails or is full" in str(failure) or "no room left" in str(failure), failure
            refused += 50
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    for n in range(60):
        await write(f"full{n}")
    assert refused, "the disk was never full"
    balances = await store.ledger.balances([DAILY])
    assert balances[DAILY].reserved == acknowledged, (balances, acknowledged)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    before = refused
    for n in range(20):
        await write(f"again{n}")
    assert refused == before, "the store did not recover"
    await store.close()
    store = await open_store(url)
    assert (await store.ledger.balances([DAILY]))[DAILY].reserved == acknowledged
    assert await store.ledger.open_sums() == {DAILY: acknowledged}
    assert await store.database.fetch("PRAGMA integrity_check") == [("ok",)]
    await store.close()
    print(acknowledged, refused)

asyncio.run(main(sys.argv[1]))
"""


def test_a_full_disk_is_survived_without_a_restart_and_loses_nothing(path: Path) -> None:
    """Files of the process may not grow beyond a size: the system refuses to write, as it does on a full disk."""
    command = [sys.executable, "-c", FULL_DISK, f"sqlite:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    acknowledged, refused = map(int, done.stdout.split())
    assert acknowledged > 1_000
    assert refused > 0


async def test_a_lost_file_is_told_and_used_again_when_it_is_back(store: Store, path: Path) -> None:
    await write_once(store, "before")
    away = path.with_name("away")
    away.mkdir()
    move(path.parent, away)
    with pytest.raises(StoreUnavailable, match="put the database back"):
        await write_once(store, "meanwhile")
    with pytest.raises(StoreUnavailable, match="put the database back"):
        await store.ledger.balances([DAILY])
    move(away, path.parent)
    await write_once(store, "after")
    assert await store.ledger.balances([DAILY]) == {DAILY: Balance(reserved=2)}


def swap(path: Path, other: Path) -> None:
    """Each under the other's name."""
    between = path.with_name("between")
    path.rename(between)
    other.rename(path)
    between.rename(other)


async def test_a_file_that_another_took_the_place_of_is_told_and_used_again_when_it_is_back(
    store: Store, path: Path
) -> None:
    await write_once(store, "before")
    other = path.with_name("other.db")
    fresh = await open_store(f"sqlite:{other}")
    await fresh.close()
    swap(path, other)
    with pytest.raises(StoreUnavailable, match="is another file than the one that was opened"):
        await write_once(store, "meanwhile")
    swap(path, other)
    await write_once(store, "after")
    assert await store.ledger.balances([DAILY]) == {DAILY: Balance(reserved=2)}


async def test_what_holds_the_file_too_long_is_told(store: Store, path: Path) -> None:
    line = store.writer._line  # type: ignore[attr-defined]  # to make it impatient
    await line.run(lambda connection: connection.execute("PRAGMA busy_timeout = 10").fetchall())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="another process holds it"):
        await write_once(store, "d")
    other.execute("ROLLBACK")
    other.close()
    await write_once(store, "d")


@pytest.fixture
def damaged(path: Path) -> Path:
    path.parent.mkdir()
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    return path


async def test_a_damaged_file_is_told(damaged: Path) -> None:
    with pytest.raises(StoreUnavailable, match="no SQLite database"):
        await open_store(f"sqlite:{damaged}")


async def test_a_database_of_something_else_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE song (name TEXT)")
    connection.close()
    with pytest.raises(StoreUnavailable, match="no tables of Turnout"):
        await open_store(f"sqlite:{path}")


@pytest.fixture
def blocked(path: Path) -> Path:
    path.parent.write_text("a file where the folder should be")
    return path


async def test_a_folder_that_cannot_be_made_is_told(blocked: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"turnout\.db\.lock: .*folder must be writable"):
        await open_store(f"sqlite:{blocked}")


async def test_reading_what_is_not_there_makes_nothing(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="No such file"):
        await open_store(f"sqlite:{path}", read_only=True)
    assert made(path.parent) == []


async def test_a_newer_schema_is_refused(path: Path) -> None:
    await (await open_store(f"sqlite:{path}")).close()
    set_revision(path, "9999")
    with pytest.raises(
        SchemaMismatch, match=f"older than the database: .* revision {REVISION}, and the database has 9999"
    ):
        await open_store(f"sqlite:{path}")


async def test_an_older_schema_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await open_store(f"sqlite:{path}")).close()
    set_revision(path, "0000")
    monkeypatch.setattr("controlplane.store.schema.REVISIONS", ("0000", REVISION))
    with pytest.raises(SchemaMismatch, match="then run `turnout db migrate`"):
        await open_store(f"sqlite:{path}")


async def test_what_was_erased_is_in_no_file(store: Store, path: Path) -> None:
    secret = b"the secret of the body"
    await store.database.write(
        [Statement(sql="INSERT INTO entry (kind, ref, decision_id, at_us, leaf, salt, body) VALUES ('x', 'y', '', 0, ?, ?, ?)",
                   rows=[(b"leaf", b"salt", secret)])]
    )  # fmt: skip
    assert holders(path.parent, secret) == ["turnout.db-wal"]
    assert await store.entries.erase([1]) == 1
    assert holders(path.parent, secret) == []


async def test_a_caller_that_is_cancelled_breaks_nothing(store: Store) -> None:
    waiting = asyncio.create_task(write_once(store, "d1"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await write_once(store, "d2")
    assert await store.ledger.balances([DAILY]) == {DAILY: Balance(reserved=2)}
