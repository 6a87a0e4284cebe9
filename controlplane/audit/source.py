"""Where an audit log is read from to be verified: the store itself, or a file that it was exported to."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from controlplane.audit.model import Document
from controlplane.store.protocols import Checkpoint, Store, StoredEntry, Tile

BATCH = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Entries that stand one after the other. `hashes` are those of their leaves as they are kept beside them, empty if they
    are not.
    """

    entries: Sequence[StoredEntry]
    hashes: Sequence[bytes] = ()


class Source(Protocol):
    """An audit log that is at rest, or of which only the part up to `size` is read."""

    async def newest(self) -> Checkpoint | None:
        """The checkpoint of the largest size."""
        ...

    def entries(self, size: int) -> AsyncIterator[Batch]:
        """Entries with a place below `size`, by place. One whose place is not the next is given all the same."""
        ...

    async def checkpoints(self, after_size: int, limit: int) -> Sequence[Checkpoint]:
        """In order of size."""
        ...

    async def documents(self, digests: Collection[bytes]) -> Mapping[bytes, Document]:
        """Those that are there."""
        ...

    async def tiles(self, wanted: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], Tile] | None:
        """Those that are kept; None if none are, as in a file."""
        ...

    async def outside(self) -> Sequence[str]:
        """What is there beside the log and should not be: a sentence each."""
        ...


class StoreSource:
    """The log in a store, which may be growing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def newest(self) -> Checkpoint | None:
        """See Source."""
        return await self._store.tree.newest()

    async def entries(self, size: int) -> AsyncIterator[Batch]:
        """See Source."""
        start = 0
        while start < size:
            found = await self._store.entries.in_order(start, min(BATCH, size - start))
            hashes = await self._store.tree.leaf_hashes(start, min(start + BATCH, size))
            if not found:
                return
            yield Batch(entries=found, hashes=hashes if len(hashes) == len(found) else ())
            start = max(start, found[-1].index or 0) + 1

    async def checkpoints(self, after_size: int, limit: int) -> Sequence[Checkpoint]:
        """See Source."""
        return await self._store.tree.checkpoints(after_size, limit)

    async def documents(self, digests: Collection[bytes]) -> Mapping[bytes, Document]:
        """See Source."""
        return await self._store.entries.documents(digests)

    async def tiles(self, wanted: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], Tile] | None:
        """See Source."""
        return await self._store.tree.tiles(wanted)

    async def outside(self) -> Sequence[str]:
        """See Source."""
        rows = await self._store.database.fetch(_LOOSE)
        found = [
            f"the {kind!s} {ref!r} (row {seq!s}) is neither in the log nor waiting for its place"
            for seq, kind, ref in rows
        ]
        rows = await self._store.database.fetch(_ORPHANS)
        found += [f"leaf {index!s} has lost its entry (row {seq!s})" for index, seq in rows]
        ((beyond,),) = await self._store.database.fetch(_BEYOND)
        return [*found, f"{beyond!s} leaves are beyond the newest checkpoint: one was removed"] if beyond else found


_LOOSE = (
    "SELECT e.seq, e.kind, e.ref FROM entry e LEFT JOIN leaf l ON l.seq = e.seq LEFT JOIN pending p ON p.seq = e.seq "
    "WHERE l.seq IS NULL AND p.seq IS NULL ORDER BY e.seq LIMIT 100"
)
_ORPHANS = (
    "SELECT l.idx, l.seq FROM leaf l LEFT JOIN entry e ON e.seq = l.seq WHERE e.seq IS NULL ORDER BY l.idx LIMIT 100"
)
_BEYOND = "SELECT COUNT(*) FROM leaf WHERE idx >= COALESCE((SELECT MAX(size) FROM checkpoint), 0)"
