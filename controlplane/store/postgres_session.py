"""Connections to PostgreSQL: how they are made, what their failures mean, and how long anything may take."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import asyncpg

from controlplane.store.protocols import StoreUnavailable

_UNAVAILABLE = (
    OSError,  # TimeoutError is one
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.InternalClientError,
)
MET_ANOTHER = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""What a transaction ends with that met another one, and may be tried again."""
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds. `connect`: to a connection; `statement`: for one statement, waiting for locks included."""

    connect: float = 2.0
    statement: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the database is. The URL may hold a password, so it shows in no representation."""

    url: str = field(repr=False)
    patience: Patience = field(default_factory=Patience)

    def settings(self) -> dict[str, str]:
        """What the server is told of each connection.

        One that holds locks and says nothing any more, as of a replica that is cut off, loses them after a while.
        """
        statement = str(round(self.patience.statement * 1000))
        return {
            "application_name": "turnout",
            "statement_timeout": statement,
            "idle_in_transaction_session_timeout": statement,
            "synchronous_commit": "on",
            "jit": "off",
        }

    async def connect(self) -> Connection:
        """A new connection. Raises StoreUnavailable, or ValueError if the URL cannot be read."""
        with unavailable():
            try:
                return await asyncpg.connect(
                    self.url,
                    timeout=self.patience.connect,
                    command_timeout=self.client_timeout,
                    server_settings=self.settings(),
                )
            except (ValueError, asyncpg.ClientConfigurationError):
                raise invalid_url() from None

    @property
    def client_timeout(self) -> float:
        """Seconds until a server that says nothing at all is given up: later than it would end the statement itself."""
        return self.patience.statement + 1.0


def invalid_url() -> ValueError:
    """Says nothing of the URL itself, for that may hold a password."""
    return ValueError(
        "the store's URL cannot be read: write postgresql://USER@HOST:PORT/DATABASE, with a password in PGPASSWORD or "
        "~/.pgpass, or in the URL with characters like / and @ percent-encoded"
    )


@contextmanager
def unavailable(connection: "Connection | None" = None) -> Iterator[None]:
    """Turns failures of the server, or of `connection`, into StoreUnavailable; faults of the SQL pass."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise _told(error) from error
    except asyncpg.InterfaceError as error:
        if connection is None or not connection.is_closed():
            raise
        raise _told(error) from error


def _told(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"PostgreSQL: {str(error).strip() or 'no answer in time'} ({type(error).__name__})")


async def fetch(connection: Connection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """All rows, as plain tuples."""
    return [tuple(row) for row in await connection.fetch(sql, *values)]


class Session:
    """One connection, used by one task at a time, and made anew on the next use after it was lost."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    @property
    def connected(self) -> bool:
        """Whether it has a connection that is not known to be lost."""
        return self._connection is not None and not self._connection.is_closed()

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Connection]:
        """The connection. Raises StoreUnavailable, also for what fails within.

        It is given up if its state is uncertain: when somebody was cancelled in the midst, or a transaction is left open.
        """
        async with self._turn:
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = self._connection = await self._server.connect()
            try:
                with unavailable(connection):
                    yield connection
            except (asyncio.CancelledError, StoreUnavailable):
                self.drop()
                raise
            finally:
                if not connection.is_closed() and connection.is_in_transaction():
                    self.drop()

    def drop(self) -> None:
        """Let go of the connection at once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        """Let go of the connection in order, or at once if that takes long."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*_UNAVAILABLE):
                await connection.close(timeout=1.0)
