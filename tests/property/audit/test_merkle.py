import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.audit.merkle import (
    TILE_WIDTH,
    Edge,
    ProofInvalid,
    Range,
    check_consistency,
    check_inclusion,
    consistency_ranges,
    edge_from,
    edge_leaves,
    edge_tiles,
    grown,
    inclusion_ranges,
    nodes,
    range_root,
    split,
    tile_of,
    tree_root,
)
from turnout_wire.tree import leaf_hash

MANY = 70_000
"""More than one whole tile of level 1."""
sizes = st.integers(1, 600)


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(count)]


def by_definition(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written."""
    if len(hashes) == 0:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(hashes[:k]) + by_definition(hashes[k:])).digest()


def path_by_definition(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    if len(hashes) == 1:
        return []
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if index < k:
        return [*path_by_definition(index, hashes[:k]), by_definition(hashes[k:])]
    return [*path_by_definition(index - k, hashes[k:]), by_definition(hashes[:k])]


def proof_by_definition(old: int, hashes: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    if old == len(hashes):
        return [] if whole else [by_definition(hashes)]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if old <= k:
        return [*proof_by_definition(old, hashes[:k], whole=whole), by_definition(hashes[k:])]
    return [*proof_by_definition(old - k, hashes[k:], whole=False), by_definition(hashes[:k])]


@given(sizes)
def test_the_root_is_that_of_the_definition(size: int) -> None:
    assert tree_root(leaves(size)) == by_definition(leaves(size))


@given(st.lists(st.integers(0, 700), max_size=6))
def test_a_tree_that_grows_in_parts_has_the_root_of_the_whole(parts: list[int]) -> None:
    edge, all_leaves = Edge(), leaves(sum(parts))
    for part in parts:
        edge, _ = grown(edge, all_leaves[edge.size : edge.size + part])
    assert edge.root == by_definition(all_leaves)


@given(sizes.flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_inclusion_proofs_are_those_of_the_definition_and_hold(case: tuple[int, int]) -> None:
    size, index = case
    hashes = leaves(size)
    path = [tree_root(hashes[start:end]) for start, end in inclusion_ranges(index, size)]
    assert path == path_by_definition(index, hashes)
    check_inclusion(hashes[index], index, size, path, tree_root(hashes))


@given(sizes.flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size))))
def test_consistency_proofs_are_those_of_the_definition_and_hold(case: tuple[int, int]) -> None:
    size, old = case
    hashes = leaves(size)
    path = [tree_root(hashes[start:end]) for start, end in consistency_ranges(old, size)]
    assert path == proof_by_definition(old, hashes)
    check_consistency(old, size, tree_root(hashes[:old]), tree_root(hashes), path)


@given(sizes.flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1), st.integers(0, size - 1))))
def test_an_inclusion_proof_proves_no_other_place_and_no_other_leaf(case: tuple[int, int, int]) -> None:
    size, index, other = case
    hashes = leaves(size)
    path = [tree_root(hashes[start:end]) for start, end in inclusion_ranges(index, size)]
    if other != index:
        with pytest.raises(ProofInvalid):
            check_inclusion(hashes[index], other, size, path, tree_root(hashes))
        with pytest.raises(ProofInvalid):
            check_inclusion(hashes[other], index, size, path, tree_root(hashes))


@given(
    st.integers(2, 300).flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size - 1))), st.integers(0, 299)
)
def test_a_changed_leaf_breaks_consistency(case: tuple[int, int], which: int) -> None:
    size, old = case
    hashes = leaves(size)
    changed = list(hashes)
    changed[which % old] = leaf_hash(b"changed")
    path = [tree_root(changed[start:end]) for start, end in consistency_ranges(old, size)]
    with pytest.raises(ProofInvalid):
        check_consistency(old, size, tree_root(hashes[:old]), tree_root(changed), path)


class Kept:
    """Tiles as a store keeps them, and which were read."""

    def __init__(self, count: int, step: int = 1000) -> None:
        self.hashes, self.edge = leaves(count), Edge()
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.read: set[tuple[int, int]] = set()
        for start in range(0, count, step):
            self.edge, tiles = grown(self.edge, self.hashes[start : start + step])
            self.tiles.update({(tile.level, tile.index): tile.hashes for tile in tiles})

    def __call__(self, place: tuple[int, int]) -> list[bytes]:
        self.read.add(place)
        level, index = place
        if level == 0:
            return self.hashes[index * TILE_WIDTH : (index + 1) * TILE_WIDTH]
        return split(self.tiles[place])


@pytest.fixture(scope="module")
def kept() -> Kept:
    return Kept(MANY)


@given(size=st.integers(1, MANY), part=st.floats(0, 1, exclude_max=True))
def test_proofs_from_tiles_read_few_of_them_at_every_size(kept: Kept, size: int, part: float) -> None:
    index = int(size * part)
    root = edge_from(size, kept.hashes[slice(*edge_leaves(size))], lambda place: kept.tiles[place]).root
    kept.read.clear()
    path = [range_root(one, kept) for one in inclusion_ranges(index, size)]
    assert len(kept.read) <= 6
    check_inclusion(kept.hashes[index], index, size, path, root)
    old = max(1, index)
    before = edge_from(old, kept.hashes[slice(*edge_leaves(old))], lambda place: kept.tiles[place]).root
    proof = [range_root(one, kept) for one in consistency_ranges(old, size)]
    check_consistency(old, size, before, root, proof)
    assert len(kept.read) <= 10


def test_only_whole_tiles_are_kept_of_leaves_and_growing_ones_above(kept: Kept) -> None:
    assert {len(data) // 32 for (level, _), data in kept.tiles.items() if level == 0} == {TILE_WIDTH}
    assert len(kept.tiles[1, 1]) // 32 == MANY // TILE_WIDTH - TILE_WIDTH
    assert len(kept.tiles[2, 0]) // 32 == 1


def test_a_million_leaves_need_logarithmically_many_tiles() -> None:
    size = 1_000_000
    for index in (0, 1, 255, 256, 65_535, 65_536, 500_000, 983_039, 983_040, 999_999):
        inclusion = {tile_of(node) for one in inclusion_ranges(index, size) for node in nodes(one)}
        consistency = {tile_of(node) for one in consistency_ranges(index + 1, size) for node in nodes(one)}
        assert len(inclusion) <= 6
        assert len(consistency) <= 8
    assert edge_tiles(size) == [(1, 15), (2, 0)]


@given(st.integers(0, 3000))
def test_an_edge_can_be_read_again(size: int) -> None:
    edge, tiles = grown(Edge(), leaves(size))
    kept = {(tile.level, tile.index): tile.hashes for tile in tiles}
    again = edge_from(size, leaves(size)[slice(*edge_leaves(size))], lambda place: kept[place])
    assert again.root == edge.root
    assert grown(again, leaves(10))[0].root == grown(edge, leaves(10))[0].root


def test_an_edge_with_a_missing_leaf_is_refused() -> None:
    with pytest.raises(ProofInvalid, match="has 9 hashes on level 0, not 10"):
        edge_from(10, leaves(9), lambda _: b"")


def test_a_range_is_made_of_whole_subtrees() -> None:
    assert [(node.height, node.number) for node in nodes(Range(4, 7))] == [(1, 2), (0, 6)]
