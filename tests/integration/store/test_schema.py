"""The schema: its steps, the text that they come to, and databases that are too old or too new."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import get_args

import asyncpg
import pytest

from controlplane.store.address import PostgresAddress, SqliteAddress, address
from controlplane.store.migrate import migrate, rendered, revisions
from controlplane.store.open import open_store
from controlplane.store.protocols import SchemaMismatch, StoreUnavailable
from controlplane.store.schema import REVISIONS, Dialect, creation, demand
from controlplane.store.snapshot import snapshot
from controlplane.store.sqlite_lock import SqliteLock


def tables(path: Path) -> list[tuple[str, ...]]:
    """What a database is made of."""
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    connection.close()
    return [(kind, name, " ".join(str(sql).split())) for kind, name, sql in found]


def test_the_revisions_that_are_named_are_those_of_the_steps() -> None:
    assert revisions() == REVISIONS


@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_the_text_of_the_schema_is_what_the_steps_come_to(dialect: Dialect) -> None:
    assert creation(dialect) == rendered(dialect), "run `python -m tools.schema`"


async def test_migrating_an_empty_file_makes_what_the_text_makes(tmp_path: Path) -> None:
    await migrate(f"sqlite:{tmp_path / 'migrated.db'}")
    with sqlite3.connect(tmp_path / "created.db") as connection:
        connection.executescript(creation("sqlite"))
    connection.close()
    assert tables(tmp_path / "migrated.db") == tables(tmp_path / "created.db")


async def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "turnout.db"
    await migrate(f"sqlite:{path}")
    before = tables(path)
    await migrate(f"sqlite:{path}")
    assert tables(path) == before


async def make(url: str, revision: str) -> None:
    """A database as software of that revision left it, with one entry."""
    put = "INSERT INTO entry (kind, ref, decision_id, at_us, leaf) VALUES ('keys', 'k', '', 0, 'leaf')"
    match address(url):
        case SqliteAddress(path=path):
            with sqlite3.connect(path) as connection:
                connection.executescript(f"{rendered('sqlite', revision)};{put};")
            connection.close()
        case PostgresAddress(url=server):
            session = await asyncpg.connect(server)
            await session.execute(f"{rendered('postgresql', revision)};{put};")
            await session.close()


@pytest.mark.parametrize("revision", REVISIONS[:-1])
async def test_a_database_of_older_software_is_refused_migrated_and_then_as_a_new_one(
    url: str, tmp_path: Path, revision: str
) -> None:
    await make(url, revision)
    with pytest.raises(SchemaMismatch, match="then run `turnout db migrate`"):
        await open_store(url)
    assert await migrate(url) == revision
    fresh = f"sqlite:{tmp_path / 'fresh.db'}"
    await (await open_store(fresh)).close()
    async with snapshot(address(url)) as migrated, snapshot(address(fresh)) as new:
        assert await migrated.tables() == await new.tables()
    store = await open_store(url)
    assert await store.entries.get("keys", "k") is not None
    await store.close()


async def test_squares_of_what_was_counted_before_they_were_are_taken_as_wide_as_they_can_be(tmp_path: Path) -> None:
    path = tmp_path / "turnout.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(rendered("sqlite", "0002"))
        names = [name for _, name, *_ in connection.execute("PRAGMA table_info(rollup)")]
        values = [{"confidence_ppm": 1_800_000, "quality_ppm": 900_000}.get(name, 3) for name in names]
        connection.execute(f"INSERT INTO rollup VALUES ({', '.join('?' * len(values))})", values)
    connection.close()
    await migrate(f"sqlite:{path}")
    with sqlite3.connect(path) as connection:
        (found,) = connection.execute("SELECT confidence_square_ppm, quality_square_ppm FROM rollup")
    connection.close()
    assert found == (1_800_000, 900_000)


async def test_a_database_of_newer_software_is_not_migrated(tmp_path: Path) -> None:
    path = tmp_path / "turnout.db"
    await migrate(f"sqlite:{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(
        SchemaMismatch, match=f"up to revision {REVISIONS[-1]}, and the database has 9999: run the newer"
    ):
        await migrate(f"sqlite:{path}")


async def test_a_database_in_use_is_not_migrated(tmp_path: Path) -> None:
    path = tmp_path / "turnout.db"
    with SqliteLock(path), pytest.raises(StoreUnavailable, match="is in use by the process"):
        await migrate(f"sqlite:{path}")


def test_older_software_is_told_to_migrate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.store.schema.REVISIONS", ("0000", *REVISIONS))
    with pytest.raises(SchemaMismatch, match=r"revision 0000, .* then run `turnout db migrate`"):
        demand("0000")


def test_what_serves_imports_no_alembic() -> None:
    check = "import sys, controlplane.store.schema; sys.exit(any(m in sys.modules for m in ('alembic', 'sqlalchemy')))"
    subprocess.run([sys.executable, "-c", check], check=True)
