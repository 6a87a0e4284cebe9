"""Counts o200k tokens."""

from collections.abc import Callable
from functools import cache

import splintr

CountTokens = Callable[[str], int]

IMAGE_TOKENS = 765
"""A picture: 85 + 4 tiles of 170, OpenAI's high detail at 1024 x 1024."""

MESSAGE_TOKENS = 4
"""What role and separators add to each message (OpenAI cookbook, "How to count tokens with tiktoken")."""

EXACT = 256 * 1024
"""Characters up to which every token is counted."""

SLICES, SLICE = 32, 8 * 1024
"""Of a longer text, so many slices of so many characters are counted, spread evenly."""

_LONG_WORD = "a" * 64


def o200k_tokens(text: str) -> int:
    """Tokens of `text`, special tokens counted as plain text.

    Of a text of more than EXACT characters the rate of a sample is extended to all of it, rounded up: a single word of 8 MB
    would otherwise hold a server up for seconds, and whether a book has 500,000 tokens or 505,000 decides nothing.

    The first call of a process loads the vocabulary: about 0.1 s and 30 MB. Words that the vocabulary lacks need a table of
    merges, which the first of them makes, 0.2 s and 10 MB; a server calls `prepare_merges` before it is ready.
    """
    if len(text) > EXACT:
        return -(-o200k_tokens(_sample(text)) * len(text) // (SLICES * SLICE))
    try:
        return _count(text)
    except UnicodeEncodeError:  # a lone surrogate, which has no bytes
        return _count(text.encode("utf-8", "replace").decode())


def prepare_merges() -> None:
    """Make the table of merges; other threads run meanwhile."""
    _o200k().encode_batch([_LONG_WORD])


def _sample(text: str) -> str:
    """EXACT characters of a longer text, the first and the last among them."""
    stride = (len(text) - SLICE) / (SLICES - 1)
    starts = [int(number * stride) for number in range(SLICES)]
    return "".join([text[start : start + SLICE] for start in starts])


def _count(text: str) -> int:
    if "<|" in text:  # what looks like a special token is text here, however it got there
        return len(_o200k().encode_ordinary(text))
    return len(_o200k().encode_flat(text)) >> 2  # four bytes each, without a Python integer for every token


@cache
def _o200k() -> "splintr.AnyTokenizer":
    return splintr.Tokenizer.from_pretrained("o200k_base")
