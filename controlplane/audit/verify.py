"""Verifies an audit log offline: every leaf, the tree, every checkpoint, and what the entries themselves prove."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from controlplane.audit.leaf import body_digest, digest_in, leaf_of, microseconds
from controlplane.audit.merkle import TILE_WIDTH, Edge, grown
from controlplane.audit.note import NoteInvalid, NoteKey, Statement, open_checkpoint
from controlplane.audit.source import Batch, Source
from controlplane.store.protocols import Checkpoint, StoredEntry, Tile
from turnout_wire.tree import HASH_BYTES, leaf_hash

MOST_FAULTS = 100
"""Faults that are told; more are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that is not as it was written. `index` is the leaf, None where it is about no single one."""

    index: int | None
    where: str
    problem: str

    def __str__(self) -> str:
        place = f"leaf {self.index}, " if self.index is not None else ""
        return f"{place}{self.where}: {self.problem}"


@dataclass(slots=True, kw_only=True)
class Findings:
    """What was verified, and what does not hold."""

    size: int = 0
    checkpoints: int = 0
    bodies: int = 0
    erased: int = 0
    signatures: int = 0
    replayed: int = 0
    not_replayed: int = 0
    """Decisions of which only the receipt is known, or whose record was erased, or whose quality model is not there."""
    unmade: dict[str, int] = field(default_factory=dict)
    """What kept how many decisions from being made again: a quality model that is not there, or is of other software."""
    faults: list[Fault] = field(default_factory=list)
    more: int = 0
    """Faults beyond those that are told."""

    def fault(self, index: int | None, where: str, problem: str) -> None:
        """Note one."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(index=index, where=where, problem=problem))
        else:
            self.more += 1

    @property
    def sound(self) -> bool:
        """Whether everything holds."""
        return not self.faults


