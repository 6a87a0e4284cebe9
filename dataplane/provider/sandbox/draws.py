"""Repeatable draws: the same seed and the same parts always give the same numbers."""

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1
_SEPARATOR = b"\x1f"


def digest(*parts: str | int) -> int:
    """A 64-bit digest of `parts`, the same in every process and Python version."""
    return int.from_bytes(blake2b(_SEPARATOR.join(_encoded(part) for part in parts), digest_size=8).digest(), "big")


def _encoded(part: str | int) -> bytes:
    return str(part).encode("utf-8", "surrogatepass")


class Draws:
    """A stream of numbers from one 64-bit state.

    The generator is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014):
    cheap to start, where Mersenne Twister first fills 624 words.
    """

    __slots__ = ("_state",)

    def __init__(self, state: int) -> None:
        self._state = state & _MASK

    def bits(self) -> int:
        """The next 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def unit(self) -> float:
        """A number in [0, 1)."""
        return (self.bits() >> 11) * (1.0 / (1 << 53))

    def below(self, bound: int) -> int:
        """A whole number in [0, bound)."""
        return self.bits() % bound

    def between(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + self.bits() % (high - low + 1)

    def pick(self, choices: Sequence[T]) -> T:
        """One of `choices`, which is not empty."""
        return choices[self.bits() % len(choices)]

    def normal(self) -> float:
        """A draw from the standard normal distribution (Box and Muller 1958)."""
        return math.sqrt(-2.0 * math.log(1.0 - self.unit())) * math.cos(math.tau * self.unit())

    def lognormal(self, median: float, sigma: float) -> float:
        """A positive draw with the given median; `sigma` 0 gives the median itself."""
        return median * math.exp(sigma * self.normal()) if sigma else median
