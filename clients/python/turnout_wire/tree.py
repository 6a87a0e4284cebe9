"""Hashes of a Merkle tree (RFC 6962, section 2.1): leaves, nodes, and the root that a path leads to."""

import hashlib
from collections.abc import Sequence

HASH_BYTES = 32


class PathInvalid(Exception):
    """A path does not fit its place and tree; the message says why."""


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of 0x00 and the leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01 and both."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root of the tree of `size` leaves that has the leaf of hash `leaf` at `index` (RFC 9162, section 2.1.3.2).

    Raises PathInvalid.
    """
    if not 0 <= index < size:
        raise PathInvalid(f"there is no leaf {index} in a tree of {size} leaves")
    place, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise PathInvalid("the proof is too long")
        if place % 2 or place == last:
            found = node_hash(step, found)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, step)
        place, last = place >> 1, last >> 1
    if last:
        raise PathInvalid("the proof is too short")
    return found


def root_and_paths(hashes: Sequence[bytes]) -> tuple[bytes, list[tuple[bytes, ...]]]:
    """The root over leaves of which these are the hashes, at least one, and for each leaf the path to it, nearest first."""
    paths: list[list[bytes]] = [[] for _ in hashes]
    level, below = list(hashes), 0
    while len(level) > 1:
        for number, path in enumerate(paths):
            beside = (number >> below) ^ 1
            if beside < len(level):
                path.append(level[beside])
        level = _above(level)
        below += 1
    return level[0], [tuple(path) for path in paths]


def _above(level: Sequence[bytes]) -> list[bytes]:
    """The nodes over a level; what has nothing beside it rises as it is."""
    whole = len(level) & ~1
    made = [node_hash(level[at], level[at + 1]) for at in range(0, whole, 2)]
    return [*made, *level[whole:]]
