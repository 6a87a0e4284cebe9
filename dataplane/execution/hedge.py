"""Two calls for one answer where the first one is late: the first content wins, and the other call ends."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from dataplane.execution.live import LiveCall
from dataplane.execution.run import Content
from dataplane.execution.step import Attempt, Called, Raced, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeSettings:
    """After how long without any content a second target is called, for at most `budget` of all runs.

    Source of the rule: Dean and Barroso, "The Tail at Scale", CACM 2013: to wait for the usual 95th percentile first bounds what it costs.
    """

    after: timedelta
    budget: float = 0.05

    def __post_init__(self) -> None:
        if self.after <= timedelta(0) or not 0 < self.budget <= 1:
            raise ValueError("a hedge needs a time to wait and a budget in (0, 1]")


class HedgeBudget:
    """Each run adds `share` of a hedge, so that there are never more than that share of all runs; `most` are kept for a bad moment."""

    def __init__(self, share: float, most: float = 10.0) -> None:
        self._share = share
        self._most = most
        self._saved = 0.0

    def deposit(self) -> None:
        """A run begins."""
        self._saved = min(self._saved + self._share, self._most)

    def take(self) -> bool:
        """Whether there is a hedge left; it is spent if there is."""
        if self._saved < 1.0 - _DUST:
            return False
        self._saved -= 1.0
        return True


_DUST = 1e-9
"""What twenty twentieths may lack to be one."""


class HedgedCall:
    """Iterate over the content of whichever call gives the first, as over a LiveCall; afterwards `report` says how both ended.

    `begin` begins the second call when nothing came of the first for `after` seconds; it gives None where that is not allowed.
    The call that is overtaken is cancelled, and closed while the other one's content is passed on already.
    """

    def __init__(self, first: LiveCall, begin: Callable[[], LiveCall | Refusal | None], *, after: float) -> None:
        self._first = first
        self._begin = begin
        self._after = after
        self._second: LiveCall | Refusal | None = None
        self._reading: dict[asyncio.Task[Content | None], LiveCall] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._open = [first]
        self._raced = False
        self.answering = first

    @property
    def attempt(self) -> Attempt:
        """The attempt that gives the content."""
        return self.answering.attempt

    @property
    def report(self) -> Called | Raced:
        """How the calls ended, once the context is left."""
        if self._second is None:
            return self._first.called
        second = self._second if isinstance(self._second, Refusal) else self._second.called
        return Raced(first=self._first.called, second=second)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is left: first what lost, last what answered, so that its record is the last."""
        try:
            for task in self._reading:
                task.cancel()
            if left := [*self._reading, *self._closing]:
                await asyncio.wait(left)
        finally:
            await self._leave(kind, error, trace)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Content:
        """The next content. Raises StopAsyncIteration when the call that answers is over, or both are."""
        if self._raced:
            return await anext(self.answering)
        self._raced = True
        content = await self._race()
        if content is None:
            raise StopAsyncIteration
        return content

    async def _race(self) -> Content | None:
        self._read(self._first)
        await asyncio.wait(self._reading, timeout=self._after)
        if not any(task.done() for task in self._reading):
            self._second = self._begin()
            if isinstance(self._second, LiveCall):
                self._open.insert(0, self._second)
                self._read(self._second)
        while self._reading:
            await asyncio.wait(self._reading, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in self._reading if task.done()]:
                live = self._reading.pop(task)
                content = task.result()
                if content is not None or live.succeeded:
                    self._win(live)
                    return content
                self._close(live)
        return None

    def _read(self, live: LiveCall) -> None:
        self._reading[asyncio.create_task(_next(live))] = live

    def _win(self, live: LiveCall) -> None:
        self.answering = live
        for task, other in self._reading.items():
            self._close(other, task)
        self._reading.clear()

    def _close(self, live: LiveCall, task: "asyncio.Task[Content | None] | None" = None) -> None:
        self._open.remove(live)
        self._closing.add(asyncio.create_task(_closed(live, task)))

    async def _leave(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._open:
            return
        live = self._open.pop(0)
        try:
            await live.__aexit__(kind, error, trace)
        finally:
            await self._leave(kind, error, trace)


async def _next(live: LiveCall) -> Content | None:
    return await anext(live, None)


async def _closed(live: LiveCall, task: "asyncio.Task[Content | None] | None") -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
        live.overtaken()
    await live.__aexit__(None, None, None)
