"""Plain SQL on SQLite."""

import sqlite3
from collections.abc import Sequence

from controlplane.store.protocols import Statement, Value
from controlplane.store.sqlite_file import transaction
from controlplane.store.sqlite_line import SqliteLine


class SqliteDatabase:
    """See Database. Reads take the line on which least waits, so that a long one does not stop short ones."""

    def __init__(self, writer: SqliteLine, readers: Sequence[SqliteLine]) -> None:
        self._writer = writer
        self._readers = readers

    async def fetch(self, sql: str, *values: Value) -> list[tuple[Value, ...]]:
        """See Database."""

        def work(connection: sqlite3.Connection) -> list[tuple[Value, ...]]:
            return connection.execute(sql, values).fetchall()

        return await min(self._readers, key=lambda line: line.waiting).run(work)

    async def write(self, statements: Sequence[Statement]) -> None:
        """See Database."""

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                for statement in statements:
                    connection.executemany(statement.sql, statement.rows)

        await self._writer.run(work)
