"""Small jobs for workers that offer to do them: nothing waits in a queue, for who asks has no time to wait."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from controlplane.routing.further import Away
from controlplane.routing.model import SignedDecision

POOL = "default"
"""The pool whose workers do the control plane's own jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A decision to run, with the payload that it is for, and how long somebody waits."""

    number: int
    decision: SignedDecision
    content_type: str
    body: bytes
    time_left: timedelta


@dataclass(slots=True, kw_only=True, eq=False)
class Seat:
    """A worker's offer: `at_once` jobs at most. `news` are those that it is to be given; it holds no more than that."""

    worker: str
    at_once: int
    news: asyncio.Queue[Job] = field(default_factory=asyncio.Queue)
    waiting: dict[int, "asyncio.Future[str]"] = field(default_factory=dict)


class JobBoard:
    """Knows the seats. Belongs to one event loop."""

    def __init__(self) -> None:
        self._seats: list[Seat] = []
        self._numbers = count(1)

    def take_seat(self, worker: str, at_once: int) -> Seat:
        """A worker is there."""
        seat = Seat(worker=worker, at_once=at_once)
        self._seats.append(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """It is gone, and with it what it was at."""
        self._seats.remove(seat)
        for waiting in seat.waiting.values():
            if not waiting.done():
                waiting.set_exception(Away("the worker that was asked is gone"))
                waiting.exception()  # that nobody may look at it is no fault

    def done(self, seat: Seat, number: int, answer: str | None, reason: str) -> None:
        """The text of an answer, or the reason why there is none. A number that is not waited for changes nothing."""
        waiting = seat.waiting.pop(number, None)
        if waiting is None or waiting.done():
            return
        if answer is None:
            waiting.set_exception(Away(f"the run ended with {reason}"))
        else:
            waiting.set_result(answer)

    def check(self) -> None:
        """Raises Away if nobody could do a job now: then nothing need be decided for it."""
        self._free()

    async def do(self, decision: SignedDecision, content_type: str, body: bytes, time_left: timedelta) -> str:
        """The text of the answer. Raises Away: no worker has a hand free, or the one that had it is gone, or failed.

        Who stops waiting leaves the worker at it until its result comes: its hand is not free before.
        """
        seat, number = self._free(), next(self._numbers)
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        seat.waiting[number] = waiting
        job = Job(number=number, decision=decision, content_type=content_type, body=body, time_left=time_left)
        seat.news.put_nowait(job)
        return await waiting

    def _free(self) -> Seat:
        if not self._seats:
            raise Away("no worker takes jobs; start one with --jobs")
        seat = min(self._seats, key=lambda each: len(each.waiting) / each.at_once)
        if len(seat.waiting) >= seat.at_once:
            raise Away("all workers that take jobs have their hands full")
        return seat
