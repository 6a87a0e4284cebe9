"""One moment of a PostgreSQL database, and filling an empty one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from controlplane.store.postgres import ensure_schema
from controlplane.store.postgres_database import numbered
from controlplane.store.postgres_session import Connection, Patience, Server, fetch, unavailable
from controlplane.store.protocols import StoreUnavailable, Value
from controlplane.store.schema import CURRENT, demand_known
from controlplane.store.snapshot import BATCH, VERSION_TABLE, Column, Table

_PATIENCE = Patience(connect=5.0, statement=3_600.0)
_COLUMNS = (
    "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c "
    "JOIN information_schema.tables t USING (table_schema, table_name) "
    "WHERE table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND table_name != $1 "
    'ORDER BY table_name COLLATE "C", column_name COLLATE "C"'
)
_KINDS = {"bytea": "bytes", "boolean": "boolean"}
_DAMAGE = (
    "SELECT checksum_failures || ' pages with a wrong checksum' FROM pg_stat_database "
    "WHERE datname = current_database() AND checksum_failures > 0"
)
_SERIALS = (
    "SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND column_default LIKE 'nextval(%'"
)


@asynccontextmanager
async def postgres_snapshot(url: str) -> AsyncIterator["PostgresSnapshot"]:
    """See snapshot."""
    async with _connected(url) as connection:
        if await connection.fetchval("SELECT to_regclass($1)", VERSION_TABLE) is None:
            raise StoreUnavailable("PostgreSQL: the database has no tables of Turnout: give the URL of another one")
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            demand_known(await connection.fetchval(CURRENT))
            yield PostgresSnapshot(connection)


@asynccontextmanager
async def postgres_filling(url: str) -> AsyncIterator["PostgresFilling"]:
    """See filling. Tables are locked, so that no control plane writes meanwhile."""
    async with _connected(url) as connection:
        await ensure_schema(connection)
        async with connection.transaction():
            for table in await _tables(connection):
                await connection.execute(f'LOCK TABLE "{table.name}" IN EXCLUSIVE MODE NOWAIT')
            yield PostgresFilling(connection)
            for table_name, column in await fetch(connection, _SERIALS):
                await connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table_name}', '{column}'), MAX({column})) FROM {table_name}"
                )


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    connection = await Server(url=url, patience=_PATIENCE).connect()
    try:
        with unavailable(connection):
            yield connection
    finally:
        await connection.close(timeout=_PATIENCE.connect)


async def _tables(connection: Connection) -> list[Table]:
    columns: dict[str, list[Column]] = {}
    for table, column, kind in await fetch(connection, _COLUMNS, VERSION_TABLE):
        columns.setdefault(table, []).append(Column(name=column, kind=_KINDS.get(kind, "plain")))
    return [Table(name=name, columns=tuple(found)) for name, found in columns.items()]


class PostgresSnapshot:
    """See Snapshot."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def tables(self) -> Sequence[Table]:
        """See Snapshot."""
        return await _tables(self._connection)

    async def fetch(self, sql: str, *values: Value) -> list[tuple[Value, ...]]:
        """See Snapshot."""
        return await fetch(self._connection, numbered(sql), *values)

    async def batches(self, sql: str) -> AsyncIterator[list[tuple[Value, ...]]]:
        """See Snapshot."""
        cursor = await self._connection.cursor(sql)
        while rows := await cursor.fetch(BATCH):
            yield [tuple(row) for row in rows]

    async def damage(self) -> Sequence[str]:
        """See Snapshot: pages that the server itself found damaged, where checksums are on."""
        return [str(line) for (line,) in await self.fetch(_DAMAGE)]


class PostgresFilling:
    """See Filling."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def tables(self) -> Sequence[Table]:
        """See Filling."""
        return await _tables(self._connection)

    async def rows(self, table: Table) -> int:
        """See Filling."""
        return int(await self._connection.fetchval(f'SELECT COUNT(*) FROM "{table.name}"'))

    async def insert(self, table: Table, rows: Sequence[Sequence[Value]]) -> None:
        """See Filling."""
        columns = [column.name for column in table.columns]
        await self._connection.copy_records_to_table(table.name, records=rows, columns=columns)
