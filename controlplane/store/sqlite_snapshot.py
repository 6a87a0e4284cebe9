"""One moment of a SQLite database."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from controlplane.store.protocols import Value
from controlplane.store.rows import marks
from controlplane.store.schema import demand_known
from controlplane.store.snapshot import BATCH, VERSION_TABLE, Column, Table
from controlplane.store.sqlite_file import SqliteFile, transaction
from controlplane.store.sqlite_lock import SqliteLock

_TABLES = (
    "SELECT name FROM sqlite_schema "
    "WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name != ? ORDER BY name"
)
_COLUMNS = "SELECT name, type FROM pragma_table_info(?) ORDER BY name"
_KINDS = {"BLOB": "bytes", "BOOLEAN": "boolean"}


@asynccontextmanager
async def sqlite_snapshot(path: Path) -> AsyncIterator["SqliteSnapshot"]:
    """See snapshot. Writers go on; what they write is kept apart until the end."""
    file = SqliteFile(path)
    file.demand_same()
    connection = await asyncio.to_thread(file.open, writing=False, judge=demand_known)
    try:
        with file.failures():
            connection.execute("BEGIN")
            # The moment is that of the first reading.
            connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
        yield SqliteSnapshot(file, connection)
    finally:
        connection.close()


def _tables(connection: sqlite3.Connection) -> list[Table]:
    """See Snapshot."""
    names = [name for (name,) in connection.execute(_TABLES, (VERSION_TABLE,)).fetchall()]
    return [Table(name=name, columns=_columns(connection, name)) for name in names]


def _columns(connection: sqlite3.Connection, table: str) -> tuple[Column, ...]:
    found = connection.execute(_COLUMNS, (table,)).fetchall()
    return tuple(Column(name=name, kind=_KINDS.get(kind, "plain")) for name, kind in found)


class SqliteSnapshot:
    """See Snapshot."""

    def __init__(self, file: SqliteFile, connection: sqlite3.Connection) -> None:
        self._file = file
        self._connection = connection

    async def tables(self) -> Sequence[Table]:
        """See Snapshot."""
        return _tables(self._connection)

    async def fetch(self, sql: str, *values: Value) -> list[tuple[Value, ...]]:
        """See Snapshot."""
        with self._file.failures():
            return await asyncio.to_thread(lambda: self._connection.execute(sql, values).fetchall())

    async def batches(self, sql: str) -> AsyncIterator[list[tuple[Value, ...]]]:
        """See Snapshot."""
        with self._file.failures():
            cursor = await asyncio.to_thread(self._connection.execute, sql)
            while rows := await asyncio.to_thread(cursor.fetchmany, BATCH):
                yield rows

    async def damage(self) -> Sequence[str]:
        """See Snapshot."""
        lines = [str(line) for (line,) in await self.fetch("PRAGMA integrity_check")]
        return [line for line in lines if line != "ok"]


@asynccontextmanager
async def sqlite_filling(path: Path) -> AsyncIterator["SqliteFilling"]:
    """See filling."""
    with SqliteLock(path):
        file = SqliteFile(path)
        await asyncio.to_thread(file.create)
        connection = await asyncio.to_thread(file.open, writing=True)
        try:
            with file.failures(), transaction(connection):
                yield SqliteFilling(file, connection)
        finally:
            connection.close()


class SqliteFilling:
    """See Filling."""

    def __init__(self, file: SqliteFile, connection: sqlite3.Connection) -> None:
        self._file = file
        self._connection = connection

    async def tables(self) -> Sequence[Table]:
        """See Filling."""
        return _tables(self._connection)

    async def rows(self, table: Table) -> int:
        """See Filling."""
        (count,) = self._connection.execute(f'SELECT COUNT(*) FROM "{table.name}"').fetchone()
        return int(count)

    async def insert(self, table: Table, rows: Sequence[Sequence[Value]]) -> None:
        """See Filling."""
        sql = f'INSERT INTO "{table.name}" ({table.names}) VALUES ({marks(len(table.columns))})'
        await asyncio.to_thread(self._connection.executemany, sql, rows)
