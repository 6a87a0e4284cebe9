"""What kind of answer a prompt asks for, told from a few cheap signs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Task(StrEnum):
    """The shape of an answer; of several that a question has signs of, the first here."""

    TRANSLATION = "translation"
    CODE = "code"
    CHOICE = "choice"
    SUMMARY = "summary"
    LIST = "list"
    REASONING = "reasoning"
    SHORT = "short"
    CHAT = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How long answers of one kind are: lognormal, `median` in characters."""

    median: int
    sigma: float


_WORDS: Mapping[Task, str] = MappingProxyType(
    {
        Task.TRANSLATION: "translate translated translating translation traduce traducir traduis traduire übersetze übersetzen",
        Task.CODE: """bash class code debug function golang java javascript python query refactor regex rust script sql
            stacktrace typescript""",
        Task.SUMMARY: "summarise summarize summary summarizing summarization tldr zusammenfassung resume résume",
        Task.LIST: "bullet bullets enumerate extract list",
        Task.REASONING: "calculate compare derive explain prove solve why",
        Task.SHORT: "briefly classify",
    }
)
_BY_WORD: Mapping[str, Task] = MappingProxyType(
    {word: task for task, words in _WORDS.items() for word in words.split()}
)
_PHRASES = (
    ("翻訳", Task.TRANSLATION),
    ("翻译", Task.TRANSLATION),
    ("```", Task.CODE),
    ("main points", Task.SUMMARY),
    ("how many", Task.REASONING),
    ("step by step", Task.REASONING),
    ("one word", Task.SHORT),
    ("one sentence", Task.SHORT),
    ("yes or no", Task.SHORT),
    ("true or false", Task.SHORT),
)
_ORDER: Mapping[Task, int] = MappingProxyType({task: number for number, task in enumerate(Task)})
_CHOICES = re.compile(r"\n\s*\(?A[.):].*\n\s*\(?B[.):]")
_SHAPES: Mapping[Task, Shape] = MappingProxyType(
    {
        Task.CODE: Shape(median=700, sigma=0.5),
        Task.LIST: Shape(median=320, sigma=0.4),
        Task.TRANSLATION: Shape(median=180, sigma=0.4),
        Task.CHOICE: Shape(median=60, sigma=0.5),
        Task.REASONING: Shape(median=900, sigma=0.5),
        Task.SUMMARY: Shape(median=420, sigma=0.3),
        Task.SHORT: Shape(median=50, sigma=0.4),
        Task.CHAT: Shape(median=520, sigma=0.6),
    }
)
_SHORT_QUESTION = 60
LONGEST_CHARS = 24_000


def task_of(question: str, words: Sequence[str]) -> Task:
    """The kind of answer that `question` asks for; `words` are its words in lower case."""
    found = {_BY_WORD[word] for word in _BY_WORD.keys() & words}
    lowered = question.lower()
    found.update(task for phrase, task in _PHRASES if phrase in lowered)
    if "\n" in question and _CHOICES.search(question):
        found.add(Task.CHOICE)
    if not found:
        return Task.SHORT if len(question) < _SHORT_QUESTION else Task.CHAT
    return min(found, key=_ORDER.__getitem__)


def shape_of(task: Task) -> Shape:
    """How long answers of that kind are."""
    return _SHAPES[task]
