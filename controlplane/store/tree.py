"""The log's tree, on any database."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import groupby
from operator import itemgetter
from typing import cast

from controlplane.audit.leaf import microseconds
from controlplane.store import rows
from controlplane.store.protocols import Checkpoint, Database, Statement, StoredEntry, Tile

_UNSEQUENCED = (
    f"SELECT {rows.STORED} FROM pending p JOIN entry e ON e.seq = p.seq LEFT JOIN leaf l ON l.seq = e.seq "
    "ORDER BY p.seq LIMIT ?"
)
_ADD_LEAF = "INSERT INTO leaf (idx, seq, hash) VALUES (?, ?, ?)"
_SEQUENCED = "DELETE FROM pending WHERE seq = ?"
_PUT_TILE = "INSERT INTO tile (level, idx, hashes) VALUES (?, ?, ?) ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes"
_ADD_CHECKPOINT = f"INSERT INTO checkpoint ({rows.CHECKPOINT}) VALUES (?, ?, ?, ?)"
_CHECKPOINT = f"SELECT {rows.CHECKPOINT} FROM checkpoint"

Lead = Callable[[], AbstractAsyncContextManager[bool]]


@asynccontextmanager
async def alone() -> AsyncIterator[bool]:
    """Lead where there is one process only."""
    yield True


class SqlTree:
    """See Tree. `lead` is what makes one process of several the only one."""

    def __init__(self, database: Database, lead: Lead) -> None:
        self._database = database
        self._lead = lead

    def lead(self) -> AbstractAsyncContextManager[bool]:
        """See Tree."""
        return self._lead()

    async def unsequenced(self, limit: int) -> Sequence[StoredEntry]:
        """See Tree."""
        return [rows.stored_entry(row) for row in await self._database.fetch(_UNSEQUENCED, limit)]

    async def extend(
        self, first_index: int, leaves: Sequence[tuple[int, bytes]], tiles: Sequence[Tile], checkpoint: Checkpoint
    ) -> None:
        """See Tree."""
        placed = [(index, seq, digest) for index, (seq, digest) in enumerate(leaves, start=first_index)]
        stated = (checkpoint.size, checkpoint.root, microseconds(checkpoint.at), checkpoint.note)
        await self._database.write(
            [
                Statement(sql=_ADD_LEAF, rows=placed),
                Statement(sql=_SEQUENCED, rows=[(seq,) for seq, _ in leaves]),
                Statement(sql=_PUT_TILE, rows=[(tile.level, tile.index, tile.hashes) for tile in tiles]),
                Statement(sql=_ADD_CHECKPOINT, rows=[stated]),
            ]
        )

    async def newest(self) -> Checkpoint | None:
        """See Tree."""
        found = await self._database.fetch(f"{_CHECKPOINT} ORDER BY size DESC LIMIT 1")
        return rows.checkpoint(found[0]) if found else None

    async def checkpoint(self, size: int) -> Checkpoint | None:
        """See Tree."""
        found = await self._database.fetch(f"{_CHECKPOINT} WHERE size = ?", size)
        return rows.checkpoint(found[0]) if found else None

    async def checkpoints(self, after_size: int, limit: int) -> Sequence[Checkpoint]:
        """See Tree."""
        sql = f"{_CHECKPOINT} WHERE size > ? ORDER BY size LIMIT ?"
        return [rows.checkpoint(row) for row in await self._database.fetch(sql, after_size, limit)]

    async def tiles(self, wanted: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], Tile]:
        """See Tree."""
        found = []
        for level, group in groupby(sorted(wanted), itemgetter(0)):
            for part in rows.chunks(index for _, index in group):
                sql = f"SELECT level, idx, hashes FROM tile WHERE level = ? AND idx IN ({rows.marks(len(part))})"
                found += await self._database.fetch(sql, level, *part)
        return {(tile.level, tile.index): tile for tile in map(rows.tile, found)}

    async def leaf_hashes(self, start: int, end: int) -> Sequence[bytes]:
        """See Tree."""
        found = await self._database.fetch("SELECT hash FROM leaf WHERE idx >= ? AND idx < ? ORDER BY idx", start, end)
        return [cast("bytes", digest) for (digest,) in found]

    async def index_of(self, seqs: Collection[int]) -> Mapping[int, int]:
        """See Tree."""
        found: dict[int, int] = {}
        for part in rows.chunks(seqs):
            sql = f"SELECT seq, idx FROM leaf WHERE seq IN ({rows.marks(len(part))})"
            found.update(cast("list[tuple[int, int]]", await self._database.fetch(sql, *part)))
        return found
