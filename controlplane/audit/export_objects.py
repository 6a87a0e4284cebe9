"""The audit log in a bucket: objects that are written once, so that an export goes on where the one before stopped."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from controlplane.audit.bucket import Bucket
from controlplane.audit.export_lines import (
    FORMAT,
    ExportInvalid,
    checkpoint_from,
    checkpoint_line,
    document_line,
    entry_line,
    line,
    parsed,
)
from controlplane.audit.objects_source import bodies_in
from controlplane.audit.prefix import Listing, Piece, checkpoint_name, document_name, listing
from controlplane.audit.source import BATCH
from controlplane.store.protocols import Store

MOST_ENTRIES = 10_000
"""In an object: some megabytes, and as much as is read again after an interruption."""
_TOGETHER = 16
"""Documents that are written at the same time."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What a bucket holds after an export."""

    entries: int
    added: int
    """Entries that were not there before."""
    objects: int
    """Objects that were written, of all kinds."""
    holding_erased: Sequence[str]
    """Objects with bodies that were erased in the log after they had been exported."""


async def export_objects(store: Store, bucket: Bucket, progress: Progress, most: int = MOST_ENTRIES) -> Exported:
    """Bring the log in a bucket up to the store's newest checkpoint. What is there is never changed.

    Ended at any moment, it leaves whole objects, and another run adds the rest. Nobody else may export there meanwhile.
    Raises BucketUnavailable, StoreUnavailable; ExportInvalid if what is there is of another log, or the store has lost entries.
    """
    there = listing(await bucket.names())
    newest = await store.tree.newest()
    run = _Export(store, bucket, newest.size if newest else 0)
    await run.compare(there)
    await run.documents(there)
    missing = there.gaps(run.size)
    done = run.size - sum(gap.end - gap.first for gap in missing)
    for gap in missing:
        async for piece in run.entries(gap, most):
            done += piece.end - piece.first
            progress(done, run.size)
    await run.checkpoints(there)
    return Exported(
        entries=run.size, added=run.added, objects=run.objects, holding_erased=await run.holding_erased(there)
    )


class _Export:
    def __init__(self, store: Store, bucket: Bucket, size: int) -> None:
        self._store = store
        self._bucket = bucket
        self.size = size
        self.added = 0
        self.objects = 0

    async def compare(self, there: Listing) -> None:
        """Whether what is there is the beginning of this log."""
        most = max(there.end, *there.checkpoints, 0)
        if most > self.size:
            raise ExportInvalid(
                f"{most} entries are there, and the store has {self.size}: it is another log, or an older copy of the store "
                "was put in place; verify both, and export into another prefix"
            )
        if there.checkpoints:
            name = checkpoint_name(there.checkpoints[-1])
            theirs = checkpoint_from(parsed(await self._bucket.get(name) or b"", "checkpoint", name), name)
            ours = await self._store.tree.checkpoint(there.checkpoints[-1])
            if ours is None or ours.root != theirs.root:
                raise ExportInvalid(
                    f"{name} is not of this log, or the log was altered; verify both, and export into another prefix"
                )

    async def documents(self, there: Listing) -> None:
        """Those that are not there."""
        rows = await self._store.database.fetch("SELECT digest FROM document ORDER BY digest")
        missing = [digest for (digest,) in rows if isinstance(digest, bytes) and digest not in there.documents]
        for start in range(0, len(missing), _TOGETHER):
            found = await self._store.entries.documents(missing[start : start + _TOGETHER])
            await asyncio.gather(
                *(self._create(document_name(one.digest), _compressed([document_line(one)])) for one in found.values())
            )

    async def entries(self, gap: Piece, most: int) -> AsyncIterator[Piece]:
        """Fill a gap. Objects end where a checkpoint does, if there is one, and it follows at once."""
        place = gap.first
        while place < gap.end:
            end = await self._end(place, min(place + most, gap.end))
            piece = Piece(first=place, end=end)
            if await self._create(piece.name, await self._lines(piece)):
                self.added += end - place
            await self._checkpoint(end)
            yield piece
            place = end

    async def checkpoints(self, there: Listing) -> None:
        """Those of objects that were there without: of a run that was ended between the two, or removed."""
        for read in there.cover:
            if read.piece.end not in there.checkpoints:
                await self._checkpoint(read.piece.end)

    async def holding_erased(self, there: Listing) -> Sequence[str]:
        """Which of the objects that were there before have bodies that the store has no more."""
        found = []
        for piece in (*(read.piece for read in there.cover), *there.repeated):
            ((erased,),) = await self._store.database.fetch(_ERASED, piece.first, piece.end)
            if erased and await bodies_in(self._bucket, piece) > piece.end - piece.first - int(erased):
                found.append(piece.name)
        return sorted(found)

    async def _end(self, start: int, limit: int) -> int:
        rows = await self._store.database.fetch(
            "SELECT MAX(size) FROM checkpoint WHERE size > ? AND size <= ?", start, limit
        )
        ((size,),) = rows
        return size if isinstance(size, int) else limit

    async def _lines(self, piece: Piece) -> bytes:
        lines: list[bytes] = []
        bodies = 0
        while (start := piece.first + len(lines)) < piece.end:
            found = await self._store.entries.in_order(start, min(BATCH, piece.end - start))
            if [one.index for one in found] != list(range(start, start + len(found))) or not found:
                raise ExportInvalid(
                    f"the store has lost entry {start} or one after it: `turnout audit verify` says more"
                )
            lines += map(entry_line, found)
            bodies += sum(one.body is not None for one in found)
        head = line("export", {"format": FORMAT, "first": piece.first, "end": piece.end, "bodies": bodies})
        return _compressed([head, *lines])

    async def _checkpoint(self, size: int) -> None:
        found = await self._store.tree.checkpoint(size)
        if found is not None:
            await self._create(checkpoint_name(size), checkpoint_line(found))

    async def _create(self, name: str, data: bytes) -> bool:
        made = await self._bucket.create(name, data)
        self.objects += made
        return made


def _compressed(lines: Sequence[bytes]) -> bytes:
    """The same bytes for the same lines."""
    return gzip.compress(b"".join(lines), compresslevel=6, mtime=0)


_ERASED = "SELECT COUNT(*) FROM leaf l JOIN entry e ON e.seq = l.seq WHERE e.body IS NULL AND l.idx >= ? AND l.idx < ?"
