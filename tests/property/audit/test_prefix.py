"""What the names of exported objects say of what is there."""

from hypothesis import given
from hypothesis import strategies as st

from controlplane.audit.prefix import Piece, checkpoint_name, document_name, listing

PIECES = st.lists(
    st.builds(lambda first, length: Piece(first=first, end=first + length), st.integers(0, 60), st.integers(1, 25)),
    max_size=12,
    unique=True,
)


@given(PIECES, st.integers(0, 90))
def test_the_cover_holds_everything_once_and_the_gaps_hold_the_rest(pieces: list[Piece], size: int) -> None:
    found = listing(piece.name for piece in pieces)
    covered = [index for read in found.cover for index in range(read.start, read.piece.end)]
    assert covered == sorted({index for piece in pieces for index in range(piece.first, piece.end)})
    assert all(read.piece.first <= read.start < read.piece.end for read in found.cover)
    missing = {index for gap in found.gaps(size) for index in range(gap.first, gap.end)}
    assert missing == set(range(size)) - set(covered)
    assert {*found.repeated} | {read.piece for read in found.cover} == set(pieces)


@given(PIECES)
def test_what_is_repeated_is_not_read(pieces: list[Piece]) -> None:
    found = listing(piece.name for piece in pieces)
    held = {index for read in found.cover for index in range(read.piece.first, read.piece.end)}
    assert all(index in held for piece in found.repeated for index in range(piece.first, piece.end))
    assert listing(read.piece.name for read in found.cover).cover == found.cover


def test_names_are_read_back_and_strange_ones_are_told() -> None:
    strange = ["entries/000000000005-000000000004.jsonl.gz", "entries/1-2.jsonl.gz", "document/xyz", "checkpoint/1"]
    found = listing([checkpoint_name(7), document_name(bytes(32)), "readme.txt", *strange])
    assert found.checkpoints == (7,)
    assert found.documents == {bytes(32)}
    assert found.strange == tuple(strange)
    assert found.end == 0


def test_a_log_with_more_than_a_million_million_entries_has_names_too() -> None:
    piece = Piece(first=10**12, end=10**12 + 5)
    assert [read.piece for read in listing([piece.name]).cover] == [piece]
