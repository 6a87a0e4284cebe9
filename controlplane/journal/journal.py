"""The queue before the store: whatever waits at the same moment is written in one transaction."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from controlplane.journal.model import Operation, Outcome, Result
from controlplane.store.protocols import StoreUnavailable, Writer

_log = logging.getLogger(__name__)

BEHIND = 0.05
"""Seconds that an operation which nobody waits for may lie in the queue; then its caller waits after all."""


FEW = 8
"""From so many operations on a group is worth its transaction."""

WORTH = 2
"""Operations that must be expected meanwhile for one to wait; where fewer come, callers wait for the disk alone."""

REMEMBERED = 0.25
"""Seconds over which it is averaged how many operations come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`group`: operations in one transaction at most; `waiting`: operations in the queue at most; `again`: seconds until the
    store is tried again after it failed, while nobody waits.

    `gather`: seconds that few operations wait for others, when so many come that others will: a transaction costs as much as
    some five operations in it. When few come nobody waits for anybody.
    """

    group: int = 512
    waiting: int = 20_000
    again: float = 0.25
    gather: float = 0.008


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalState:
    """How the journal stands. `dropped`: operations that nobody waited for and that had no place, since the start."""

    waiting: int
    groups: int
    written: int
    failures: int
    dropped: int
    failing: bool


@dataclass(slots=True)
class _Waiting:
    operation: Operation
    since: float
    answer: asyncio.Future[Result] | None


class Journal:
    """Takes operations and commits them in groups. Belongs to one event loop; `run` must run in it.

    `heard` hears what came of every group that was written. `clock` gives seconds and only grows.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        heard: Callable[[Outcome], None],
        clock: Callable[[], float],
        pace: Pace | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._writer = writer
        self._heard = heard
        self._clock = clock
        self._pace = pace or Pace()
        self._sleep = sleep
        self._queue: deque[_Waiting] = deque()
        self._something = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._groups = self._written = self._failures = self._dropped = 0
        self._failing = False
        self._rate = 0.0
        self._taken_at = clock()

    @property
    def state(self) -> JournalState:
        """How it stands."""
        return JournalState(
            waiting=len(self._queue),
            groups=self._groups,
            written=self._written,
            failures=self._failures,
            dropped=self._dropped,
            failing=self._failing,
        )

    async def submit(self, operation: Operation) -> Result:
        """Durable when this returns. Raises StoreUnavailable, also when too many wait.

        If the caller is cancelled the operation may still happen.
        """
        if len(self._queue) >= self._pace.waiting:
            raise StoreUnavailable("the store is slower than what comes: too many operations wait; try again later")
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._put(_Waiting(operation, self._clock(), answer))
        return await answer

    async def keep(self, operation: Operation) -> None:
        """Write it soon; returns at once unless the queue is more than `BEHIND` late, or the store fails: then it waits.

        Raises StoreUnavailable.
        """
        if self._failing or self._late():
            await self.submit(operation)
        else:
            self._put(_Waiting(operation, self._clock(), None))

    def post(self, operation: Operation) -> bool:
        """Write it when the store can, however long that takes; False, and counted, if there is no place for it."""
        if len(self._queue) >= self._pace.waiting:
            self._dropped += 1
            return False
        self._put(_Waiting(operation, self._clock(), None))
        return True

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._something.wait()
            if self._others_will_come():
                await self._sleep(self._pace.gather)
            group = self._take()
            if not await self._write(group):
                await self._sleep(self._pace.again)

    async def flush(self, seconds: float) -> int:
        """Wait until everything is written, `seconds` at most; how much is left."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            _log.warning("operations were not written in time", extra={"left": len(self._queue)})
        return len(self._queue)

    def _late(self) -> bool:
        return bool(self._queue) and self._clock() - self._queue[0].since > BEHIND

    def _put(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        self._something.set()
        self._empty.clear()

    def _others_will_come(self) -> bool:
        return len(self._queue) < FEW and self._rate * self._pace.gather >= WORTH

    def _take(self) -> list[_Waiting]:
        count = min(self._pace.group, len(self._queue))
        now = self._clock()
        passed = max(now - self._taken_at, 1e-6)
        self._rate += (count / passed - self._rate) * min(passed / REMEMBERED, 1.0)
        self._taken_at = now
        return [self._queue.popleft() for _ in range(count)]

    async def _write(self, group: Sequence[_Waiting]) -> bool:
        """Whether the store took them, or there is somebody to tell that it did not."""
        try:
            outcome = await self._writer.run([waiting.operation for waiting in group])
        except StoreUnavailable as unavailable:
            return self._not_written(group, unavailable)
        except Exception as error:  # noqa: BLE001 - one operation with a fault of ours must not stop all others
            return await self._apart(group, error)
        self._groups += 1
        self._written += len(group)
        if self._failing:
            self._failing = False
            _log.info("the store is there again")
        self._heard(outcome)
        for waiting, result in zip(group, outcome.results, strict=True):
            if waiting.answer is not None and not waiting.answer.done():
                waiting.answer.set_result(result)
        self._settle_events()
        return True

    async def _apart(self, group: Sequence[_Waiting], error: Exception) -> bool:
        """Write each alone; the one that cannot be written even so is given up, loudly."""
        if len(group) > 1:
            return all([await self._write([waiting]) for waiting in group])
        waiting = group[0]
        _log.error("an operation cannot be written", exc_info=error)
        self._failures += 1
        if waiting.answer is None:
            self._dropped += 1
        elif not waiting.answer.done():
            waiting.answer.set_exception(StoreUnavailable(f"it cannot be recorded ({type(error).__name__})"))
        self._settle_events()
        return True

    def _not_written(self, group: Sequence[_Waiting], unavailable: StoreUnavailable) -> bool:
        """Tell those who wait; put the others back in their places."""
        self._failures += 1
        if not self._failing:
            self._failing = True
            _log.error("the store is not there", extra={"cause": str(unavailable)})
        posted = [waiting for waiting in group if waiting.answer is None]
        for waiting in group:
            if waiting.answer is not None and not waiting.answer.done():
                waiting.answer.set_exception(unavailable)
        self._queue.extendleft(reversed(posted))
        self._settle_events()
        return not posted

    def _settle_events(self) -> None:
        if self._queue:
            self._something.set()
        else:
            self._something.clear()
            self._empty.set()
