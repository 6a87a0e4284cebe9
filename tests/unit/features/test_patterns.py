"""Patterns are found as one by one, in the rule set's order, though they are searched in groups."""

import pytest
import re2

from turnout_features import PatternError, RulePatterns
from turnout_features.patterns import GROUP, GROUPS


def compiled(*pairs: tuple[str, str]) -> RulePatterns:
    return RulePatterns.compiled(pairs, b"digest")


def test_signals_come_in_the_order_of_the_rules_each_once() -> None:
    patterns = compiled(("c", "x"), ("ü", "ü"), ("a", "y"), ("c", "z"), ("b", "w"))
    assert patterns.match("w z y x ü") == ("c", "ü", "a", "b")
    assert patterns.match("z") == ("c",)
    assert patterns.match("nothing") == ()


@pytest.mark.parametrize("count", [0, 1, GROUP, GROUP + 1, GROUP * GROUPS * 2])
def test_grouping_loses_no_pattern(count: int) -> None:
    patterns = compiled(*((f"s{number}", f"<{number}>" if number % 3 else f"<{number}>|é") for number in range(count)))
    for number in range(count):
        assert patterns.match(f"it is <{number}> here") == (f"s{number}",)
    everything = "".join(f"<{number}>" for number in range(count))
    assert patterns.match(everything) == tuple(f"s{number}" for number in range(count))


def test_text_without_bytes_is_searched_all_the_same() -> None:
    assert compiled(("a", "x"), ("b", "\ufffd|\\?")).match("x\ud800") == ("a", "b")


@pytest.mark.parametrize("regex", ["(", "a**", r"(?=x)", r"\1", "[z-a]", "\ud800"])
def test_the_pattern_that_is_refused_is_named_with_the_reason(regex: str) -> None:
    with pytest.raises(PatternError) as caught:
        compiled(("fine", "x"), ("wrong", regex))
    assert caught.value.signal == "wrong"
    assert caught.value.reason


def test_patterns_that_need_more_than_a_group_may_take_are_compiled_with_more() -> None:
    """Control: twice as much is too much for any."""
    patterns = compiled(("large", r"(?:\pL{0,60}\s){0,4}!"))
    assert patterns.match("so it goes!") == ("large",)
    with pytest.raises((PatternError, re2.error)):
        compiled(("huge", r"(?:\pL{0,100}\s){0,10}"))
