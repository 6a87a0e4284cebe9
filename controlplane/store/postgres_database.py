"""Plain SQL on PostgreSQL, by a few connections that read and write beside the hot path."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from itertools import count

import asyncpg

from controlplane.store.postgres_session import MET_ANOTHER, Connection, Server, Session, fetch, unavailable
from controlplane.store.protocols import Statement, StoreUnavailable, Value

CONNECTIONS = 4
ATTEMPTS = 5
_QUOTED_OR_MARK = re.compile(r"'[^']*'|\?")


@lru_cache(maxsize=512)
def numbered(sql: str) -> str:
    """`sql` with `$1`, `$2` … for each `?` that stands outside of quotes."""
    numbers = count(1)
    return _QUOTED_OR_MARK.sub(lambda found: f"${next(numbers)}" if found[0] == "?" else found[0], sql)


class PostgresDatabase:
    """A Database."""

    def __init__(
        self,
        server: Server,
        *,
        draw: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`draw` gives one uniform number in [0, 1) for each wait."""
        self._patience = server.patience
        self._draw = draw
        self._sleep = sleep
        self._sessions = [Session(server) for _ in range(CONNECTIONS)]
        # The one that was used last comes first, so that those which are not needed are never opened.
        self._idle: asyncio.LifoQueue[Session] = asyncio.LifoQueue()
        for session in self._sessions:
            self._idle.put_nowait(session)

    async def fetch(self, sql: str, *values: Value) -> list[tuple[Value, ...]]:
        """See Database."""
        async with self.connection() as connection:
            return await fetch(connection, numbered(sql), *values)

    async def write(self, statements: Sequence[Statement]) -> None:
        """See Database. What is there already that may be there once was written by another replica: StoreUnavailable."""
        met: Exception | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._sleep(self._draw() * 0.005 * 2.0**attempt)
            try:
                async with self.connection() as connection, connection.transaction():
                    for statement in statements:
                        await connection.executemany(numbered(statement.sql), statement.rows)
                    return
            except asyncpg.UniqueViolationError as error:
                raise StoreUnavailable(f"PostgreSQL: another replica was first: {error}") from error
            except MET_ANOTHER as error:
                met = error
        raise StoreUnavailable("PostgreSQL: too many writers want the same rows; try again later") from met

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for a moment. Raises StoreUnavailable, also for what fails within."""
        with unavailable():
            async with asyncio.timeout(self._patience.connect + self._patience.statement):
                session = await self._idle.get()
        try:
            async with session.use() as connection:
                yield connection
        finally:
            self._idle.put_nowait(session)

    async def close(self) -> None:
        """Let go of all connections."""
        await asyncio.gather(*(session.close() for session in self._sessions))
