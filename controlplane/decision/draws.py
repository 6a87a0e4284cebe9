"""One uniform number serves every choice that is drawn in a decision."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")
Lots = Sequence[tuple[Item, float]]
"""Items with their chances: each positive, together 1."""

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
