"""Whether this control plane can serve: everything that it needs is asked at that moment."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from controlplane.journal.journal import JournalState
from controlplane.snapshot.model import Snapshot
from controlplane.store.protocols import Database, StoreUnavailable

SECONDS = 2.0
"""Time for each question; who asks usually gives up soon after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What is looked at. `probe` writes nothing through the journal, which shows whether the store takes groups again."""

    snapshot: Callable[[], Snapshot]
    database: Database
    journal: Callable[[], JournalState]
    probe: Callable[[], Awaitable[object]]
    draining: Callable[[], bool]
    seconds: float = SECONDS

    async def __call__(self) -> Mapping[str, str]:
        """What is wrong, by part; nothing if it is ready."""
        found = {
            "process": "it is going down" if self.draining() else "",
            "snapshot": self._snapshot(),
            "store": await self._asked(self.database.fetch("SELECT 1"), "it does not answer"),
            "journal": await self._journal(),
        }
        return {part: wrong for part, wrong in found.items() if wrong}

    def _snapshot(self) -> str:
        try:
            self.snapshot()
        except RuntimeError:
            return "there is none yet"
        return ""

    async def _journal(self) -> str:
        """A journal that failed is tried: nobody else would, for to one that is not ready no requests are sent."""
        return await self._asked(self.probe(), "the store takes no groups") if self.journal().failing else ""

    async def _asked(self, question: Awaitable[object], wrong: str) -> str:
        try:
            async with asyncio.timeout(self.seconds):
                await question
        except (StoreUnavailable, TimeoutError):
            return wrong
        return ""