class Contents(Protocol):
    """Checks what the bodies of entries say; knows how they are written."""

    async def entry(self, entry: StoredEntry, findings: Findings) -> None:
        """One entry whose leaf and body are as they were recorded."""
        ...

    def finish(self, findings: Findings) -> None:
        """After the last one."""
        ...

    def erased(self, kind: str, ref: str, at_us: int) -> bool:
        """Whether an entry says that this one, of that time in microseconds, was erased."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What is believed beforehand: the keys of the log, and checkpoints that somebody kept from before, each with its name."""

    keys: Sequence[NoteKey]
    kept: Mapping[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """The log that the keys are of."""
        return self.keys[0].name


Progress = Callable[[int, int], None]
"""Is told how many of how many entries were read."""


async def verify_log(source: Source, trust: Trust, contents: Contents, progress: Progress) -> Findings:
    """Everything that is wrong with a log. Raises StoreUnavailable, and what `source` raises."""
    run = _Verification(source, trust, contents, progress)
    await run.all()
    return run.findings


class _Verification:
    def __init__(self, source: Source, trust: Trust, contents: Contents, progress: Progress) -> None:
        self._source = source
        self._trust = trust
        self._contents = contents
        self._progress = progress
        self._edge = Edge()
        self._fits = 0
        self._broken = False
        self._bodiless: list[tuple[str, str, int, int]] = []
        self.findings = Findings()

    async def all(self) -> None:
        newest = await self._source.newest()
        expected = self._kept()
        size = max([newest.size if newest else 0, *expected])
        due = _Due(await _all_checkpoints(self._source), expected, size)
        self._check_notes(due.kept)
        async for batch in self._source.entries(size):
            await self._take(batch, due)
            self._progress(self._edge.size, size)
        self._end(due)
        self.findings.size = self._edge.size
        self._contents.finish(self.findings)
        self._erasures()
        for problem in await self._source.outside():
            self.findings.fault(None, "beside the log", problem)

    def _kept(self) -> dict[int, list[tuple[str, Statement]]]:
        """What must hold by the checkpoints that somebody kept, by size."""
        found: dict[int, list[tuple[str, Statement]]] = {}
        for name, note in self._trust.kept.items():
            try:
                said = open_checkpoint(note, self._trust.origin, self._trust.keys)
            except NoteInvalid as error:
                self.findings.fault(None, name, f"it cannot be believed: {error}")
            else:
                found.setdefault(said.size, []).append((name, said))
        return found

    def _check_notes(self, checkpoints: Iterable[Checkpoint]) -> None:
        for checkpoint in checkpoints:
            where = f"checkpoint of {checkpoint.size} leaves"
            try:
                said = open_checkpoint(checkpoint.note, self._trust.origin, self._trust.keys)
            except NoteInvalid as error:
                self.findings.fault(None, where, str(error))
                continue
            self.findings.checkpoints += 1
            if (said.size, said.root) != (checkpoint.size, checkpoint.root):
                self.findings.fault(None, where, f"its note is of {said.size} leaves or of another root")

    async def _take(self, batch: Batch, due: "_Due") -> None:
        fresh: list[bytes] = []
        tiles: list[Tile] = []
        for place, entry in enumerate(batch.entries):
            index = self._edge.size + len(fresh)
            if entry.index != index:
                self._broken = True
                self.findings.fault(index, "the log", f"an entry is missing, for leaf {entry.index} comes next")
                return
            fresh.append(self._leaf(entry, batch.hashes[place] if batch.hashes else None))
            if self._body(entry):
                await self._contents.entry(entry, self.findings)
            if index + 1 in due.sizes:
                tiles += self._grow(fresh)
                fresh.clear()
                self._compare(due.pop(index + 1))
        tiles += self._grow(fresh)
        await self._tiles(tiles)

    def _grow(self, hashes: Sequence[bytes]) -> list[Tile]:
        self._edge, tiles = grown(self._edge, hashes)
        return tiles

    def _leaf(self, entry: StoredEntry, kept: bytes | None) -> bytes:
        """The hash of a leaf, after comparing what stands beside it."""
        digest = leaf_hash(entry.leaf)
        if kept is not None and kept != digest:
            self._fault(entry, "its leaf is not the one whose hash is kept in the tree")
        if entry.leaf != leaf_of(entry.kind, entry.ref, entry.decision_id, entry.at, digest_in(entry.leaf)):
            self._fault(entry, "kind, ref, decision or time are not those of its leaf")
        return digest

    def _body(self, entry: StoredEntry) -> bool:
        """Whether the body is there, and is what the leaf commits to."""
        if entry.body is None or entry.salt is None:
            self._bodiless.append((entry.kind, entry.ref, microseconds(entry.at), entry.index or 0))
            return False
        if digest_in(entry.leaf) != body_digest(entry.salt, entry.body).hex():
            self._fault(entry, "its body is not the one that its leaf commits to")
            return False
        self.findings.bodies += 1
        return True

    def _fault(self, entry: StoredEntry, problem: str) -> None:
        self.findings.fault(entry.index, f"{entry.kind} {entry.ref}", problem)

    def _compare(self, expected: Iterable[tuple[str, bytes]]) -> None:
        """Compare the tree of now with everything that was said of it; tell only the first that does not fit."""
        root, size = self._edge.root, self._edge.size
        for name, said in expected:
            if said == root:
                self._fits = max(self._fits, size)
            elif not self._broken:
                self._broken = True
                self.findings.fault(
                    None,
                    name,
                    f"the tree has another root: leaves from {self._fits} to {size - 1} were altered or moved",
                )

    async def _tiles(self, tiles: Sequence[Tile]) -> None:
        whole = {(tile.level, tile.index): tile.hashes for tile in tiles if len(tile.hashes) == _WHOLE}
        kept = await self._source.tiles(whole) if whole else None
        if kept is None:
            return
        for (level, index), hashes in whole.items():
            tile = kept.get((level, index))
            if tile is None or tile.hashes != hashes:
                problem = "it is missing" if tile is None else "it is not made of its leaves"
                self.findings.fault(None, f"tile {index} of level {level}", problem)

    def _end(self, due: "_Due") -> None:
        size = self._edge.size
        for name, said in due.beyond(size):
            self.findings.fault(None, name, f"it has {said} leaves, and the log ends after {size}: it was cut off")

    def _erasures(self) -> None:
        """Bodies that are gone must have been erased by somebody who said so."""
        for kind, ref, at_us, index in self._bodiless:
            if self._contents.erased(kind, ref, at_us):
                self.findings.erased += 1
            else:
                self.findings.fault(index, f"{kind} {ref}", "its body is gone, and no entry says that it was erased")


_WHOLE = TILE_WIDTH * HASH_BYTES


class _Due:
    """What must hold at which size."""

    def __init__(
        self, checkpoints: Sequence[Checkpoint], kept: Mapping[int, Sequence[tuple[str, Statement]]], size: int
    ) -> None:
        self.kept = [checkpoint for checkpoint in checkpoints if checkpoint.size <= size]
        self._at: dict[int, list[tuple[str, bytes]]] = {}
        for name, said in ((name, said) for group in kept.values() for name, said in group):
            self._at.setdefault(said.size, []).append((name, said.root))
        for checkpoint in self.kept:
            name = f"checkpoint of {checkpoint.size} leaves"
            self._at.setdefault(checkpoint.size, []).append((name, checkpoint.root))
        self._at.pop(0, None)

    @property
    def sizes(self) -> Mapping[int, object]:
        """Where something must hold."""
        return self._at

    def pop(self, size: int) -> Sequence[tuple[str, bytes]]:
        """What must hold there."""
        return self._at.pop(size)

    def beyond(self, size: int) -> Iterable[tuple[str, int]]:
        """What lies behind the end."""
        return [(name, at) for at, names in sorted(self._at.items()) if at > size for name, _ in names][:1]


async def _all_checkpoints(source: Source) -> Sequence[Checkpoint]:
    found: list[Checkpoint] = []
    while more := await source.checkpoints(found[-1].size if found else -1, 1000):
        found += more
    return found
