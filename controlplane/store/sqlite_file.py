"""A SQLite database as a file: how it is opened, and what its failures mean."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from controlplane.store.protocols import StoreUnavailable
from controlplane.store.schema import CURRENT, creation, demand

_ADVICE = {
    sqlite3.SQLITE_FULL: "there is no room left: free some, or move the database to a larger disk",
    sqlite3.SQLITE_IOERR: "the disk fails or is full: look at it, and at its room",
    sqlite3.SQLITE_READONLY: "it cannot be written to: it was opened for reading only, or this process may not write to the "
    "file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: make the file and its folder readable and writable for this process",
    sqlite3.SQLITE_PERM: "it cannot be opened: make the file and its folder readable and writable for this process",
    sqlite3.SQLITE_BUSY: "another process holds it: end that one",
    sqlite3.SQLITE_LOCKED: "another process holds it: end that one",
    sqlite3.SQLITE_CORRUPT: "it is damaged: put a backup in its place with `turnout restore`",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database: give the path of another file",
    sqlite3.SQLITE_NOMEM: "there is not enough memory",
    sqlite3.SQLITE_TOOBIG: "a value is too large",
}
_PRIMARY = 0xFF

PATIENCE = "PRAGMA busy_timeout = 5000"
_EVERY = (
    PATIENCE,
    "PRAGMA temp_store = MEMORY",
    # KiB of each connection; what is not in it is mostly in the system's own cache.
    "PRAGMA cache_size = -4000",
)
_WRITING = (
    # FULL: what is committed outlasts a loss of power.
    "PRAGMA synchronous = FULL",
    # What is erased is overwritten, not only forgotten.
    "PRAGMA secure_delete = ON",
    # A write-ahead log that a large transaction or a long reading has grown gives its room back.
    "PRAGMA journal_size_limit = 67108864",
)


class SqliteFile:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity: tuple[int, int] | None = None

    def make(self) -> None:
        """Make an empty file if there is none, private to its owner. Raises StoreUnavailable."""
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            _sync(self.path.parent)
        except OSError as error:
            raise StoreUnavailable(
                f"{self.path}: {error.strerror}: give the path of a file that can be written"
            ) from error

    def create(self) -> None:
        """Make the file with its tables if there is none. Raises StoreUnavailable."""
        self.make()
        with self.failures():
            connection = self._connect(_EVERY + _WRITING)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                if not _has_tables(connection):
                    _create(connection)
            finally:
                connection.close()

    def open(self, *, writing: bool, judge: Callable[[str], None] = demand) -> sqlite3.Connection:
        """A connection to the file, which must be there, with the schema of this software. `judge` hears its revision.

        Raises:
            SchemaMismatch: it has another one.
            StoreUnavailable: it cannot be opened.
        """
        with self.failures():
            connection = self._connect(_EVERY + (_WRITING if writing else ("PRAGMA query_only = ON",)))
            try:
                judge(self._revision(connection))
            except BaseException:
                connection.close()
                raise
            return connection

    def demand_same(self) -> None:
        """Raises StoreUnavailable if the file is gone, or is another one than before: its log would be taken for this one's."""
        try:
            status = self.path.stat()
        except OSError as error:
            raise StoreUnavailable(
                f"{self.path}: {error.strerror}: put the database back; a new one is made only by a start without one"
            ) from error
        found = status.st_dev, status.st_ino
        self._identity = self._identity or found
        if found != self._identity:
            raise StoreUnavailable(
                f"{self.path} is another file than the one that was opened: put that one back, or end this process, "
                "remove what is named -wal and -shm beside it unless it came with the new file, and start again"
            )

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Turns failures of the database into StoreUnavailable; faults of a statement and broken constraints pass."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            advice = _ADVICE.get(getattr(error, "sqlite_errorcode", 0) & _PRIMARY)
            if advice is None:
                raise
            raise StoreUnavailable(f"{self.path}: {advice} ({error})") from error

    def _connect(self, settings: tuple[str, ...]) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            for setting in settings:
                connection.execute(setting)
        except BaseException:
            connection.close()
            raise
        return connection

    def _revision(self, connection: sqlite3.Connection) -> str:
        try:
            rows = connection.execute(CURRENT).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise
            raise StoreUnavailable(
                f"{self.path}: it has no tables of Turnout: give the path of another file"
            ) from error
        return str(rows[0][0]) if rows else "none"


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """All that is within, or nothing; durable at the end."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None


def _create(connection: sqlite3.Connection) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{creation('sqlite')}\nCOMMIT;")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _sync(folder: Path) -> None:
    """A new name in `folder` outlasts a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
