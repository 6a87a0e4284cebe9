"""Tokens are counted about as o200k counts them, and a text is the sum of its pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.provider.sandbox.tokens import Approximate, Tokenizer, TokenizerName, tokenizer

SENTENCES = (
    "What is the capital of Mexico, and why did it become the capital?",
    "def fetch(self, *, timeout: float = 3.5) -> bytes:\n    return self._client.get('/v1/items', timeout=timeout)",
    '{"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}',
    "The invoice of 14 March 2026 lists 1,250 switches at 84.90 EUR each; the total is 106,125.00 EUR.",
    "Summarize the report below in three bullet points, and keep every number exactly as it is written.",
)


@pytest.fixture(scope="module")
def exact() -> Tokenizer:
    return tokenizer(TokenizerName.O200K)


@given(st.text())
def test_pieces_join_to_the_text(text: str) -> None:
    assert "".join(Approximate().pieces(text)) == text


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_cut_as_it_would_be_in_a_text_of_other_letters(text: str) -> None:
    longer = text + "\n\u3042"
    assert (
        Approximate().pieces(longer)[: len(Approximate().pieces(text + "\n")) - 1]
        == Approximate().pieces(text + "\n")[:-1]
    )


@pytest.mark.parametrize("text", SENTENCES)
def test_the_approximation_is_within_a_quarter_of_o200k(exact: Tokenizer, text: str) -> None:
    assert abs(Approximate().count(text) - exact.count(text)) <= 0.25 * exact.count(text)


def test_the_approximation_is_within_a_tenth_in_total(exact: Tokenizer) -> None:
    counted = sum(map(Approximate().count, SENTENCES))
    assert abs(counted - sum(map(exact.count, SENTENCES))) <= 0.1 * counted


def test_a_long_text_is_counted_by_the_rate_of_its_start() -> None:
    assert Approximate().count("track " * 20_000) == pytest.approx(
        len(Approximate().pieces("track " * 20_000)), rel=0.01
    )


@pytest.mark.parametrize("text", [*SENTENCES, "日本の首都はどこですか 🚂🛤️", ""])
def test_exact_pieces_join_to_the_text(exact: Tokenizer, text: str) -> None:
    pieces = exact.pieces(text)
    assert "".join(pieces) == text
    assert len(pieces) == exact.count(text)
