"""The audit log in one file, as lines of JSON: to be kept elsewhere, and verified where there is no store."""

import base64
import json
import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from controlplane.audit.leaf import from_microseconds, microseconds
from controlplane.audit.model import Document
from controlplane.audit.source import BATCH, Batch, StoreSource
from controlplane.store.protocols import Checkpoint, Store, StoredEntry, Tile

FORMAT = 1
Progress = Callable[[int, int], None]


class ExportInvalid(Exception):
    """A file is no export; the message names the line."""


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
    _line(file, "export", {"format": FORMAT, "size": size})
    async for document in _documents(store):
        _line(file, "document", {"digest": document.digest.hex(), "kind": document.kind, "body": _text(document.body)})
    after = -1
    while found := await source.checkpoints(after, BATCH):
        for checkpoint in (one for one in found if one.size <= size):
            _line(file, "checkpoint", _checkpoint(checkpoint))
        after = found[-1].size
    async for batch in source.entries(size):
        for entry in batch.entries:
            _line(file, "entry", _entry(entry))
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


def _line(file: BinaryIO, kind: str, value: Mapping[str, object]) -> None:
    file.write(json.dumps({kind: value}, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")


def _checkpoint(checkpoint: Checkpoint) -> Mapping[str, object]:
    return {
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "at_us": microseconds(checkpoint.at),
        "note": checkpoint.note,
    }


def _entry(entry: StoredEntry) -> Mapping[str, object]:
    return {
        "index": entry.index,
        "seq": entry.seq,
        "kind": entry.kind,
        "ref": entry.ref,
        "decision_id": entry.decision_id,
        "at_us": microseconds(entry.at),
        "leaf": _text(entry.leaf),
        "salt": None if entry.salt is None else _text(entry.salt),
        "body": None if entry.body is None else _text(entry.body),
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


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
            for number, line in enumerate(file, start=first):
                entry = _entry_from(_parsed(line, "entry", number), number)
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
                    value = _parsed(file.readline(), "document", 0)
                    found[digest] = Document(digest=digest, kind=value["kind"], body=base64.b64decode(value["body"]))
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
        head = _parsed(file.readline(), "export", 1)
        if head.get("format") != FORMAT:
            raise ExportInvalid(f"line 1: format {head.get('format')!r}, and {FORMAT} is read")
        number, offset = 2, file.tell()
        while line := file.readline():
            kind, value = _any(line, number)
            if kind == "document":
                documents[_bytes(value, "digest", number)] = offset
            elif kind == "checkpoint":
                checkpoints.append(_checkpoint_from(value, number))
            else:
                break
            number, offset = number + 1, file.tell()
    return _Contents(size=head.get("size", 0), documents=documents, checkpoints=checkpoints, entries=(offset, number))


def _any(line: bytes, number: int) -> tuple[str, dict[str, Any]]:
    try:
        ((kind, value),) = json.loads(line).items()
    except (ValueError, AttributeError) as error:
        raise ExportInvalid(f"line {number}: it is no line of an export ({error})") from error
    if not isinstance(value, dict):
        raise ExportInvalid(f"line {number}: it is no line of an export")
    return kind, value


def _parsed(line: bytes, kind: str, number: int) -> dict[str, Any]:
    found, value = _any(line, number)
    if found != kind:
        raise ExportInvalid(f"line {number}: {found!r} where {kind!r} is expected")
    return value


def _bytes(value: Mapping[str, Any], name: str, number: int) -> bytes:
    try:
        return bytes.fromhex(value[name])
    except (KeyError, TypeError, ValueError) as error:
        raise ExportInvalid(f"line {number}: {name} is missing or not in hex") from error


def _checkpoint_from(value: Mapping[str, Any], number: int) -> Checkpoint:
    try:
        at = from_microseconds(value["at_us"])
        return Checkpoint(size=int(value["size"]), root=bytes.fromhex(value["root"]), at=at, note=str(value["note"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ExportInvalid(f"line {number}: it is no checkpoint ({error!r})") from error


def _entry_from(value: Mapping[str, Any], number: int) -> StoredEntry:
    try:
        at: datetime = from_microseconds(value["at_us"])
        return StoredEntry(
            seq=int(value["seq"]),
            index=int(value["index"]),
            kind=str(value["kind"]),
            ref=str(value["ref"]),
            decision_id=str(value["decision_id"]),
            at=at,
            leaf=base64.b64decode(value["leaf"]),
            salt=None if value["salt"] is None else base64.b64decode(value["salt"]),
            body=None if value["body"] is None else base64.b64decode(value["body"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ExportInvalid(f"line {number}: it is no entry ({error!r})") from error
