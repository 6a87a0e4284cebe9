import pytest

from controlplane.audit.merkle import (
    EMPTY_ROOT,
    ProofInvalid,
    Range,
    check_consistency,
    check_inclusion,
    consistency_ranges,
    inclusion_ranges,
    tree_root,
)
from turnout_wire.tree import leaf_hash, node_hash

# The eight leaves of Certificate Transparency's own tests, and the roots of their trees.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(root)
    for root in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]
SIX_TO_EIGHT = [
    bytes.fromhex(step)
    for step in (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert tree_root(HASHES[:size]) == ROOTS[size]


def test_no_leaves_have_the_root_of_nothing() -> None:
    assert ROOTS[0] == EMPTY_ROOT


def test_the_known_consistency_proof_is_made_and_holds() -> None:
    made = [tree_root(HASHES[start:end]) for start, end in consistency_ranges(6, 8)]
    assert made == SIX_TO_EIGHT
    check_consistency(6, 8, ROOTS[6], ROOTS[8], SIX_TO_EIGHT)


def test_the_known_inclusion_proof_is_made_and_holds() -> None:
    # RFC 6962, section 2.1.3: the audit path of d0 in a tree of 7 leaves is [b, h, l].
    b, h = HASHES[1], node_hash(HASHES[2], HASHES[3])
    ell = node_hash(node_hash(HASHES[4], HASHES[5]), HASHES[6])
    assert inclusion_ranges(0, 7) == [Range(1, 2), Range(2, 4), Range(4, 7)]
    check_inclusion(HASHES[0], 0, 7, [b, h, ell], ROOTS[7])


def test_a_leaf_is_not_mistaken_for_a_node() -> None:
    assert leaf_hash(HASHES[0] + HASHES[1]) != node_hash(HASHES[0], HASHES[1])


def test_a_proof_for_another_root_is_refused() -> None:
    with pytest.raises(ProofInvalid, match="does not begin with"):
        check_consistency(6, 8, ROOTS[5], ROOTS[8], SIX_TO_EIGHT)


@pytest.mark.parametrize(("path", "why"), [(SIX_TO_EIGHT[:2], "too short"), ([*SIX_TO_EIGHT, ROOTS[1]], "too long")])
def test_a_proof_of_another_length_is_refused(path: list[bytes], why: str) -> None:
    with pytest.raises(ProofInvalid, match=why):
        check_consistency(6, 8, ROOTS[6], ROOTS[8], path)


def test_a_log_that_shrank_is_refused() -> None:
    with pytest.raises(ProofInvalid, match="does not shrink from 8 to 6"):
        check_consistency(8, 6, ROOTS[8], ROOTS[6], [])


def test_another_tree_of_the_same_size_is_refused() -> None:
    with pytest.raises(ProofInvalid, match="different roots"):
        check_consistency(6, 6, ROOTS[6], ROOTS[5], [])


def test_a_leaf_beyond_the_tree_has_no_proof() -> None:
    with pytest.raises(ValueError, match="no leaf 8"):
        inclusion_ranges(8, 8)
    with pytest.raises(ProofInvalid, match="no leaf 8"):
        check_inclusion(HASHES[0], 8, 8, [], ROOTS[8])
