"""The audit log in one file, as lines of JSON: to be kept elsewhere, and verified where there is no store."""

import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from controlplane.audit.export_lines import (
    FORMAT,
    any_of,
    checkpoint_from,
    checkpoint_line,
    digest_from,
    document_from,
    document_line,
    entry_from,
    entry_line,
    head_from,
    line,
    parsed,
)
from controlplane.audit.model import Document
from controlplane.audit.source import BATCH, Batch, StoreSource
from controlplane.store.protocols import Checkpoint, Store, StoredEntry, Tile

Progress = Callable[[int, int], None]


async def export_log(store: Store, path: Path, progress: Progress) -> int:
    """Write the log up to its newest checkpoint, with all documents and checkpoints; how many entries there are.

    The file appears when it is whole. Raises OSError, StoreUnavailable.
    """
    scratch = path.with_name(path.name + ".part")
    try:
        with scratch.open("wb") as file:
            size = await _write(store, file, progress)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return size


async def _write(store: Store, file: BinaryIO, progress: Progress) -> int:
    source = StoreSource(store)
    newest = await source.newest()
    size = newest.size if newest else 0
    file.write(line("export", {"format": FORMAT, "size": size}))
    async for document in _documents(store):
        file.write(document_line(document))
    after = -1
    while found := await source.checkpoints(after, BATCH):
        for checkpoint in (one for one in found if one.size <= size):
            file.write(checkpoint_line(checkpoint))
        after = found[-1].size
    async for batch in source.entries(size):
        for entry in batch.entries:
            file.write(entry_line(entry))
        progress((batch.entries[-1].index or 0) + 1, size)
    return size


async def _documents(store: Store) -> AsyncIterator[Document]:
    after = b""
    while rows := await store.database.fetch(
        "SELECT digest, kind, body FROM document WHERE digest > ? ORDER BY digest LIMIT 16", after
    ):
        for digest, kind, body in rows:
            if isinstance(digest, bytes) and isinstance(kind, str) and isinstance(body, bytes):
                yield Document(digest=digest, kind=kind, body=body)
                after = digest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    """Where things are in the file."""

    size: int
    documents: Mapping[bytes, int]
    checkpoints: Sequence[Checkpoint]
    entries: tuple[int, int]
    """Offset and number of the first line with an entry."""


class ExportSource:
    """See Source. Raises ExportInvalid, OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._has = _read(path)
        self._beyond = 0

    async def newest(self) -> Checkpoint | None:
        """See Source."""
        return self._has.checkpoints[-1] if self._has.checkpoints else None

    async def entries(self, size: int) -> AsyncIterator[Batch]:
        """See Source."""
        offset, first = self._has.entries
        group: list[StoredEntry] = []
        self._beyond = 0
        with self._path.open("rb") as file:
            file.seek(offset)
            for number, text in enumerate(file, start=first):
                entry = entry_from(parsed(text, "entry", f"line {number}"), f"line {number}")
                if (entry.index or 0) < size:
                    group.append(entry)
                else:
                    self._beyond += 1
                if len(group) == BATCH:
                    yield Batch(entries=group)
                    group = []
        if group:
            yield Batch(entries=group)

    async def checkpoints(self, after_size: int, limit: int) -> Sequence[Checkpoint]:
        """See Source."""
        return [one for one in self._has.checkpoints if one.size > after_size][:limit]

    async def documents(self, digests: Collection[bytes]) -> Mapping[bytes, Document]:
        """See Source."""
        found = {}
        with self._path.open("rb") as file:
            for digest in digests:
                if (offset := self._has.documents.get(digest)) is not None:
                    file.seek(offset)
                    place = f"document {digest.hex()}"
                    found[digest] = document_from(parsed(file.readline(), "document", place), place)
        return found

    async def tiles(self, wanted: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], Tile] | None:
        """See Source: a file has none."""
        del wanted
        return None

    async def outside(self) -> Sequence[str]:
        """See Source: what the entries showed when they were read."""
        told = f"{self._beyond} entries are beyond the newest checkpoint: one was removed"
        return [told] if self._beyond else []


def _read(path: Path) -> _Contents:
    documents: dict[bytes, int] = {}
    checkpoints: list[Checkpoint] = []
    with path.open("rb") as file:
        head = head_from(file.readline(), "line 1")
        number, offset = 2, file.tell()
        while text := file.readline():
            place = f"line {number}"
            kind, value = any_of(text, place)
            if kind == "document":
                documents[digest_from(value, place)] = offset
            elif kind == "checkpoint":
                checkpoints.append(checkpoint_from(value, place))
            else:
                break
            number, offset = number + 1, file.tell()
    return _Contents(size=head.get("size", 0), documents=documents, checkpoints=checkpoints, entries=(offset, number))
