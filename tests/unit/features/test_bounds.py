"""However long or hostile a text is, looking at it takes a bounded number of steps."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from tests.support.talks import Words, talk
from turnout_features import Conversation, Speaker, Utterance, extract
from turnout_features.looks import EARLIER, LOOK, SYSTEM_HEAD
from turnout_features.structure import structure

MEGABYTE = 1 << 20

HOSTILE = {
    "one letter": "a", "spaces": " ", "line breaks": "\n", "blank lines": "x\n\n", "brackets": "([{<", "closing": ")]}>",
    "backticks": "`", "fences": "```\n", "pipes": "|", "quotes": "\"'", "question marks": "?", "asks": "? a", "full stops": ". ",
    "requests": "write. ", "table": "| a | b |\n", "calls": "f(", "commas": ",", "han": "漢", "lone surrogates": "\ud800",
    "marks": "e\u0301", "nulls": "\0", "backslashes": "\\", "steps": "1. a\n", "passages": "[1] a\n", "html": "<a>", "emoji": "🎉",
}  # fmt: skip


def steps(work: Callable[[], object]) -> int:
    """Lines of Python that `work` runs through."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def of_length(unit: str, length: int) -> str:
    return unit * (length // len(unit))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_long_text_takes_no_more_steps_than_one_that_is_looked_at_as_a_whole(name: str) -> None:
    unit = HOSTILE[name]

    def look(length: int) -> int:
        told = talk(of_length(unit, length))
        return steps(lambda: extract(told, Words(), len))

    assert look(MEGABYTE) <= 1.1 * look(2 * LOOK) + 100
    assert look(MEGABYTE) < 50_000


def test_the_steps_are_really_counted() -> None:
    """Control: what goes over everything takes more steps the more there is."""

    def each(text: str) -> int:
        return steps(lambda: [len(part) for part in text.split("a")])

    assert each("a" * 20_000) > 1.9 * each("a" * 10_000)


@pytest.mark.parametrize("name", HOSTILE)
def test_patterns_are_shown_a_bounded_part(name: str) -> None:
    text = of_length(HOSTILE[name], MEGABYTE)
    for told in (
        talk(text),
        talk(text, text, "and now?"),
        talk("and?", system=text),
        talk(text, text, text, system=text),
    ):
        patterns = Words()
        extract(told, patterns, len)
        assert sum(map(len, patterns.shown)) <= LOOK + SYSTEM_HEAD + EARLIER + 100


def test_many_messages_take_steps_by_their_number_only() -> None:
    def look(count: int) -> int:
        user = Utterance(speaker=Speaker.USER, text="x = 1\n" * 50)
        told = Conversation(utterances=(user,) * count)
        return steps(lambda: extract(told, Words(), len))

    assert look(20_000) < 3 * look(10_000)


def test_a_line_without_end_is_judged_by_its_beginning() -> None:
    assert structure("x = 1 + " + "1 + " * (MEGABYTE // 4)).code_lines == 1
    assert structure(" " * MEGABYTE + "x = 1").code_lines == 0
