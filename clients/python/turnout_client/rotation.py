"""Whom to ask next: in turn, and those that could not take a call after the others."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """How long an address is set aside, in seconds: `first`, twice as long each time in a row, never longer than `longest`."""

    first: float = 0.5
    longest: float = 5.0


class Rotation:
    """Addresses by number, from 0. The clock is an argument of each call, in monotonic seconds.

    Setting aside only changes the order: if all rest, the one that is back first is still asked.
    """

    def __init__(self, size: int, rest: Rest) -> None:
        self._rest = rest
        self._back_at = [0.0] * size
        self._in_a_row = [0] * size
        self._turn = 0

    def order(self, now: float) -> list[int]:
        """Everyone once, the next in turn first."""
        numbers = range(len(self._back_at))
        there = [number for number in numbers if self._back_at[number] <= now]
        resting = sorted((at, number) for number, at in enumerate(self._back_at) if at > now)
        start = self._turn % len(there) if there else 0
        self._turn += 1
        return [*there[start:], *there[:start], *(number for _, number in resting)]

    def set_aside(self, number: int, now: float, hint: float = 0.0) -> None:
        """Ask others first for a while: as long as the address itself said, but never longer than the longest rest."""
        if self._back_at[number] <= now:  # calls that fail together are one failure
            self._in_a_row[number] += 1
        doubled = self._rest.first * 2.0 ** min(self._in_a_row[number] - 1, 30)
        self._back_at[number] = now + min(max(doubled, hint), self._rest.longest)

    def welcome(self, number: int) -> None:
        """It took a call: nothing is held against it any more."""
        self._back_at[number] = 0.0
        self._in_a_row[number] = 0
