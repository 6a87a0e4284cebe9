"""Everything that writes down what a control plane does: journal, audit log and the end of reservations, run together."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from controlplane.audit.documents import ReferredDocuments
from controlplane.audit.sequencer import Sequencer
from controlplane.budget.expiry import ExpirySweep
from controlplane.budget.model import Budget
from controlplane.budget.view import BalanceView
from controlplane.budget.windows import span
from controlplane.journal.journal import Journal
from controlplane.journal.model import Outcome, Recorded
from controlplane.store.protocols import Store, StoreUnavailable

_log = logging.getLogger(__name__)
REFRESH = 0.25
"""Seconds between two looks at balances that other replicas change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What is taken from outside: time, and random bytes."""

    clock: Callable[[], datetime]
    seconds: Callable[[], float]
    salt: Callable[[], bytes]


class Records:
    """Belongs to one event loop; `start` it there, and `stop` it before the store is closed."""

    def __init__(
        self, store: Store, sequencer: Sequencer, documents: ReferredDocuments, shell: Shell, *, shared: bool
    ) -> None:
        """`shared`: other control planes write to the same store."""
        self.store = store
        self.sequencer = sequencer
        self.documents = documents
        self.view = BalanceView()
        self.journal = Journal(store.writer, heard=self._heard, clock=shell.seconds)
        self.sweep = ExpirySweep(store.ledger, self.journal.submit, shell.clock, shell.salt)
        self._shared = shared
        self._tasks: list[asyncio.Task[None]] = []
        self._writing: asyncio.Task[None] | None = None

    @property
    def checkpoint(self) -> str:
        """The newest signed note of the log; empty before the first."""
        newest = self.sequencer.newest
        return newest.note if newest is not None else ""

    async def recall(self, budgets: Iterable[Budget], now: datetime) -> None:
        """See how the accounts of `budgets` stand, so that the first decisions count on it too. Raises StoreUnavailable."""
        for budget in budgets:
            self.view.update(await self.store.ledger.windows(budget.name, span(budget.window, now).start))

    def start(self, *others: Coroutine[None, None, None]) -> None:
        """Begin to write; `others` run as long."""
        self._writing = asyncio.create_task(self.journal.run())
        loops = [self.sweep.run(), self.sequencer.run(), *others]
        if self._shared:
            loops.append(self._refresh())
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop(self, seconds: float) -> None:
        """Write what waits, within `seconds`, then end."""
        await _ended(self._tasks)
        if self._writing is not None:
            await self.journal.flush(seconds)
            await _ended([self._writing])

    def _heard(self, outcome: Outcome) -> None:
        self.view.update(outcome.balances)
        self.sequencer.recorded(sum(isinstance(result, Recorded) and result.fresh for result in outcome.results))

    async def _refresh(self) -> None:
        """Other replicas settle and hold too."""
        while True:
            await asyncio.sleep(REFRESH)
            with suppress(StoreUnavailable):
                if accounts := list(self.view.balances):
                    self.view.update(await self.store.ledger.balances(accounts))


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task, result in zip(tasks, await asyncio.gather(*tasks, return_exceptions=True), strict=True):
        if isinstance(result, Exception):
            _log.error("a task ended by a fault", extra={"task": task.get_name()}, exc_info=result)
