"""A string is found for the patterns that schemas use."""

import re

import pytest

from dataplane.provider.sandbox.answer.pattern import matching
from dataplane.provider.sandbox.draws import Draws


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[A-Z]{3}-\d{4}$",
        r"^(?:red|green|blue)$",
        r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?Z$",
        r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
        r"[a-f0-9]{8}",
        r"^\+?[1-9]\d{1,14}$",
        r"^\w+(?:[-.]\w+)*$",
        r"^(?P<major>\d+)\.(?P<minor>\d+)$",
        r"^\u0041\x42[\]\-^]\/$",
        r"^a.c$",
        r"^$",
        r"",
        r"^[\w.-]{1,8}?$",
        r"^(a|b|)c*\b$",
        r"^[-+.]*$",
        r"^\S \W\D\s$",
    ],
)
def test_the_string_matches_the_pattern(pattern: str) -> None:
    for seed in range(20):
        text = matching(pattern, Draws(seed))
        assert text is not None
        assert re.search(pattern, text)


@pytest.mark.parametrize(
    "pattern", [r"^(?=.*\d)x$", r"(a)\1", "[", "(", ")", "a{2", r"\x4", r"\u00g1", r"^[^\x00-\x7f]$"]
)
def test_what_is_not_understood_gives_nothing_or_a_match(pattern: str) -> None:
    text = matching(pattern, Draws(1))
    assert text is None or re.search(pattern, text)


def test_the_length_is_kept() -> None:
    text = matching(r"^[a-z]+$", Draws(3), shortest=3, longest=4)
    assert text is not None
    assert 3 <= len(text) <= 4


def test_an_impossible_length_gives_nothing() -> None:
    assert matching(r"^[a-z]{2}$", Draws(3), shortest=5) is None
