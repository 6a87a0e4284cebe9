"""The Merkle tree of the log (RFC 6962, section 2.1): roots, tiles, and proofs that are made of tiles."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from controlplane.store.protocols import Tile
from turnout_wire.tree import HASH_BYTES, PathInvalid, node_hash, root_of_path

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
EMPTY_ROOT = hashlib.sha256(b"").digest()


class ProofInvalid(Exception):
    """A proof does not show what it should; the message says why."""


class Node(NamedTuple):
    """The root of the whole subtree over the leaves [number · 2^height, (number + 1) · 2^height)."""

    height: int
    number: int


class Range(NamedTuple):
    """The leaves [start, end), as a subtree of the tree; `start` is a multiple of every power of two in its length."""

    start: int
    end: int


def tree_root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaves of which these are the hashes."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        odd = [level[-1]] if len(level) % 2 else []
        level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)] + odd
    return level[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The right edge of a tree of `size` leaves: the hashes of each level's last tile, as far as it goes.

    `levels[n]` are the roots of the last whole subtrees of height 8n, side by side, fewer than 256. It is all that growing the
    tree needs.
    """

    size: int = 0
    levels: tuple[tuple[bytes, ...], ...] = ()

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        peaks = [peak for level in reversed(self.levels) for peak in _peaks(level)]
        return _joined(peaks) if peaks else EMPTY_ROOT


def grown(edge: Edge, hashes: Iterable[bytes]) -> tuple[Edge, list[Tile]]:
    """The edge after more leaves, and the tiles that are to be kept: those that became whole, and those above that grew."""
    size, levels = edge.size, [list(level) for level in edge.levels]
    tiles: dict[tuple[int, int], bytes] = {}  # empty while it grows
    for one in hashes:
        size += 1
        rising, level = one, 0
        while True:
            if level == len(levels):
                levels.append([])
            levels[level].append(rising)
            place = (level, (size - 1) >> (TILE_HEIGHT * (level + 1)))
            if level:
                tiles[place] = b""
            if len(levels[level]) < TILE_WIDTH:
                break
            tiles[place] = b"".join(levels[level])
            rising = tree_root(levels[level])
            levels[level].clear()
            level += 1
    made = [
        Tile(level=level, index=index, hashes=whole or b"".join(levels[level]))
        for (level, index), whole in sorted(tiles.items())
    ]
    return Edge(size=size, levels=tuple(map(tuple, levels))), made


def edge_tiles(size: int) -> list[tuple[int, int]]:
    """The kept tiles (level, index) that the edge of a tree of `size` leaves is made of, beside its last leaves."""
    found, level = [], 1
    while size >> (TILE_HEIGHT * level):
        if (size >> (TILE_HEIGHT * level)) % TILE_WIDTH:
            found.append((level, size >> (TILE_HEIGHT * (level + 1))))
        level += 1
    return found


def edge_leaves(size: int) -> Range:
    """The leaves that belong to no whole tile."""
    return Range(size - size % TILE_WIDTH, size)


def edge_from(size: int, leaves: Sequence[bytes], tiles: Callable[[tuple[int, int]], bytes]) -> Edge:
    """The edge, out of the hashes of `edge_leaves(size)` and the tiles `edge_tiles(size)`; tiles that went on growing will do.

    Raises ProofInvalid if there are fewer hashes than there must be.
    """
    wanted = dict(edge_tiles(size))
    levels = [tuple(leaves)]
    for level in range(1, max(wanted, default=0) + 1):
        count = (size >> (TILE_HEIGHT * level)) % TILE_WIDTH
        data = tiles((level, wanted[level])) if count else b""
        levels.append(tuple(split(data)[:count]))
    for level, hashes in enumerate(levels):
        expected = (size >> (TILE_HEIGHT * level)) % TILE_WIDTH
        if len(hashes) != expected:
            raise ProofInvalid(
                f"the right edge of a tree of {size} leaves has {len(hashes)} hashes on level {level}, not {expected}"
            )
    return Edge(size=size, levels=tuple(levels))


def split(hashes: bytes) -> list[bytes]:
    """Hashes that stand side by side, each."""
    return [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]


