"""Ends reservations whose time has passed: what a lost run held is booked or released, so that nothing is held for ever."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from controlplane.journal.model import Expire
from controlplane.journal.submit import Submit
from controlplane.store.protocols import Ledger, StoreUnavailable

_log = logging.getLogger(__name__)
BATCH = 500
"""Reservations that are ended at once."""


class ExpirySweep:
    """Looks for reservations that are due, every `every` seconds. Several replicas may: each is ended once."""

    def __init__(
        self,
        ledger: Ledger,
        submit: Submit,
        clock: Callable[[], datetime],
        salt: Callable[[], bytes],
        *,
        every: float = 1.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._submit = submit
        self._clock = clock
        self._salt = salt
        self._every = every
        self._sleep = sleep

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                while await self.sweep() == BATCH:
                    pass
            except StoreUnavailable as unavailable:
                _log.warning("reservations cannot be ended now", extra={"cause": str(unavailable)})
            await self._sleep(self._every)

    async def sweep(self) -> int:
        """End those that are due, `BATCH` at most; how many there were. Raises StoreUnavailable."""
        now = self._clock()
        due = await self._ledger.due(now, BATCH)
        expire = (Expire(decision_id=decision_id, now=now, salt=self._salt()) for decision_id in due)
        await asyncio.gather(*(self._submit(operation) for operation in expire))
        if due:
            _log.info("reservations ended", extra={"count": len(due)})
        return len(due)
