"""Reads an exported log out of a bucket, object by object."""

import gzip
import io
import zlib
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence

from controlplane.audit.bucket import Bucket
from controlplane.audit.export_lines import ExportInvalid, checkpoint_from, document_from, entry_from, head_from, parsed
from controlplane.audit.model import Document
from controlplane.audit.prefix import Listing, Piece, Read, checkpoint_name, document_name, listing
from controlplane.audit.source import BATCH, Batch
from controlplane.store.protocols import Checkpoint, StoredEntry, Tile

_HEAD = 4096
"""Bytes of an object, compressed, that hold its first line."""


async def open_objects(bucket: Bucket) -> "ObjectsSource":
    """The log there. Raises BucketUnavailable; ExportInvalid if there is none."""
    found = listing(await bucket.names())
    if not found.cover and not found.checkpoints:
        raise ExportInvalid("no log was exported there: `turnout audit export` writes one")
    return ObjectsSource(bucket, found)


class ObjectsSource:
    """See Source. Raises BucketUnavailable, ExportInvalid with the object and the line."""

    def __init__(self, bucket: Bucket, there: Listing) -> None:
        self._bucket = bucket
        self._there = there

    async def newest(self) -> Checkpoint | None:
        """See Source."""
        return await self._checkpoint(self._there.checkpoints[-1]) if self._there.checkpoints else None

    async def entries(self, size: int) -> AsyncIterator[Batch]:
        """See Source."""
        for read in self._there.cover:
            if read.start >= size:
                return
            found = [one for one in await self._of(read) if (one.index or 0) < size]
            for start in range(0, len(found), BATCH):
                yield Batch(entries=found[start : start + BATCH])

    async def checkpoints(self, after_size: int, limit: int) -> Sequence[Checkpoint]:
        """See Source."""
        sizes = [size for size in self._there.checkpoints if size > after_size]
        return [await self._checkpoint(size) for size in sizes[:limit]]

    async def documents(self, digests: Collection[bytes]) -> Mapping[bytes, Document]:
        """See Source."""
        found = {}
        for digest in digests:
            name = document_name(digest)
            data = await self._bucket.get(name) if digest in self._there.documents else None
            if data is not None:
                first = next(_lines(data, name), b"")
                found[digest] = document_from(parsed(first, "document", name), name)
        return found

    async def tiles(self, wanted: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], Tile] | None:
        """See Source: a bucket has none."""
        del wanted
        return None

    async def outside(self) -> Sequence[str]:
        """See Source."""
        newest = self._there.checkpoints[-1] if self._there.checkpoints else 0
        told = [
            f"entries {gap.first} to {gap.end - 1} have no object: export again"
            for gap in self._there.gaps(max(newest, self._there.end))
        ]
        if self._there.end > newest:
            told.append(
                f"{self._there.end - newest} entries are beyond the newest checkpoint: an export was interrupted, and goes on "
                "when it is run again, or a checkpoint was removed"
            )
        told += [f"{one.name} only repeats what others hold, and was not read" for one in self._there.repeated]
        return [*told, *(f"{name} is no object of an export" for name in self._there.strange)]

    async def _checkpoint(self, size: int) -> Checkpoint:
        name = checkpoint_name(size)
        found = checkpoint_from(parsed(await self._whole(name), "checkpoint", name), name)
        if found.size != size:
            raise ExportInvalid(f"{name}: it is of {found.size} entries")
        return found

    async def _of(self, read: Read) -> Sequence[StoredEntry]:
        name = read.piece.name
        lines = _lines(await self._whole(name), name)
        head_from(next(lines, b""), f"{name}, line 1")
        found = []
        for number, text in enumerate(lines, start=2):
            place = f"{name}, line {number}"
            entry = entry_from(parsed(text, "entry", place), place)
            if not read.piece.first <= (entry.index or 0) < read.piece.end:
                raise ExportInvalid(f"{place}: entry {entry.index} does not belong there")
            if (entry.index or 0) >= read.start:
                found.append(entry)
        return found

    async def _whole(self, name: str) -> bytes:
        data = await self._bucket.get(name)
        if data is None:
            raise ExportInvalid(f"{name}: it was there and is not any more")
        return data


async def bodies_in(bucket: Bucket, piece: Piece) -> int:
    """How many bodies an object holds, by its first line. Raises BucketUnavailable, ExportInvalid."""
    data = await bucket.get(piece.name, _HEAD) or b""
    try:
        first, _, _ = zlib.decompressobj(wbits=31).decompress(data, _HEAD).partition(b"\n")
    except zlib.error as error:
        raise ExportInvalid(f"{piece.name}: it is damaged ({error})") from error
    bodies = head_from(first, f"{piece.name}, line 1").get("bodies")
    return bodies if isinstance(bodies, int) else piece.end - piece.first


def _lines(data: bytes, name: str) -> Iterator[bytes]:
    try:
        with gzip.open(io.BytesIO(data)) as file:
            yield from file
    except (OSError, EOFError, zlib.error) as error:
        raise ExportInvalid(f"{name}: it is damaged ({error})") from error
