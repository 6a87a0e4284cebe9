"""One thread with one connection to a SQLite database."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from controlplane.store.protocols import StoreUnavailable
from controlplane.store.sqlite_file import SqliteFile

T = TypeVar("T")


class SqliteLine:
    """Runs one piece of work after the other; after a failure it connects anew."""

    def __init__(self, file: SqliteFile, *, writing: bool) -> None:
        self._file = file
        self._writing = writing
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="turnout-writer" if writing else "turnout-reader")
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self.waiting = 0
        """Pieces of work that are not done."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` gives. It is done even if the caller is cancelled meanwhile. Raises StoreUnavailable."""
        if self._closed:
            raise StoreUnavailable("the store is closed: this process is about to end")
        self.waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)
        future.add_done_callback(self._done)
        return await future

    async def close(self) -> None:
        """Finish what waits, and let go of the connection."""
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown)
        self._drop()

    def _done(self, future: "asyncio.Future[T]") -> None:
        self.waiting -= 1
        if not future.cancelled():
            # Somebody who was cancelled asks no more, and then nobody would.
            future.exception()

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._file.failures():
            try:
                return work(self._current())
            except (sqlite3.Error, StoreUnavailable):
                self._drop()
                raise

    def _current(self) -> sqlite3.Connection:
        self._file.demand_same()
        if self._connection is None:
            self._connection = self._file.open(writing=self._writing)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
