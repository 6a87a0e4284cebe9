"""Opening a store by its address."""

from controlplane.store.address import PostgresAddress, SqliteAddress, address
from controlplane.store.protocols import Store
from controlplane.store.sqlite import open_sqlite, read_sqlite


async def open_store(url: str, *, read_only: bool = False) -> Store:
    """The store at `sqlite:/path` or `postgresql://…`; an empty one gets its tables.

    `read_only`: nothing is made or written, and a SQLite file may be in use by another process.

    Raises:
        SchemaMismatch: it is of older or newer software.
        StoreUnavailable: it cannot be reached, or another process has it.
        ValueError: `url` is no address of a store.
    """
    match address(url):
        case SqliteAddress(path=path):
            return await (read_sqlite(path) if read_only else open_sqlite(path))
        case PostgresAddress(url=server):
            from controlplane.store.postgres import open_postgres

            return await open_postgres(server)
