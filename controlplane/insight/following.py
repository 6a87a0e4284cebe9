"""Everything that follows the log for figures, put together: one process of an installation folds, all of them answer."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime

from controlplane.insight.acknowledging import Acknowledgements
from controlplane.insight.drifts import Alarms, Drifts
from controlplane.insight.facts import Told
from controlplane.insight.keeping import Keeping, Retention
from controlplane.insight.pins import Pins
from controlplane.insight.projector import Pace, Progress, Projector, Source, progress_of
from controlplane.insight.report import Reports
from controlplane.insight.rollups import Rollups
from controlplane.insight.segments import Segments
from controlplane.store.protocols import Store, StoredEntry


class Following:
    """`run` it beside the sequencer. `leading` tells whether this process is the one that folds and drops what is too old.

    `read` tells what an entry says; `erase` removes bodies by seq, and writes down that it did; `on_dropped` hears of what was
    dropped, by kind.
    """

    def __init__(
        self,
        store: Store,
        read: Callable[[StoredEntry], Told],
        *,
        leading: Callable[[], bool],
        clock: Callable[[], datetime],
        erase: Callable[[Collection[int]], Awaitable[int]],
        on_dropped: Callable[[str, int], None] | None = None,
        retention: Retention | None = None,
        pace: Pace | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._leading = leading
        self._pace = pace or Pace()
        self._sleep = sleep
        self._rollups = Rollups(store.database)
        source = Source(entries=store.entries.in_order, size=self._size, read=read)
        self._projector = Projector(source, self._rollups, pace=self._pace, on_dropped=on_dropped)
        self._keeping = Keeping(store.database, erase, clock=clock, retention=retention, on_dropped=on_dropped)
        self.reports = Reports(store.database)
        self.segments = Segments(self.reports)
        self.alarms = Alarms(store.database)
        self.pins = Pins(store.database)
        self.acknowledged = Acknowledgements(store.database)
        self.drifts = Drifts(self.reports, self.alarms, self.pins, self.acknowledged)

    async def run(self) -> None:
        """Fold while leading, until cancelled; between two batches drop what is too old, when that is due."""
        due = 0.0
        while True:
            wait = self._pace.idle
            if self._leading():
                wait = await self._projector.turn()
                due -= wait
                if wait and due <= 0:
                    due = await self._keeping.turn()
            await self._sleep(wait)

    async def progress(self) -> tuple[Progress, Mapping[str, int]]:
        """How far the figures follow the log, whoever folds it, and how much was dropped. Raises StoreUnavailable."""
        return await progress_of(self._rollups, await self._size())

    async def _size(self) -> int:
        newest = await self._store.tree.newest()
        return newest.size if newest is not None else 0
