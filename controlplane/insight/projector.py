"""Follows the log: reads entries in order, folds them and saves the result, each entry exactly once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from controlplane.insight.contribution import Known
from controlplane.insight.facts import DecisionFact, Place, RefusalFact, Told
from controlplane.insight.fold import fold
from controlplane.insight.rollups import Cursor, Rollups
from controlplane.store.protocols import StoredEntry, StoreUnavailable

_log = logging.getLogger(__name__)

OTHER = "(other)"
"""Stands for every feature beyond those that figures are kept of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`batch`: entries in one transaction at most, which the hot path's waits for on SQLite; `idle`, `again`: seconds until the
    log is looked at again when there was nothing new, and after the store failed; `features`: names of features at most.
    """

    batch: int = 256
    idle: float = 0.5
    again: float = 2.0
    features: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The log: `entries` from an index on, by index, so many at most; `size` of it; `read` tells what an entry says."""

    entries: Callable[[int, int], Awaitable[Sequence[StoredEntry]]]
    size: Callable[[], Awaitable[int]]
    read: Callable[[StoredEntry], Told]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the figures follow the log: entries that are in them, and that are not yet. `failures` of the store so far."""

    folded: int
    behind: int
    failures: int = 0


class Projector:
    """Folds the log into rollups. One runs for an installation; a second one that runs by mistake changes nothing.

    `on_dropped` hears of what had no place, by kind.
    """

    def __init__(
        self,
        source: Source,
        rollups: Rollups,
        *,
        pace: Pace | None = None,
        on_dropped: Callable[[str, int], None] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._rollups = rollups
        self._pace = pace or Pace()
        self._on_dropped = on_dropped or _unheard
        self._sleep = sleep
        self._features: set[str] | None = None
        self._alone = False
        self._stuck_at = -1
        self._progress = Progress(folded=0, behind=0)

    @property
    def progress(self) -> Progress:
        """How far it was when it last looked."""
        return self._progress

    async def run(self) -> None:
        """Follow the log until cancelled. When the store fails it tries again; nothing is lost or counted twice."""
        while True:
            await self._sleep(await self.turn())

    async def turn(self) -> float:
        """Fold one batch, if the store can; how many seconds to wait before the next.

        If a batch fails by itself its entries are folded one by one; one that fails even so is passed over, and counted.
        """
        try:
            folded = await self.step()
        except StoreUnavailable as unavailable:
            self._failed("the store is not there", unavailable)
            return self._pace.again
        except Exception as error:  # noqa: BLE001 - such as another projector at the same place; the cursor tells anew
            self._failed("entries were not folded", error)
            self._alone = True
            return self._pace.idle
        more = folded == (1 if self._alone else self._pace.batch)
        self._alone = False
        return 0.0 if more else self._pace.idle

    async def step(self) -> int:
        """Fold one batch: how many entries. Raises StoreUnavailable, or what the database raises if another went on."""
        cursor = await self._rollups.cursor()
        entries = await self._source.entries(cursor.next_index, 1 if self._alone else self._pace.batch)
        if entries:
            cursor = await self._fold(cursor, entries)
        size = max(await self._source.size(), cursor.next_index)
        self._progress = replace(self._progress, folded=cursor.next_index, behind=size - cursor.next_index)
        return len(entries)

    async def _fold(self, cursor: Cursor, entries: Sequence[StoredEntry]) -> Cursor:
        told, dropped = await self._told(cursor, entries)
        # In a thread, for decisions are made in this loop and should not wait for figures.
        changes = await asyncio.to_thread(fold, told, await self._known(told))
        dropped["observations"] = changes.overflow
        saved = await self._rollups.save(changes, cursor, cursor.next_index + len(entries), dropped)
        self._stuck_at = -1
        for kind, count in dropped.items():
            if count:
                self._on_dropped(kind, count)
        return saved

    async def _told(self, cursor: Cursor, entries: Sequence[StoredEntry]) -> tuple[Sequence[Told], dict[str, int]]:
        """What the entries say, and how much of it has no place."""
        if self._alone and self._stuck_at == cursor.next_index:
            return [], {"unreadable": len(entries)}
        self._stuck_at = cursor.next_index if self._alone else -1
        read = await asyncio.to_thread(lambda: [self._read(entry) for entry in entries])
        told, others = await self._bounded([one for one in read if one is not None])
        return told, {"features": others, "unreadable": sum(one is None for one in read)}

    def _read(self, entry: StoredEntry) -> Told | None:
        """What it says; None if it cannot be read, for one such entry must not end everything that comes after it."""
        try:
            return self._source.read(entry)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, the others are not
            _log.exception("an entry cannot be read", extra={"kind": entry.kind, "index": entry.index})
            return None

    async def _known(self, told: Iterable[Told]) -> Mapping[str, Known]:
        facts = [one.fact for one in told if one.fact is not None]
        ids = {fact.decision_id for fact in facts if not isinstance(fact, RefusalFact)}
        units: dict[int, tuple[int, int]] = {}
        for fact in facts:
            if isinstance(fact, DecisionFact):
                first, last = units.get(fact.unit, (fact.at_us, fact.at_us))
                units[fact.unit] = (min(first, fact.at_us), max(last, fact.at_us))
        return await self._rollups.known(ids | await self._rollups.near(units))

    async def _bounded(self, told: Sequence[Told]) -> tuple[Sequence[Told], int]:
        """The same with features beyond the bound named `OTHER`, and how many those are."""
        if self._features is None:
            self._features = await self._rollups.features(self._pace.features)
        bounded = [self._with_bounded_feature(one, self._features) for one in told]
        return bounded, sum(after is not before for after, before in zip(bounded, told, strict=True))

    def _with_bounded_feature(self, told: Told, known: set[str]) -> Told:
        fact = told.fact
        if not isinstance(fact, DecisionFact | RefusalFact) or fact.place.feature in known:
            return told
        if len(known) < self._pace.features:
            known.add(fact.place.feature)
            return told
        place: Place = replace(fact.place, feature=OTHER)
        return replace(told, fact=replace(fact, place=place))

    def _failed(self, what: str, error: Exception) -> None:
        self._features = None
        self._progress = replace(self._progress, failures=self._progress.failures + 1)
        _log.warning(what, extra={"cause": str(error)})


def _unheard(kind: str, count: int) -> None:
    """Somebody else counts."""


async def progress_of(rollups: Rollups, size: int) -> tuple[Progress, Mapping[str, int]]:
    """How far the figures follow a log of `size`, whoever folds it, and how much was dropped. Raises StoreUnavailable."""
    folded = (await rollups.cursor()).next_index
    return Progress(folded=folded, behind=max(0, size - folded)), await rollups.dropped()
