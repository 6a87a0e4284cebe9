"""Changing the schema with alembic: nothing that serves imports this, for it takes half a second and much memory."""

import asyncio
import io
import sqlite3
from pathlib import Path
from typing import TextIO

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from controlplane.store.address import PostgresAddress, SqliteAddress, address
from controlplane.store.protocols import StoreUnavailable
from controlplane.store.schema import Dialect, demand_known
from controlplane.store.sqlite_file import SqliteFile
from controlplane.store.sqlite_lock import SqliteLock

_STEPS = Path(__file__).parent / "migrations"


async def migrate(url: str) -> str | None:
    """Bring the database at `url` to the schema of this software: all of it or nothing. The revision that it had.

    Raises:
        SchemaMismatch: the database is newer than this software.
        StoreUnavailable: it cannot be reached, or another process uses it.
        ValueError: `url` is no address of a store.
    """
    try:
        match address(url):
            case SqliteAddress(path=path):
                return await asyncio.to_thread(_migrate_file, path)
            case PostgresAddress(url=server):
                return await _migrate_server(server)
    except (DBAPIError, OSError, asyncpg.PostgresError) as error:
        raise StoreUnavailable(f"the schema was not changed: {error}") from error


def rendered(dialect: Dialect, revision: str = "head") -> str:
    """The statements of all steps, or of those up to `revision`, for an empty database."""
    written = io.StringIO()
    command.upgrade(_settings(written, dialect=dialect), revision, sql=True)
    return "\n".join(line.rstrip() for line in written.getvalue().strip().splitlines()) + "\n"


def revisions() -> tuple[str, ...]:
    """Those that the steps make, oldest first."""
    steps = ScriptDirectory.from_config(_settings()).walk_revisions()
    return tuple(reversed([step.revision for step in steps]))


def _settings(output: TextIO | None = None, **attributes: object) -> Config:
    settings = Config(output_buffer=output, attributes=attributes)
    settings.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    return settings


def _migrate_file(path: Path) -> str | None:
    engine = create_engine("sqlite://", creator=lambda: _connect(path), poolclass=NullPool)
    # The driver begins no transaction before it changes tables, so it is told to leave transactions alone.
    event.listen(engine, "begin", _begin)
    with SqliteLock(path):
        SqliteFile(path).make()
        with engine.begin() as connection:
            return _upgrade(connection)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


async def _migrate_server(url: str) -> str | None:
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool
    )
    async with engine.begin() as connection:
        return await connection.run_sync(_upgrade_alone)


def _upgrade_alone(connection: Connection) -> str | None:
    """Replicas that start together take turns; the lock ends with the transaction."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('turnout.schema'))"))
    return _upgrade(connection)


def _upgrade(connection: Connection) -> str | None:
    found = MigrationContext.configure(connection).get_current_revision()
    if found:
        demand_known(found)
    command.upgrade(_settings(connection=connection), "head")
    return found
