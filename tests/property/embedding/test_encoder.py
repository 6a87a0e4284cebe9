"""A vector depends on the text alone."""

from itertools import pairwise
from math import floor, isqrt
from typing import Any
from zlib import crc32

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_embedding import DIMENSIONS, STATIC, Encoder
from turnout_embedding.hashing import SIZES, WORD
from turnout_embedding.pieces import Vocabulary
from turnout_embedding.rounding import LARGEST, LENGTH, rounded
from turnout_embedding.weights import LARGEST_IMPORTANCE, read
from turnout_embedding.words import LONGEST, MOST_WORDS, words

WEIGHTS = read()
TEXTS = st.text(max_size=300) | st.lists(
    st.sampled_from(["a", "the", "model", "of", "Straße", "数据", "🙂", "don't", "x1", "ไทย"]), max_size=80
).map(" ".join)


def plainly(text: str) -> bytes:
    """The vector, with numbers of any size, word by word, without a cache."""
    found, total = words(text), [0] * DIMENSIONS
    importances: list[int] = []
    for word in found:
        pieces = WEIGHTS.vocabulary.rows(word)[:LONGEST]
        for piece in pieces:
            for at in range(STATIC):
                total[at] += int(WEIGHTS.rows[piece][at]) * int(WEIGHTS.factors[piece])
        importances.append(max([int(WEIGHTS.importance[piece]) for piece in pieces], default=LARGEST_IMPORTANCE))
        hash_into(total, crc(word), WORD * importances[-1])
        marked = f"<{word}>"
        for size in SIZES:
            for start in range(len(marked) - size + 1):
                hash_into(total, crc(marked[start : start + size]), importances[-1])
    for (one, other), (weight, more) in zip(pairwise(found), pairwise(importances), strict=True):
        hash_into(total, crc(one) * 0x85EBCA6B + crc(other), 2 * (weight + more))
    return bytes(number % 256 for half in (total[:STATIC], total[STATIC:]) for number in rounded_plainly(half, total))


def crc(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"))


def hash_into(total: list[int], number: int, weight: int) -> None:
    """Add with the sign and in the dimension that the highest bits say."""
    slot = (number * 0x9E3779B1 & 0xFFFFFFFF) >> 23
    total[STATIC + slot % 256] += weight if slot < 256 else -weight


def rounded_plainly(half: list[int], total: list[int]) -> list[int]:
    shift = max(max(map(abs, [max(total), min(total)])).bit_length() - 23, 0)
    scaled = [number >> shift for number in half]
    length = isqrt(sum([number * number for number in scaled]) << 32) or 1
    near = [floor((number * (512 << 16) + length) / (2 * length)) for number in scaled]
    return [min(max(number, -127), 127) for number in near]


@settings(max_examples=60, deadline=None)
@given(TEXTS | TEXTS.map(lambda text: text * 200))
def test_caches_and_chunks_add_up_to_what_plain_arithmetic_says(text: str) -> None:
    assert Encoder(WEIGHTS)(text) == plainly(text)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_texts_and_what_is_cached_change_no_byte(texts: list[str], chance: Any) -> None:
    first, second = Encoder(WEIGHTS), Encoder(WEIGHTS, cached_words=0)
    vectors = {text: first(text) for text in texts}
    shuffled = [*texts, *texts]
    chance.shuffle(shuffled)
    assert all(second(text) == vectors[text] for text in shuffled)


@settings(max_examples=2, deadline=None)
@given(st.integers(0, 2**32))
def test_a_full_cache_that_forgets_changes_no_byte(seed: int) -> None:
    draw = np.random.default_rng(seed)
    small, whole = Encoder(WEIGHTS, cached_words=0), Encoder(WEIGHTS)
    for _ in range(6):
        text = " ".join(f"w{number}" for number in draw.integers(0, 1_500, 600))
        assert small(text) == whole(text)


@given(st.text())
def test_words_are_bounded_and_none_is_empty(text: str) -> None:
    found = words(text)
    assert len(found) <= MOST_WORDS
    assert all(0 < len(word) <= LONGEST for word in found)


@given(st.text(alphabet="abcdefgh", min_size=1, max_size=20))
def test_pieces_put_together_are_the_word(word: str) -> None:
    pieces = ["a", "b", "ab", "abc", "##a", "##b", "##c", "##bc", "##d", "##e", "##fgh", "##f"]
    found = [pieces[row].removeprefix("##") for row in Vocabulary.of(pieces).rows(word)]
    assert not found or "".join(found) == word


@given(st.integers(0, 2**32), st.integers(0, 22), st.integers(0, 8))
def test_rounding_is_that_of_exact_arithmetic(seed: int, first: int, more: int) -> None:
    parts = np.random.default_rng(seed).integers(-(2**31), 2**31, (2, STATIC)) >> np.array([[first], [first + more]])
    parts = parts.astype(np.float64)
    scale = LENGTH / np.maximum(np.sqrt((parts**2).sum(axis=1, keepdims=True)), 1)
    exact = (parts * scale).clip(-LARGEST, LARGEST)
    assert (np.abs(rounded(parts) - exact) < 0.51).all()
