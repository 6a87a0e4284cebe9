"""Counts o200k tokens."""

from collections.abc import Callable

import quicktok

CountTokens = Callable[[str], int]

IMAGE_TOKENS = 765
"""A picture: 85 + 4 tiles of 170, OpenAI's high detail at 1024 x 1024."""

MESSAGE_TOKENS = 4
"""What role and separators add to each message (OpenAI cookbook, "How to count tokens with tiktoken")."""


def o200k_tokens(text: str) -> int:
    """Tokens of `text`, special tokens counted as plain text.

    The first call of a process loads the vocabulary: about 0.7 s and 60 MB. A server makes that call before it is ready.
    """
    encoding = quicktok.get_encoding("o200k_base")
    try:
        return int(encoding.count(text))
    except TypeError:  # a lone surrogate, which has no bytes
        return int(encoding.count(text.encode("utf-8", "replace").decode()))
