"""Divides a text into the words that are embedded."""

import re
import unicodedata

MOST_CHARACTERS = 4_096
"""Characters of a text that are looked at: all, or as many of its head, middle and tail together."""

MOST_WORDS = 1_024
"""Words that are looked at, for in some scripts every character is one."""

LONGEST = 32
"""Characters of a word; what is longer is divided."""

_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_UNSEEN = "\\x00-\\x20\\x7f-\\xa0\\xad\\s\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufe00-\ufe0f\ufeff"
_MARKS = (
    "!-/:-@\\[-`{-~\\xa1-\\xbf\u00d7\u00f7\u2010-\u2027\u2030-\u205e\u2070-\u2bff\u3001-\u303f\U0001f000-\U0001faff"
)

_ASCII = re.compile(rf"[a-z0-9]{{1,{LONGEST}}}|[!-/:-@\[-`{{-~]")
_ANY = re.compile(rf"[^{_UNSEEN}{_MARKS}{_IDEOGRAPHS}]{{1,{LONGEST}}}|[{_MARKS}{_IDEOGRAPHS}]")
"""A run of letters and digits, or one mark, or one ideograph. Letters are what no other class names: so combining vowels stay
in their words, and letters that a later Unicode adds are letters to every Python."""


def words(text: str) -> list[str]:
    """Words and marks of `text` in their order, in lower case and NFKC."""
    seen = sampled(text)
    if seen.isascii():
        found: list[str] = _ASCII.findall(seen.lower())
    else:
        found = _ANY.findall(unicodedata.normalize("NFKC", seen).lower())
    return found if len(found) <= MOST_WORDS else _thinned(found)


def sampled(text: str) -> str:
    """`text`, or half as much of its head and a quarter each of its middle and its tail, on lines of their own."""
    if len(text) <= MOST_CHARACTERS:
        return text
    quarter, middle = MOST_CHARACTERS // 4, len(text) // 2
    return f"{text[: 2 * quarter]}\n{text[middle - quarter // 2 : middle + quarter // 2]}\n{text[-quarter:]}"


def _thinned(found: list[str]) -> list[str]:
    """The first half of MOST_WORDS and the last."""
    half = MOST_WORDS // 2
    return found[:half] + found[-half:]
