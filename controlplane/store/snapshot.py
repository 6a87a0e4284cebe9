"""A whole database at once: one moment of it, read while others go on writing, and an empty one, filled in one transaction."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from controlplane.store.address import Address, PostgresAddress, SqliteAddress
from controlplane.store.protocols import Value
from controlplane.store.schema import CURRENT

VERSION_TABLE = "alembic_version"
BATCH = 1_000
"""Rows that are read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column. `kind` is `bytes`, `boolean`, or `plain` for what JSON has."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of ours, its columns in the order of their names."""

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> str:
        """Its columns as SQL lists them."""
        return ", ".join(f'"{column.name}"' for column in self.columns)


class Snapshot(Protocol):
    """Everything that was committed at one moment. Every method raises StoreUnavailable."""

    async def tables(self) -> Sequence[Table]:
        """All tables but that of the revision, by name."""
        ...

    async def fetch(self, sql: str, *values: Value) -> list[tuple[Value, ...]]:
        """All rows, as of Database."""
        ...

    def batches(self, sql: str) -> AsyncIterator[list[tuple[Value, ...]]]:
        """All rows, some at a time."""
        ...

    async def damage(self) -> Sequence[str]:
        """What the database itself finds wrong with its files; nothing if all is well."""
        ...


class Filling(Protocol):
    """An empty database with its tables, in a transaction. Every method raises StoreUnavailable."""

    async def tables(self) -> Sequence[Table]:
        """As of Snapshot."""
        ...

    async def rows(self, table: Table) -> int:
        """How many there are."""
        ...

    async def insert(self, table: Table, rows: Sequence[Sequence[Value]]) -> None:
        """Add rows, with values in the order of the columns."""
        ...


async def revision_of(taken: Snapshot) -> str:
    """That of its schema, which may be older than this software's."""
    return str((await taken.fetch(CURRENT))[0][0])


def snapshot(place: Address) -> AbstractAsyncContextManager[Snapshot]:
    """The database as it is when this is entered. Raises StoreUnavailable, or SchemaMismatch if it is of newer software."""
    match place:
        case SqliteAddress(path=path):
            from controlplane.store.sqlite_snapshot import sqlite_snapshot

            return sqlite_snapshot(path)
        case PostgresAddress(url=url):
            from controlplane.store.postgres_snapshot import postgres_snapshot

            return postgres_snapshot(url)


def filling(place: Address) -> AbstractAsyncContextManager[Filling]:
    """A transaction that is committed at the end, unless something is raised within; nobody else writes meanwhile.

    Tables are made where there are none. Raises StoreUnavailable, or SchemaMismatch if it is of other software.
    """
    match place:
        case SqliteAddress(path=path):
            from controlplane.store.sqlite_snapshot import sqlite_filling

            return sqlite_filling(path)
        case PostgresAddress(url=url):
            from controlplane.store.postgres_snapshot import postgres_filling

            return postgres_filling(url)
