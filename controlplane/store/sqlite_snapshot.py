"""One moment of a SQLite database."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from controlplane.store.protocols import Value
from controlplane.store.rows import marks
from controlplane.store.schema import demand_known
from controlplane.store.snapshot import BATCH, VERSION_TABLE, Column, Table
from controlplane.store.sqlite_file import SqliteFile
from controlplane.store.sqlite_lock import SqliteLock

T = TypeVar("T")

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
    async with _alone(file, lambda: file.open(writing=False, judge=demand_known)) as alone:
        await alone.run(_begin_reading)
        yield SqliteSnapshot(alone)


@asynccontextmanager
async def sqlite_filling(path: Path) -> AsyncIterator["SqliteFilling"]:
    """See filling."""
    file = SqliteFile(path)
    with SqliteLock(path):
        await asyncio.to_thread(file.create)
        async with _alone(file, lambda: file.open(writing=True)) as alone:
            await alone.run(lambda connection: _execute(connection, "BEGIN IMMEDIATE"))
            # Closing without COMMIT takes everything back.
            yield SqliteFilling(alone)
            await alone.run(lambda connection: _execute(connection, "COMMIT"))


class _Alone:
    """One connection in one thread of its own: its cursors must not end in another thread, in the midst of what runs next."""

    def __init__(self, file: SqliteFile, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._file = file
        self._connection = connection
        self._thread = thread

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` gives, which is no cursor. Raises StoreUnavailable."""
        with self._file.failures():
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection)


@asynccontextmanager
async def _alone(file: SqliteFile, open_file: Callable[[], sqlite3.Connection]) -> AsyncIterator[_Alone]:
    with ThreadPoolExecutor(1, thread_name_prefix="turnout-whole") as thread:
        connection = await asyncio.get_running_loop().run_in_executor(thread, open_file)
        try:
            yield _Alone(file, connection, thread)
        finally:
            await asyncio.get_running_loop().run_in_executor(thread, connection.close)


def _begin_reading(connection: sqlite3.Connection) -> None:
    _execute(connection, "BEGIN")
    # The moment is that of the first reading.
    connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()


def _execute(connection: sqlite3.Connection, sql: str) -> None:
    connection.execute(sql)


def _tables(connection: sqlite3.Connection) -> list[Table]:
    """See Snapshot."""
    names = [name for (name,) in connection.execute(_TABLES, (VERSION_TABLE,)).fetchall()]
    return [Table(name=name, columns=_columns(connection, name)) for name in names]


def _columns(connection: sqlite3.Connection, table: str) -> tuple[Column, ...]:
    found = connection.execute(_COLUMNS, (table,)).fetchall()
    return tuple(Column(name=name, kind=_KINDS.get(kind, "plain")) for name, kind in found)


class SqliteSnapshot:
    """See Snapshot."""

    def __init__(self, alone: _Alone) -> None:
        self._alone = alone
        self._cursor: sqlite3.Cursor | None = None

    async def tables(self) -> Sequence[Table]:
        """See Snapshot."""
        return await self._alone.run(_tables)

    async def fetch(self, sql: str, *values: Value) -> list[tuple[Value, ...]]:
        """See Snapshot."""
        return await self._alone.run(lambda connection: connection.execute(sql, values).fetchall())

    async def batches(self, sql: str) -> AsyncIterator[list[tuple[Value, ...]]]:
        """See Snapshot. One at a time."""
        await self._alone.run(lambda connection: self._begin(connection, sql))
        while rows := await self._alone.run(self._next):
            yield rows

    async def damage(self) -> Sequence[str]:
        """See Snapshot."""
        lines = [str(line) for (line,) in await self.fetch("PRAGMA integrity_check")]
        return [line for line in lines if line != "ok"]

    def _begin(self, connection: sqlite3.Connection, sql: str) -> None:
        self._cursor = connection.execute(sql)

    def _next(self, _: sqlite3.Connection) -> list[tuple[Value, ...]]:
        rows = self._cursor.fetchmany(BATCH) if self._cursor is not None else []
        if not rows:
            self._cursor = None
        return rows


class SqliteFilling:
    """See Filling."""

    def __init__(self, alone: _Alone) -> None:
        self._alone = alone

    async def tables(self) -> Sequence[Table]:
        """See Filling."""
        return await self._alone.run(_tables)

    async def rows(self, table: Table) -> int:
        """See Filling."""
        sql = f'SELECT COUNT(*) FROM "{table.name}"'
        return int(await self._alone.run(lambda connection: connection.execute(sql).fetchone()[0]))

    async def insert(self, table: Table, rows: Sequence[Sequence[Value]]) -> None:
        """See Filling."""
        sql = f'INSERT INTO "{table.name}" ({table.names}) VALUES ({marks(len(table.columns))})'

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(sql, rows)

        await self._alone.run(work)
