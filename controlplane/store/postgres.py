"""A store on PostgreSQL, which several control planes may share."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from controlplane.store.entries import SqlEntries
from controlplane.store.ledger import SqlLedger
from controlplane.store.postgres_database import PostgresDatabase
from controlplane.store.postgres_session import Connection, Patience, Server, Session, unavailable
from controlplane.store.postgres_topics import CHANNEL, Topics
from controlplane.store.postgres_writer import PostgresWriter
from controlplane.store.protocols import StoreUnavailable
from controlplane.store.schema import CURRENT, creation, demand
from controlplane.store.tree import SqlTree

QUICK = Patience(connect=2.0, statement=5.0)
"""For the hot path, and for who leads."""
THOROUGH = Patience(connect=2.0, statement=60.0)
"""For reports, which may read much."""
_SCHEMA_LOCK, _TREE_LOCK = 0x7475726E6F7574_01, 0x7475726E6F7574_02
"""Advisory locks of the database: "turnout" and a number."""


class Leadership:
    """Who extends the tree: whoever holds a lock that ends with its connection.

    One that lost the connection without hearing of it may believe that it leads still. It does no harm: the places that it
    would give were given by the new one, and a place can be given once.
    """

    def __init__(self, server: Server) -> None:
        self._session = Session(server)

    @asynccontextmanager
    async def lead(self) -> AsyncIterator[bool]:
        """See Tree. The connection stays while inside, and holds the lock."""
        async with self._session.use() as connection:
            got = bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", _TREE_LOCK))
            try:
                yield got
            finally:
                if got and not connection.is_closed():
                    await _unlock(connection)

    async def close(self) -> None:
        """Let somebody else lead."""
        await self._session.close()


async def _unlock(connection: Connection) -> None:
    """Give the lock back, with the whole connection if need be: a lost one has lost it already, and that is no failure."""
    try:
        with unavailable(connection):
            await connection.execute("SELECT pg_advisory_unlock($1)", _TREE_LOCK)
    except StoreUnavailable:
        connection.terminate()


async def ensure_schema(connection: Connection) -> None:
    """Make the tables in an empty database, once however many begin at the same time. Raises SchemaMismatch."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _SCHEMA_LOCK)
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            await connection.execute(creation("postgresql"))
        demand(await connection.fetchval(CURRENT))


async def open_postgres(
    url: str, *, draw: Callable[[], float] = random.random, quick: Patience = QUICK
) -> "PostgresStore":
    """The store in the database at `url`; an empty one gets its tables.

    `draw` gives one uniform number in [0, 1) for each wait. A password may be in the URL, in PGPASSWORD or in ~/.pgpass.

    Raises:
        SchemaMismatch: the database has the schema of other software.
        StoreUnavailable: it cannot be reached or used.
        ValueError: the URL cannot be read.
    """
    session = Session(Server(url=url, patience=quick))
    try:
        async with session.use() as connection:
            await ensure_schema(connection)
    except BaseException:
        session.drop()
        raise
    return PostgresStore(url, session, draw, quick)


class PostgresStore:
    """See Store. `session` becomes the writer's."""

    def __init__(self, url: str, session: Session, draw: Callable[[], float], quick: Patience) -> None:
        server = Server(url=url, patience=quick)
        self._session = session
        self._leadership = Leadership(server)
        self._topics = Topics(server)
        self._listening = asyncio.create_task(self._topics.run())
        self._database = PostgresDatabase(Server(url=url, patience=THOROUGH), draw=draw)
        self.database = self._database
        self.writer = PostgresWriter(session, draw=draw)
        self.entries = SqlEntries(self._database)
        self.tree = SqlTree(self._database, self._leadership.lead)
        self.ledger = SqlLedger(self._database)

    async def notify(self, topic: str) -> None:
        """See Store."""
        await self._database.fetch("SELECT pg_notify(?, ?)", CHANNEL, topic)

    async def changed(self, topic: str) -> None:
        """See Store."""
        await self._topics.changed(topic)

    async def close(self) -> None:
        """See Store."""
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening
        await asyncio.gather(self._session.close(), self._leadership.close(), self._database.close())
