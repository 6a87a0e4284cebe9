"""An audit log in memory, and what tests write into it."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from controlplane.audit.leaf import leaf
from controlplane.audit.log_key import LogKey
from controlplane.audit.model import Document, Entry, Kind
from controlplane.audit.note import NoteKey, origin_of
from controlplane.store.protocols import Checkpoint, StoredEntry, StoreUnavailable, Tile
from turnout_wire.ed25519 import Ed25519Signer

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def log_key(number: int = 7, *, earlier: tuple[NoteKey, ...] = ()) -> LogKey:
    """A key of the log `turnout/log`."""
    signer = Ed25519Signer(bytes([number] * 32))
    key = NoteKey(name=origin_of("turnout"), public_key=signer.public_key)
    return LogKey(key=key, signer=signer, earlier=earlier)


def entry(number: int, *, kind: Kind = Kind.FEEDBACK, body: bytes | None = None, decision_id: str = "") -> Entry:
    """Some entry, each number another one."""
    return Entry(
        kind=kind,
        ref=f"ref-{number}",
        decision_id=decision_id,
        at=NOW + timedelta(seconds=number),
        salt=number.to_bytes(16, "big"),
        body=b"body %d" % number if body is None else body,
    )


@dataclass(slots=True)
class Watched:
    """What a sequencer told."""

    batches: list[int] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    size: int = 0

    def sequenced(self, count: int, size: int) -> None:
        self.batches.append(count)
        self.size = size

    def forked(self, reason: str) -> None:
        self.alarms.append(reason)


@dataclass(slots=True)
class MemoryLog:
    """Entries and Tree in memory. `failing`: the next so many calls find no store. `on_extend` may raise in their place."""

    rows: list[StoredEntry] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    kept: dict[tuple[int, int], Tile] = field(default_factory=dict)
    notes: dict[int, Checkpoint] = field(default_factory=dict)
    papers: dict[bytes, Document] = field(default_factory=dict)
    held: bool = False
    failing: int = 0
    before_extend: Callable[[], None] = lambda: None
    after_extend: Callable[[], None] = lambda: None

    def add(self, *entries: Entry) -> None:
        """Record entries, as a writer does."""
        for one in entries:
            self.rows.append(
                StoredEntry(
                    seq=len(self.rows) + 1, index=None, kind=one.kind, ref=one.ref, decision_id=one.decision_id,
                    at=one.at, leaf=leaf(one), salt=one.salt, body=one.body,
                )
            )  # fmt: skip

    def _reach(self) -> None:
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("the test took it away")

    @asynccontextmanager
    async def lead(self) -> AsyncIterator[bool]:
        self._reach()
        mine = not self.held
        self.held = True
        try:
            yield mine
        finally:
            self.held = self.held and not mine

    async def unsequenced(self, limit: int) -> Sequence[StoredEntry]:
        self._reach()
        return [row for row in self.rows if row.index is None][:limit]

    async def extend(
        self, first_index: int, leaves: Sequence[tuple[int, bytes]], tiles: Sequence[Tile], checkpoint: Checkpoint
    ) -> None:
        self._reach()
        self.before_extend()
        assert first_index == len(self.hashes)
        for place, (seq, one) in enumerate(leaves, start=first_index):
            self.hashes.append(one)
            self.order.append(seq)
            self.rows[seq - 1] = replace(self.rows[seq - 1], index=place)
        self.kept.update({(tile.level, tile.index): tile for tile in tiles})
        self.notes[checkpoint.size] = checkpoint
        self.after_extend()

    async def newest(self) -> Checkpoint | None:
        self._reach()
        return self.notes[max(self.notes)] if self.notes else None

    async def checkpoint(self, size: int) -> Checkpoint | None:
        return self.notes.get(size)

    async def checkpoints(self, after_size: int, limit: int) -> Sequence[Checkpoint]:
        return [self.notes[size] for size in sorted(self.notes) if size > after_size][:limit]

    async def tiles(self, wanted: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], Tile]:
        return {place: self.kept[place] for place in wanted if place in self.kept}

    async def leaf_hashes(self, start: int, end: int) -> Sequence[bytes]:
        return self.hashes[start:end]

    async def index_of(self, seqs: Collection[int]) -> Mapping[int, int]:
        return {row.seq: row.index for row in self.rows if row.seq in seqs and row.index is not None}

    async def of_decision(self, decision_id: str) -> Sequence[StoredEntry]:
        return [row for row in self.rows if row.decision_id == decision_id]

    async def get(self, kind: str, ref: str) -> StoredEntry | None:
        return next((row for row in self.rows if (row.kind, row.ref) == (kind, ref)), None)

    async def in_order(self, start: int, limit: int) -> Sequence[StoredEntry]:
        found = sorted((row for row in self.rows if row.index is not None), key=lambda row: row.index or 0)
        return [row for row in found if (row.index or 0) >= start][:limit]

    async def documents(self, digests: Collection[bytes]) -> Mapping[bytes, Document]:
        return {digest: self.papers[digest] for digest in digests if digest in self.papers}

    async def erase(self, seqs: Collection[int]) -> int:
        count = sum(1 for row in self.rows if row.seq in seqs and row.body is not None)
        self.rows = [replace(row, salt=None, body=None) if row.seq in seqs else row for row in self.rows]
        return count
