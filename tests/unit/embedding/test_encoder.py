"""What the vectors of the static encoder say."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from tools.encoder_weights import digest_of
from turnout_embedding import DIMENSIONS, STATIC, Encoder, load
from turnout_embedding.rounding import LENGTH
from turnout_embedding.weights import ABOUT, AT_ONCE, FOLDER, LARGEST_FACTOR, ROWS, read
from turnout_embedding.words import LONGEST, MOST_CHARACTERS, MOST_WORDS, words


@pytest.fixture(scope="module")
def encode() -> Encoder:
    return load()


def parts(encode: Encoder, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    vector = np.frombuffer(encode(text), np.int8).astype(np.int64)
    return vector[:STATIC], vector[STATIC:]


def alike(encode: Encoder, one: str, other: str) -> float:
    """The cosine of the first parts."""
    return float(parts(encode, one)[0] @ parts(encode, other)[0]) / LENGTH**2


def test_these_are_the_vectors_of_these_weights() -> None:
    # Changes with weights, hashing and the division into words: whatever is trained on vectors must be trained again then.
    encode = load()
    assert encode.name == "static-1-3ee2b96d"
    texts = ("", "hello", "Wie spät ist es? 你好 🙂", "def f(x):\n    return x + 1", "word " * 5_000)
    assert (
        hashlib.sha256(b"".join(map(encode, texts))).hexdigest()
        == "c93dcee1456c82ad7ced352cd206f3036a3c5d92e32ab7d2183475d2ed4834cd"
    )


SPOKEN = (
    "the", "Model", "don't", "tokenization", "unbelievably", "Straße", "café", "数据", "你好世界", "ไทย", "🙂", "3.14159", "x1", "f(x)",
    "internationalisation", "हिन्दी", "напиши", "اكتب", "qzxjk", "a" * 40, "ab" * 30, "ﬁne", "\u0130", "=>", "\ud800", "NaN",
)  # fmt: skip


def many_texts() -> Iterator[str]:
    """A thousand texts of one to three thousand words, the same on every machine; some of one word over and over."""
    state = 1
    for number in range(1_000):
        length = (number % 97) ** 2 // 3 + 1 if number % 10 == 0 else number % 60 + 1
        chosen = []
        for _ in range(length):
            state = (state * 1_103_515_245 + 12_345) % 2**31
            chosen.append(SPOKEN[number % 26 if number % 7 == 0 else (state >> 12) % 26])
            if state >> 29 == 0:
                chosen.append(f"w{state % 5_000}")
        yield " ".join(chosen)


def test_a_thousand_texts_have_the_vectors_that_they_always_had() -> None:
    # The same with room for few words as with room for all.
    for encode in (load(), Encoder(read(), cached_words=0)):
        digest = hashlib.sha256()
        for text in many_texts():
            digest.update(encode(text))
        assert digest.hexdigest() == "674b870a990411ae031b6ee45e744eba83dde229a9d788aef5109a8ca7cf512e"


def test_the_kept_weights_are_those_that_their_digest_names() -> None:
    assert json.loads((FOLDER / ABOUT).read_text("utf-8"))["digest"] == digest_of(FOLDER)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 10_000_000


def test_sums_stay_below_what_floats_hold_exactly() -> None:
    weights = read()
    assert weights.rows.shape == (len(weights.factors), STATIC)
    assert weights.factors.max() <= LARGEST_FACTOR
    assert np.load(FOLDER / ROWS).min() >= -127
    assert AT_ONCE * LARGEST_FACTOR * 127 < 2**24
    assert MOST_WORDS * LONGEST * LARGEST_FACTOR * 127 < 2**32


def test_each_part_of_a_vector_has_the_same_length(encode: Encoder) -> None:
    for text in ("Book a table for two", "x", "Schreibe eine Funktion", "def f(x): return x"):
        for part in parts(encode, text):
            assert float(np.sqrt((part**2).sum())) == pytest.approx(LENGTH, rel=0.06) or np.abs(part).max() == 127


def test_texts_of_one_matter_are_nearer_than_texts_of_two(encode: Encoder) -> None:
    near = alike(encode, "How do I open a bank account?", "What do I need to set up a savings account?")
    far = alike(encode, "How do I open a bank account?", "Which mountain is the highest in Asia?")
    assert near > far + 0.2


def test_case_width_and_composition_make_no_difference(encode: Encoder) -> None:
    assert encode("Caf\u00e9 ABC") == encode("cafe\u0301 \uff41\uff42\uff43")


def test_words_in_another_order_are_another_text(encode: Encoder) -> None:
    assert encode("dog bites man")[:STATIC] == encode("man bites dog")[:STATIC]
    assert encode("dog bites man") != encode("man bites dog")


def test_every_script_leaves_a_trace(encode: Encoder) -> None:
    for text in ("हिन्दी में लिखो", "напиши письмо", "要約してください", "สวัสดีครับ", "اكتب رسالة", "🙂🙃"):
        assert any(encode(text)[STATIC:]), text


@pytest.mark.parametrize("text", ["", " \n\t", "\x00\x01", "\u200b\u200d\ufe0f"])
def test_a_text_without_words_is_all_zeros(encode: Encoder, text: str) -> None:
    assert encode(text) == bytes(DIMENSIONS)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000_000,
        "\ud800\udfff lone",
        "\ufdfa" * 1_000_000,
        "e" + "\u0301\u0327" * 1_000_000,
        "각" * 1_000_000,
        "a b" * 2_000_000,
        b"\xff\xfe\x00binary".decode("latin-1") * 100_000,
        "\U0001f468\u200d\U0001f469" * 500_000,
    ],
)
def test_hostile_text_has_a_vector_too_and_little_of_it_is_looked_at(encode: Encoder, text: str) -> None:
    before = encode.hits + encode.misses
    assert len(encode(text)) == DIMENSIONS
    assert encode.hits + encode.misses - before <= MOST_WORDS


def test_of_a_long_text_head_middle_and_tail_count() -> None:
    filler = "word " * MOST_CHARACTERS
    half = len(filler) // 2
    found = words(f"alpha {filler[:half]} beta {filler[:half]} omega")
    assert {"alpha", "beta", "omega"} <= set(found)
    assert len(found) <= MOST_WORDS


def test_words_are_found_and_missed_once_each() -> None:
    encode = load()
    encode("one two two three")
    assert (encode.hits, encode.misses, encode.cached) == (1, 3, 3)
    encode("three two")
    assert (encode.hits, encode.misses, encode.cached) == (3, 3, 3)


def test_no_more_words_are_kept_than_there_is_room_for() -> None:
    encode = Encoder(read(), cached_words=MOST_WORDS)
    for start in range(0, 4 * MOST_WORDS, MOST_WORDS // 2):
        encode(" ".join(f"w{number}" for number in range(start, start + MOST_WORDS // 2)))
    assert encode.cached == MOST_WORDS


def test_threads_get_what_one_alone_gets() -> None:
    texts = [f"request number {n} about topic {n % 7} and word{n}" for n in range(400)]
    alone = [load()(text) for text in texts[:1]] + [*map(load(), texts[1:])]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(Encoder(read(), cached_words=0), texts)) == alone
