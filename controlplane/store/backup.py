"""Copies of a whole store in one file, the same for SQLite and PostgreSQL.

The file is a ZIP archive: for each table `NAME.jsonl`, one JSON list for each row, and last `manifest.json`, with the schema's
revision and each table's columns, number of rows and SHA-256. Bytes are in base64.
"""

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from controlplane.store.address import Address
from controlplane.store.protocols import SchemaMismatch, Value
from controlplane.store.schema import REVISION
from controlplane.store.snapshot import BATCH, Column, Filling, Snapshot, Table, filling, revision_of, snapshot

FORMAT, VERSION = "turnout-backup", 1
_MANIFEST = "manifest.json"


class BackupInvalid(Exception):
    """The file is no whole backup, or must not be written or restored there; the message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a backup holds of one table. `sha256`: of its lines, in hex."""

    table: Table
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds."""

    revision: str
    made_at: str
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(part.rows for part in self.parts)


Progress = Callable[[int, int], None]
"""Rows that are done, and rows in all."""


@dataclass(slots=True)
class _Count:
    total: int
    progress: Progress
    done: int = 0

    def add(self, rows: int) -> None:
        self.done += rows
        self.progress(self.done, self.total)


async def backup(place: Address, file: Path, *, now: datetime, progress: Progress) -> Manifest:
    """Copy the store at `place` into `file`, which must not be there, and read it back; control planes may go on meanwhile.

    The schema may be older than this software's, so that there is a copy before it is changed.

    Raises BackupInvalid, StoreUnavailable, SchemaMismatch.
    """
    async with snapshot(place) as taken:
        with _written(file) as archive:
            parts = await _copy(taken, archive, progress)
            manifest = Manifest(revision=await revision_of(taken), made_at=now.isoformat(), parts=tuple(parts))
            archive.writestr(_MANIFEST, json.dumps(_told(manifest), indent=1))
    return verify(file)


async def restore(place: Address, file: Path, *, progress: Progress) -> Manifest:
    """Fill the empty store at `place`, which is made if it is not there, with what `file` holds: all of it or nothing.

    Raises BackupInvalid, StoreUnavailable, SchemaMismatch.
    """
    manifest = verify(file)
    if manifest.revision != REVISION:
        raise SchemaMismatch(
            f"{file} has the schema of revision {manifest.revision}, and this software needs {REVISION}: restore it with the "
            "software that made it, and then run `turnout db migrate` with this one"
        )
    async with filling(place) as target:
        await _demand_same_tables(target, file, manifest)
        await _demand_empty(target)
        count = _Count(total=manifest.rows, progress=progress)
        with _readable(file) as archive:
            for part in manifest.parts:
                for rows in _batches(archive, part):
                    await target.insert(part.table, rows)
                    count.add(len(rows))
    return manifest


def verify(file: Path) -> Manifest:
    """What `file` holds, if all of it is as it was written. Raises BackupInvalid."""
    with _readable(file) as archive:
        manifest = _manifest(file, archive)
        for part in manifest.parts:
            with archive.open(_member(part.table)) as lines:
                digest = hashlib.file_digest(lines, "sha256").hexdigest()  # type: ignore[arg-type]  # it reads
            if digest != part.sha256:
                raise BackupInvalid(f"{file}: what it holds of {part.table.name} was changed: take another backup")
    return manifest


async def _copy(taken: Snapshot, archive: zipfile.ZipFile, progress: Progress) -> list[Part]:
    tables = await taken.tables()
    counts = [int((await taken.fetch(f'SELECT COUNT(*) FROM "{table.name}"'))[0][0] or 0) for table in tables]
    count = _Count(total=sum(counts), progress=progress)
    parts = []
    for table in tables:
        with archive.open(_member(table), "w", force_zip64=True) as member:
            parts.append(await _copy_table(taken, table, member, count))
    return parts


async def _copy_table(taken: Snapshot, table: Table, member: IO[bytes], count: _Count) -> Part:
    digest, before = hashlib.sha256(), count.done
    async for rows in taken.batches(f'SELECT {table.names} FROM "{table.name}"'):
        lines = "".join(_line(table.columns, row) for row in rows).encode()
        digest.update(lines)
        member.write(lines)
        count.add(len(rows))
    return Part(table=table, rows=count.done - before, sha256=digest.hexdigest())


async def _demand_same_tables(target: Filling, file: Path, manifest: Manifest) -> None:
    # What the file says goes into statements, so it must be what is there.
    ours = {(table.name, table.names) for table in await target.tables()}
    theirs = {(part.table.name, part.table.names) for part in manifest.parts}
    if ours != theirs:
        names = ", ".join(sorted(name for name, _ in ours ^ theirs))
        raise BackupInvalid(f"{file}: its tables are not those of its revision ({names}): take another backup")


async def _demand_empty(target: Filling) -> None:
    for table in await target.tables():
        if await target.rows(table):
            raise BackupInvalid(
                f"the store is not empty ({table.name} has rows), and nothing in it is overwritten: restore into a new one, "
                "or move that one away"
            )


def _line(columns: Sequence[Column], row: Sequence[Value]) -> str:
    return json.dumps([_plain(column, value) for column, value in zip(columns, row, strict=True)]) + "\n"


def _plain(column: Column, value: Value) -> Value:
    if value is None or column.kind == "plain":
        return value
    return base64.b64encode(value).decode() if isinstance(value, bytes) else bool(value)


def _value(column: Column, plain: Value) -> Value:
    return base64.b64decode(plain) if column.kind == "bytes" and isinstance(plain, str) else plain


def _batches(archive: zipfile.ZipFile, part: Part) -> Iterator[list[list[Value]]]:
    columns = part.table.columns
    with archive.open(_member(part.table)) as lines:
        rows: list[list[Value]] = []
        for line in lines:
            rows.append([_value(column, value) for column, value in zip(columns, json.loads(line), strict=True)])
            if len(rows) == BATCH:
                yield rows
                rows = []
        if rows:
            yield rows


@contextmanager
def _written(file: Path) -> Iterator[zipfile.ZipFile]:
    """An archive that gets its name once it is whole and on the disk; private to its owner."""
    if file.exists():
        raise BackupInvalid(f"{file} is there already: give another name, or remove it")
    partial = file.with_name(f"{file.name}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as raw:
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                yield archive
            raw.flush()
            os.fsync(raw.fileno())
        partial.rename(file)
    except OSError as error:
        raise BackupInvalid(f"{file}: {error.strerror}: give the path of a file that can be written") from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _readable(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (OSError, EOFError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise BackupInvalid(f"{file}: it is no whole backup of Turnout ({error})") from error


def _manifest(file: Path, archive: zipfile.ZipFile) -> Manifest:
    told: Any = json.loads(archive.read(_MANIFEST))
    if told["format"] != FORMAT or told["version"] != VERSION:
        raise BackupInvalid(
            f"{file}: it has format {told['format']} {told['version']}, and this software reads {VERSION}"
        )
    return Manifest(
        revision=told["revision"], made_at=told["made_at"], parts=tuple(_part(part) for part in told["tables"])
    )


def _part(told: Any) -> Part:
    columns = tuple(Column(name=column["name"], kind=column["kind"]) for column in told["columns"])
    return Part(table=Table(name=told["name"], columns=columns), rows=told["rows"], sha256=told["sha256"])


def _told(manifest: Manifest) -> dict[str, object]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "revision": manifest.revision,
        "made_at": manifest.made_at,
        "tables": [
            {
                "name": part.table.name,
                "rows": part.rows,
                "sha256": part.sha256,
                "columns": [{"name": column.name, "kind": column.kind} for column in part.table.columns],
            }
            for part in manifest.parts
        ],
    }


def _member(table: Table) -> str:
    return f"{table.name}.jsonl"
