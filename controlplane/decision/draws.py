"""One uniform number serves every choice that is drawn in a decision."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")
Lots = Sequence[tuple[Item, float]]
"""Items with their chances: each positive, together 1."""

Chances = list[tuple[int, float]]
"""Places of a field with their chances."""

PROBE_SHARE = 0.05
"""The part of the decisions in which what is usually behind is treated like any other.

A breaker closes when calls succeed, and a deployment that was slow is fast again when it is measured. Were such a one always
behind the others, a strategy that knows one best choice would never send it a call, and it would stay behind for ever.
"""


def mixed(usual: Chances, probing: Chances) -> Chances:
    """The two choices as one, so that a single draw makes it and its chance is the propensity."""
    chances = {place: chance * (1 - PROBE_SHARE) for place, chance in usual}
    for place, chance in probing:
        chances[place] = chances.get(place, 0.0) + chance * PROBE_SHARE
    return list(chances.items())


_BELOW_ONE = 1 - 2**-53


def pick(lots: Lots[Item], draw: float) -> tuple[Item, float, float]:
    """The item that `draw` in [0, 1) falls on, its chance, and what is left of the draw.

    Each item takes a part of [0, 1) as wide as its chance. Where the draw falls within that part, as a share of its
    width, is again uniform in [0, 1) and independent of which item it was: it is the draw for the next choice. So choices
    made one after the other from a single draw are not correlated; a choice among n uses up about log2 n of its 53 bits.
    """
    if len(lots) == 1:
        return lots[0][0], 1.0, draw
    position = draw
    for item, chance in lots[:-1]:
        if position < chance:
            return item, chance, min(position / chance, _BELOW_ONE)
        position -= chance
    item, chance = lots[-1]
    return item, chance, min(max(position, 0.0) / chance, _BELOW_ONE)
