"""A readable text that suits a prompt a little."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from types import MappingProxyType

from dataplane.provider.sandbox.answer.phrases import (
    AFTER_TOOL,
    CODE,
    ITEMS,
    SENTENCES,
    SHORT,
    STEPS,
    TRANSLATED,
)
from dataplane.provider.sandbox.answer.task import LONGEST_CHARS, Task, shape_of, task_of
from dataplane.provider.sandbox.answer.words import shown, topics, words_of
from dataplane.provider.sandbox.draws import Draws


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What a text is to be about; `question` is shortened, `verbosity` scales the length of the text."""

    question: str
    task: Task
    topics: Sequence[str]
    after_tool: bool = False
    verbosity: float = 1.0


def brief_for(question: str, *, after_tool: bool, verbosity: float) -> Brief:
    """The brief for an answer to `question`."""
    read = shown(question)
    words = words_of(read)
    task = task_of(read, words)
    return Brief(question=read, task=task, topics=topics(words), after_tool=after_tool, verbosity=verbosity)


def text_for(brief: Brief, draws: Draws) -> str:
    """A text of a length drawn for the kind of answer that the question asks for."""
    shape = shape_of(brief.task)
    length = min(LONGEST_CHARS, int(draws.lognormal(shape.median, shape.sigma) * brief.verbosity))
    text = _WRITERS[brief.task](brief, draws, length)
    return f"{_filled(AFTER_TOOL, brief.topics, 0)} {text}" if brief.after_tool else text


def _filled(template: str, topics: Sequence[str], at: int) -> str:
    size = len(topics)
    return template.format(a=topics[at % size], b=topics[(at + 1) % size], c=topics[(at + 2) % size])


def _drawn(templates: Sequence[str], topics: Sequence[str], draws: Draws) -> Iterator[str]:
    """Templates without an end: one draw decides both which, and where in `topics` it starts."""
    while True:
        bits = draws.bits()
        yield _filled(templates[bits % len(templates)], topics, bits >> 32)


def _sentences(brief: Brief, draws: Draws, length: int) -> str:
    return _joined(" ", _drawn(SENTENCES, brief.topics, draws), length)


def _joined(separator: str, parts: Iterator[str], length: int) -> str:
    """At least one part, and more until `length` characters are reached."""
    taken, size = [], 0
    for part in parts:
        taken.append(part)
        size += len(part) + len(separator)
        if size >= length:
            break
    return separator.join(taken)


def _code(brief: Brief, draws: Draws, length: int) -> str:
    lowered = brief.question.lower()
    language = next((name for name in CODE if name in lowered), "python")
    names = [topic if topic.isascii() else "item" for topic in brief.topics]
    block = f"Here is a version that handles {brief.topics[0]}:\n\n```{language}\n"
    block += _joined("\n\n", _drawn((CODE[language],), names, draws), length // 2) + "\n```\n\n"
    return block + _sentences(brief, draws, length - len(block))


def _list(brief: Brief, draws: Draws, length: int) -> str:
    return "Here is what the text gives:\n\n- " + _joined("\n- ", _drawn(ITEMS, brief.topics, draws), length - 30)


def _translation(brief: Brief, draws: Draws, length: int) -> str:
    lowered = brief.question.lower()
    language = next((name for name in TRANSLATED if name in lowered), "english")
    return _joined(" ", _drawn(TRANSLATED[language], brief.topics, draws), length)


def _choice(brief: Brief, draws: Draws, length: int) -> str:
    answer = f"The answer is ({draws.pick('ABCD')})."
    return f"{_sentences(brief, draws, length - len(answer))} {answer}" if length > 2 * len(answer) else answer


def _reasoning(brief: Brief, draws: Draws, length: int) -> str:
    steps = zip(count(), cycle(STEPS), _drawn(SENTENCES, brief.topics, draws), strict=False)
    lines = (f"{at + 1}. {_filled(step, brief.topics, at)} {sentence}" for at, step, sentence in steps)
    return _joined("\n", lines, length) + f"\n\nSo the answer is {draws.between(2, 99)}."


def _summary(brief: Brief, draws: Draws, length: int) -> str:
    return "In short: " + _sentences(brief, draws, length - 10)


def _short(brief: Brief, draws: Draws, length: int) -> str:
    return _joined(" ", _drawn(SHORT, brief.topics, draws), length // 2)


_WRITERS: Mapping[Task, Callable[[Brief, Draws, int], str]] = MappingProxyType(
    {
        Task.CODE: _code,
        Task.LIST: _list,
        Task.TRANSLATION: _translation,
        Task.CHOICE: _choice,
        Task.REASONING: _reasoning,
        Task.SUMMARY: _summary,
        Task.SHORT: _short,
        Task.CHAT: _sentences,
    }
)
