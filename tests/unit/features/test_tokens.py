"""Tokens are those of o200k, whatever stands in the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_features import o200k_tokens, prepare_merges, tokens
from turnout_features.tokens import EXACT

# Two independent implementations of the vocabulary agree on these.
KNOWN = {
    "": 0,
    " ": 1,
    "hello world": 2,
    "What is the capital of France?": 7,
    "antidisestablishmentarianism": 6,
    "a" * 64: 8,
    "漢字": 2,
    "<|endoftext|>": 7,
    "a <|endoftext|> b <|endofprompt|>": 16,
}


@pytest.mark.parametrize("text", KNOWN, ids=repr)
def test_known_texts_have_their_known_number_of_tokens(text: str) -> None:
    assert o200k_tokens(text) == KNOWN[text]


def test_what_looks_like_a_special_token_counts_as_the_text_that_it_is() -> None:
    assert o200k_tokens("<|endoftext|>" * 100) > 500


def test_half_a_character_counts_as_its_replacement() -> None:
    assert o200k_tokens("a\ud800b") == o200k_tokens("a?b")


@given(st.text(), st.text())
def test_more_text_never_has_fewer_tokens_than_its_bytes_allow(one: str, other: str) -> None:
    together = o200k_tokens(one + " " + other)
    assert together <= len((one + other).encode("utf-8")) + 1
    assert (together > 0) or not (one + other)


@pytest.mark.parametrize(
    "text", ["The invoice lists 1,250 switches. ", "日本の首都はどこですか。", "a"], ids=["en", "ja", "a"]
)
def test_a_very_long_text_is_counted_by_samples(text: str) -> None:
    long = text * (EXACT // len(text))
    assert o200k_tokens(long * 4) == pytest.approx(4 * o200k_tokens(long), rel=0.01)


def test_a_long_text_of_two_kinds_counts_both() -> None:
    plain, dense = "the invoice " * 40_000, "漢字仮名" * 120_000
    assert o200k_tokens(plain + dense) == pytest.approx(o200k_tokens(plain) + o200k_tokens(dense), rel=0.1)


def test_of_a_long_text_no_more_is_counted_than_of_the_longest_that_is_counted_whole() -> None:
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "_count", count)
        o200k_tokens("a" * 8_000_000)
    assert [len(text) for text in counted] == [EXACT]


def test_the_table_of_merges_may_be_made_twice() -> None:
    prepare_merges()
    prepare_merges()
    assert o200k_tokens("a" * 64) == KNOWN["a" * 64]
