"""What the control plane needs of whatever keeps its state; one conformance suite holds every implementation to it."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controlplane.audit.model import Document
from controlplane.budget.model import Account, Balance, Reservation
from controlplane.journal.model import KnownRequest, Operation, Outcome

Value = str | int | float | bytes | None


class StoreUnavailable(Exception):
    """The store cannot do it now: no connection, no room, no permission. What was asked may be asked again."""


class SchemaMismatch(Exception):
    """The schema is older or newer than the software; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as it is kept. `index` is its place in the log, None until it has one; `salt` and `body` are None once erased.

    `leaf` is what the log commits to; the other fields repeat what it says.
    """

    seq: int
    index: int | None
    kind: str
    ref: str
    decision_id: str
    at: datetime
    leaf: bytes
    salt: bytes | None
    body: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """256 hashes that stand side by side: of leaves on level 0, of the roots of whole tiles of the level below on others.

    On level 0 only whole tiles are kept. The last tile of another level holds fewer, and is replaced as it grows.
    """

    level: int
    index: int
    hashes: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The state of the log at one size: its root, and the signed note that states it."""

    size: int
    root: bytes
    at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a transaction, run once for each of `rows`."""

    sql: str
    rows: Sequence[Sequence[Value]]


class Database(Protocol):
    """Plain SQL that SQLite and PostgreSQL both understand, with `?` for values. Not for the hot path.

    Every method raises StoreUnavailable.
    """

    async def fetch(self, sql: str, *values: Value) -> list[tuple[Value, ...]]:
        """All rows. Reads what is committed; never waits for a writer."""
        ...

    async def write(self, statements: Sequence[Statement]) -> None:
        """All in one transaction, durable when this returns."""
        ...


class Writer(Protocol):
    """The hot path: a group of operations in one transaction, worked out by `controlplane.journal.apply`."""

    async def run(self, operations: Sequence[Operation]) -> Outcome:
        """Durable when this returns. Raises StoreUnavailable; then nothing happened, or everything did unheard."""
        ...


class Entries(Protocol):
    """Reading and erasing what was recorded."""

    async def of_decision(self, decision_id: str) -> Sequence[StoredEntry]:
        """Everything about one decision, in the order in which it was recorded."""
        ...

    async def get(self, kind: str, ref: str) -> StoredEntry | None:
        """One entry."""
        ...

    async def in_order(self, start: int, limit: int) -> Sequence[StoredEntry]:
        """Entries that have a place in the log, from index `start` on, by index."""
        ...

    async def documents(self, digests: Collection[bytes]) -> Mapping[bytes, Document]:
        """Those that are there."""
        ...

    async def erase(self, seqs: Collection[int]) -> int:
        """Remove bodies and salts for good; the leaves stay. How many had a body."""
        ...


class Tree(Protocol):
    """The Merkle tree over the entries."""

    def lead(self) -> AbstractAsyncContextManager[bool]:
        """Be the only one who extends the tree, over all replicas, while inside; False if somebody else is."""
        ...

    async def unsequenced(self, limit: int) -> Sequence[StoredEntry]:
        """Entries without a place in the log, oldest first."""
        ...

    async def extend(
        self, first_index: int, leaves: Sequence[tuple[int, bytes]], tiles: Sequence[Tile], checkpoint: Checkpoint
    ) -> None:
        """Give the entries (seq, leaf hash) their places from `first_index` on, with tiles and checkpoint, at once.

        A tile that is there already is replaced: it has grown.
        """
        ...

    async def newest(self) -> Checkpoint | None:
        """The checkpoint of the largest size."""
        ...

    async def checkpoint(self, size: int) -> Checkpoint | None:
        """The one of exactly that size."""
        ...

    async def checkpoints(self, after_size: int, limit: int) -> Sequence[Checkpoint]:
        """In order of size."""
        ...

    async def tiles(self, wanted: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], Tile]:
        """Those of (level, index) that are kept."""
        ...

    async def leaf_hashes(self, start: int, end: int) -> Sequence[bytes]:
        """Hashes of the leaves [start, end)."""
        ...

    async def index_of(self, seqs: Collection[int]) -> Mapping[int, int]:
        """The places of entries that have one."""
        ...


class Ledger(Protocol):
    """Reading balances and reservations."""

    async def balances(self, accounts: Collection[Account]) -> Mapping[Account, Balance]:
        """Those that have ever been used."""
        ...

    async def windows(self, budget: str, since: int) -> Mapping[Account, Balance]:
        """All accounts of a budget (`name` and `name{…}`) whose window begins at `since` (seconds) or later, or is `total`."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Decisions whose reservations are open though their time has passed, oldest first."""
        ...

    async def reservations(self, decision_ids: Collection[str]) -> Mapping[str, Reservation]:
        """Those that are there."""
        ...

    async def open_sums(self) -> Mapping[Account, int]:
        """What open reservations hold of each account: by definition the same as `reserved` of its balance."""
        ...

    async def request(self, tenant: str, presenter: str, request_id: str) -> KnownRequest | None:
        """What was decided under a request id."""
        ...


class Store(Protocol):
    """Everything, opened once. `writer` and the others share one database."""

    @property
    def database(self) -> Database:
        """Plain SQL."""
        ...

    @property
    def writer(self) -> Writer:
        """The hot path."""
        ...

    @property
    def entries(self) -> Entries:
        """The records."""
        ...

    @property
    def tree(self) -> Tree:
        """The log's tree."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Money."""
        ...

    async def notify(self, topic: str) -> None:
        """Tell every replica that `topic` changed. Raises StoreUnavailable."""
        ...

    async def changed(self, topic: str) -> None:
        """Wait until somebody notifies `topic`, this process included. May return without cause; never misses for longer than a second."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...
