"""The addresses of one plane: asked in turn, each failure that proves harmless passed on to the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from turnout_client.call import closed_meanwhile
from turnout_client.deadline import Deadline
from turnout_client.error_codec import error
from turnout_client.errors import TurnoutError
from turnout_client.invalid import invalid
from turnout_client.line import Line, Refused, open_line
from turnout_client.rotation import Rest, Rotation

Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a plane is tried. `connect`: seconds for one connection; `rounds`: how often everyone is asked.

    Between rounds it waits full jitter, between 0 and `wait` × 2^(round - 1) seconds but `longest_wait` at most, or as long
    as a server asked for.
    """

    connect: float = 2.0
    rounds: int = 4
    wait: float = 0.2
    longest_wait: float = 2.0
    rest: Rest = field(default_factory=Rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a client takes from outside: time, waiting and chance."""

    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    draw: Callable[[], float]
    new_id: Callable[[], str]


class Pool:
    """One plane. `name` is the argument that its addresses came by. Lines are opened by the first call, in its event loop."""

    def __init__(
        self,
        name: str,
        addresses: Sequence[str],
        around: Surroundings,
        patience: Patience,
        open_line: Callable[[str], Line] = open_line,
    ) -> None:
        self._open_line = open_line
        self.name = name
        self.addresses = tuple(addresses)
        self._around = around
        self._patience = patience
        self._rotation = Rotation(len(self.addresses), patience.rest)
        self._lines: tuple[Line, ...] = ()
        self._closed = False

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines. Raises RuntimeError after `close`, InvalidRequest if there are no addresses."""
        if self._closed:
            raise RuntimeError("the client is closed")
        if not self.addresses:
            raise invalid(self.name, f"the client has no addresses; give them as {self.name}=[...]")
        if not self._lines:
            self._lines = tuple(map(self._open_line, self.addresses))
        return self._lines

    async def run(
        self, call: Callable[[Line], Awaitable[Answered]], deadline: Deadline, *, decision_id: str = ""
    ) -> Answered:
        """What `call` gives for the first line that takes it. Raises TurnoutError.

        `call` raises Refused when nothing ran; every other exception ends the run.
        """
        lines, made = self.lines, 0
        while True:
            made += 1
            refusals: list[Refused] = []
            for number in self._rotation.order(self._around.clock()):
                try:
                    return await self._ask(lines[number], number, call, deadline)
                except Refused as refused:
                    refusals.append(refused)
                if deadline.remaining() <= 0:
                    break
            wait = self._wait(made, refusals)
            if wait is None or wait >= deadline.remaining():
                raise _told(refusals, decision_id)
            await self._around.sleep(wait)

    async def _ask(
        self, line: Line, number: int, call: Callable[[Line], Awaitable[Answered]], deadline: Deadline
    ) -> Answered:
        try:
            await line.connect(min(self._patience.connect, deadline.left()))
            answered = await call(line)
        except Refused as refused:
            if self._closed:
                raise error(closed_meanwhile()) from None
            hint = refused.failure.retry_after
            self._rotation.set_aside(number, self._around.clock(), hint.total_seconds() if hint else 0.0)
            raise
        self._rotation.welcome(number)
        return answered

    def _wait(self, made: int, refusals: Sequence[Refused]) -> float | None:
        """Seconds before the next round; None if there is none, or if asking again would only add to the load."""
        if made == self._patience.rounds or all(refused.overloaded for refused in refusals):
            return None
        high = min(self._patience.wait * 2.0 ** (made - 1), self._patience.longest_wait)
        hints = [hint.total_seconds() for refused in refusals if (hint := refused.failure.retry_after)]
        return max(self._around.draw() * high, min(hints, default=0.0))

    async def close(self) -> None:
        """Close all lines; what runs on them is cancelled."""
        self._closed = True
        lines, self._lines = self._lines, ()
        await asyncio.gather(*(line.channel.close() for line in lines))


def _told(refusals: Sequence[Refused], decision_id: str) -> TurnoutError:
    """The last refusal that a server gave a reason for, with all of them as notes."""
    spoken = [refused for refused in refusals if refused.failure.reason != "UNREACHABLE"]
    raised = error((spoken or refusals)[-1].failure, decision_id=decision_id)
    for refused in refusals if len(refusals) > 1 else ():
        raised.add_note(str(refused.failure))
    return raised
