"""Proofs out of what the store keeps of the tree: a handful of tiles, and at most 255 hashes of leaves."""

from collections.abc import Sequence

from controlplane.audit.merkle import (
    EMPTY_ROOT,
    TILE_WIDTH,
    Edge,
    Range,
    consistency_ranges,
    edge_from,
    edge_leaves,
    edge_tiles,
    inclusion_ranges,
    nodes,
    range_root,
    split,
    tile_of,
)
from controlplane.store.protocols import Tree

Place = tuple[int, int]


class Proofs:
    """Makes proofs. Every method raises StoreUnavailable, and ProofInvalid if the store lacks what it must have."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    async def inclusion(self, index: int, size: int) -> Sequence[bytes]:
        """That leaf `index` is in the tree of `size` leaves: hashes, nearest first. Raises ValueError if there is no such leaf."""
        return await self._roots(inclusion_ranges(index, size), size)

    async def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """That the tree of `new` leaves begins with that of `old`. Raises ValueError unless 0 < old ≤ new."""
        return await self._roots(consistency_ranges(old, new), new)

    async def root(self, size: int) -> bytes:
        """The root that the tree had at `size` leaves."""
        return (await self._roots([Range(0, size)], size))[0] if size else EMPTY_ROOT

    async def edge(self, size: int) -> Edge:
        """What the tree of `size` leaves grows from."""
        kept = await self._tree.tiles(edge_tiles(size)) if size >= TILE_WIDTH else {}
        last = edge_leaves(size)
        leaves = await self._tree.leaf_hashes(last.start, last.end) if last.end > last.start else ()
        return edge_from(size, leaves, lambda place: kept[place].hashes if place in kept else b"")

    async def _roots(self, ranges: Sequence[Range], size: int) -> Sequence[bytes]:
        wanted = {tile_of(node) for one in ranges for node in nodes(one)}
        read: dict[Place, Sequence[bytes]] = {
            place: split(tile.hashes) for place, tile in (await self._tree.tiles(wanted)).items()
        }
        for place in wanted - read.keys():
            read[place] = await self._last(place, size)
        return [range_root(one, read.__getitem__) for one in ranges]

    async def _last(self, place: Place, size: int) -> Sequence[bytes]:
        """The tile of leaves that is not whole; nothing for tiles above, which are always kept."""
        level, index = place
        start = index * TILE_WIDTH
        return await self._tree.leaf_hashes(start, min(start + TILE_WIDTH, size)) if level == 0 else ()
