"""A store in a SQLite file: for one control plane, with no server to start."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

from controlplane.store.entries import SqlEntries
from controlplane.store.ledger import SqlLedger
from controlplane.store.signals import Signals
from controlplane.store.sqlite_database import SqliteDatabase
from controlplane.store.sqlite_file import PATIENCE, SqliteFile
from controlplane.store.sqlite_line import SqliteLine
from controlplane.store.sqlite_lock import SqliteLock
from controlplane.store.sqlite_writer import SqliteWriter
from controlplane.store.tree import SqlTree, alone

_READERS = 2


async def open_sqlite(path: Path) -> "SqliteStore":
    """The store in the file at `path`, made if there is none; this process has it to itself until it is closed.

    Raises:
        SchemaMismatch: the file has the schema of other software.
        StoreUnavailable: another process has it, or it cannot be made, read or written.
    """
    lock = await asyncio.to_thread(SqliteLock, path)
    file = SqliteFile(path)
    try:
        await asyncio.to_thread(file.create)
        await asyncio.to_thread(_probe, file)
    except BaseException:
        lock.release()
        raise
    return SqliteStore(file, release=lock.release)


async def read_sqlite(path: Path) -> "SqliteStore":
    """The same for reading only, also while a control plane has it.

    Raises:
        SchemaMismatch: the file has the schema of other software.
        StoreUnavailable: it is not there, or cannot be read.
    """
    file = SqliteFile(path)
    await asyncio.to_thread(_probe, file, writing=False)
    return SqliteStore(file, writing=False)


def _probe(file: SqliteFile, *, writing: bool = True) -> None:
    """Tells early what is wrong."""
    file.demand_same()
    file.open(writing=writing).close()


class SqliteStore:
    """See Store. `release` gives the file to others, last of all."""

    def __init__(self, file: SqliteFile, *, writing: bool = True, release: Callable[[], None] | None = None) -> None:
        line = SqliteLine(file, writing=writing)
        readers = [SqliteLine(file, writing=False) for _ in range(_READERS)]
        self._lines = [*readers, line]
        self._release = release
        self._signals = Signals()
        self.database = SqliteDatabase(line, readers)
        self.writer = SqliteWriter(line)
        self.entries = SqlEntries(self.database, lambda: line.run(_truncate_log))
        self.tree = SqlTree(self.database, alone)
        self.ledger = SqlLedger(self.database)

    async def notify(self, topic: str) -> None:
        """See Store: there is this process only."""
        self._signals.notify(topic)

    async def changed(self, topic: str) -> None:
        """See Store."""
        await self._signals.changed(topic)

    async def close(self) -> None:
        """See Store. Finishes what waits."""
        for line in self._lines:
            await line.close()
        if self._release is not None:
            self._release()


def _truncate_log(connection: sqlite3.Connection) -> None:
    """The write-ahead log holds what pages were before; it is emptied unless somebody reads just now, and else soon after."""
    connection.execute("PRAGMA busy_timeout = 100")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.execute(PATIENCE)