def _peaks(level: Sequence[bytes]) -> Iterator[bytes]:
    """The roots of the whole subtrees that fewer than 256 hashes make, the largest first."""
    start = 0
    for bit in reversed(range(TILE_HEIGHT)):
        width = 1 << bit
        if len(level) & width:
            yield tree_root(level[start : start + width])
            start += width


def _joined(peaks: Sequence[bytes]) -> bytes:
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


# --- proofs: which ranges, which nodes of them, which tiles -------------------------------------------------------------------


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The subtrees whose roots prove that leaf `index` is in the tree of `size` leaves (PATH of RFC 6962), nearest first.

    Raises ValueError if there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size} leaves")
    found, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split_at(end - start)
        if index < middle:
            found.append(Range(middle, end))
            end = middle
        else:
            found.append(Range(start, middle))
            start = middle
    return found[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The subtrees whose roots prove that the tree of `new` leaves begins with that of `old` (PROOF of RFC 6962).

    Raises ValueError unless 0 < old ≤ new.
    """
    if not 0 < old <= new:
        raise ValueError(
            f"no consistency proof from {old} to {new} leaves: the older tree has at least 1, and not more"
        )
    found, start, end, whole = [], 0, new, True
    while end != old:
        middle = start + _split_at(end - start)
        if old <= middle:
            found.append(Range(middle, end))
            end = middle
        else:
            found.append(Range(start, middle))
            start, whole = middle, False
    return ([] if whole else [Range(start, end)]) + found[::-1]


def _split_at(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def nodes(of: Range) -> list[Node]:
    """The whole subtrees that a range consists of, left to right."""
    found, start = [], of.start
    while start < of.end:
        height = (of.end - start).bit_length() - 1
        found.append(Node(height, start >> height))
        start += 1 << height
    return found


def tile_of(node: Node) -> tuple[int, int]:
    """The tile (level, index) that a node can be worked out from."""
    level, within = divmod(node.height, TILE_HEIGHT)
    return level, node.number >> (TILE_HEIGHT - within)


def range_root(of: Range, tiles: Callable[[tuple[int, int]], Sequence[bytes]]) -> bytes:
    """The root of a range, out of the hashes of the tiles that its nodes are in. Raises ProofInvalid if a tile is too short."""
    return _joined([_from_tile(node, tiles(tile_of(node))) for node in nodes(of)])


def _from_tile(node: Node, hashes: Sequence[bytes]) -> bytes:
    within = node.height % TILE_HEIGHT
    start = (node.number << within) % TILE_WIDTH
    below = hashes[start : start + (1 << within)]
    if len(below) != 1 << within:
        level, index = tile_of(node)
        raise ProofInvalid(
            f"tile {index} of level {level} has {len(hashes)} hashes, and {start + (1 << within)} are needed"
        )
    return tree_root(below)


# --- checking proofs ----------------------------------------------------------------------------------------------------------


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """That the leaf of hash `leaf` is at `index` of the tree of `size` leaves with `root` (RFC 9162, section 2.1.3.2).

    Raises ProofInvalid.
    """
    try:
        found = root_of_path(leaf, index, size, path)
    except PathInvalid as error:
        raise ProofInvalid(str(error)) from error
    if found != root:
        raise ProofInvalid(f"leaf {index} is not in the tree of {size} leaves with this root")


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    """That the tree of `new` leaves begins with that of `old` (RFC 9162, section 2.1.4.2). Raises ProofInvalid."""
    if not 0 <= old <= new:
        raise ProofInvalid(f"a log does not shrink from {old} to {new} leaves")
    if old in (0, new):
        _check_trivial(old, new, old_root, new_root, path)
        return
    steps = list(path) if old & (old - 1) else [old_root, *path]
    if not steps:
        raise ProofInvalid("the proof is empty")
    place, last = old - 1, new - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise ProofInvalid("the proof is too long")
        if place % 2 or place == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, step)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofInvalid("the proof is too short")
    if before != old_root or after != new_root:
        raise ProofInvalid(f"the tree of {new} leaves does not begin with that of {old} leaves")


def _check_trivial(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    if path:
        raise ProofInvalid("the proof is too long")
    if old == new and old_root != new_root:
        raise ProofInvalid(f"two trees of {new} leaves have different roots")
    if old == 0 and old_root != EMPTY_ROOT:
        raise ProofInvalid("the root of no leaves is another")
