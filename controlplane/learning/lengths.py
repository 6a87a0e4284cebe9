"""How many tokens an answer takes: by a table where nothing was learned, and by what was learned of kinds of work and models."""

from collections.abc import Mapping
from types import MappingProxyType

from controlplane.catalog.model import Complexity, TaskType
from controlplane.learning.model import PPM, Learned, Length

WHOLE = 1000
"""Lengths are in thousandths of a measure; where that is this number, they are tokens."""

# Tokens of a usual answer, from simple to expert. A prior until lengths are learned. `reasoning` and `qa` are rounded
# medians of instruction-tuned models of 2024: 130-200 tokens on GSM8K, 270-650 on MATH level 5 (ZeroEval), 170-350 on
# MMLU-Pro. `chat` is around the mean of 214 tokens in LMSYS-Chat-1M (arXiv 2309.11998, table 1). The others are set by
# judgement, so that the order between kinds of work is right.
_BASE: Mapping[TaskType, Mapping[Complexity, int]] = MappingProxyType(
    {
        task: MappingProxyType(dict(zip(Complexity, lengths, strict=True)))
        for task, lengths in {
            TaskType.CHAT: (80, 200, 400, 600),
            TaskType.QA: (80, 200, 350, 500),
            TaskType.SUMMARIZATION: (80, 150, 300, 500),
            TaskType.CODE: (150, 350, 700, 1200),
            TaskType.REASONING: (150, 250, 450, 650),
            TaskType.CREATIVE: (200, 450, 800, 1200),
            TaskType.EXTRACTION: (50, 100, 200, 350),
            TaskType.TRANSLATION: (20, 20, 20, 20),
        }.items()
    }
)

# Tokens of the answer for each token of the last user message, where the answer carries a part of it.
_SHARE: Mapping[TaskType, float] = MappingProxyType(
    {TaskType.TRANSLATION: 1.1, TaskType.EXTRACTION: 0.2, TaskType.SUMMARIZATION: 0.1}
)


LONGER = 4
"""Answers to a request are taken to be at most 2 to the power of this times as long as usual for such work, and at least so many times
shorter."""


def usual_output(task: TaskType, complexity: Complexity, last_user_tokens: int) -> int:
    """Tokens that a usual answer has: a length for the kind of work and, for some, a share of the last message."""
    return _BASE[task][complexity] + int(_SHARE.get(task, 0.0) * last_user_tokens)


def measure(task: TaskType, complexity: Complexity, last_user_tokens: int) -> int:
    """What a learned length is a thousandth of: WHOLE, or the usual length where the answer carries a part of the text.

    A translation is as long as its text, so that what is learned of it is how much longer it is than that, while the length of
    other answers is learned as it is: on exams, where complexity says little of it, this expects it better.
    """
    return usual_output(task, complexity, last_user_tokens) if task in _SHARE else WHOLE


def learned_measure(
    learned: Learned, longer: int, task: TaskType, complexity: Complexity, last_user_tokens: int
) -> int:
    """The `measure` of a request whose kind of work has learned lengths, 0 of others; `longer` is as `Outlook.longer` has it."""
    if f"{task}|" not in learned.lengths:
        return 0
    return max(1, measure(task, complexity, last_user_tokens) * times(longer) // PPM)


def times(doublings: int) -> int:
    """2 to the power of `doublings` millionths, in millionths, along straight lines between powers of two: the same on every machine."""
    whole, part = divmod(max(-LONGER * PPM, min(doublings, LONGER * PPM)), PPM)
    return (PPM + part << whole) if whole >= 0 else (PPM + part) >> -whole


def learned_length(learned: Learned, task: TaskType, model: str) -> Length | None:
    """How long answers of `model` are at `task`: what was learned of it, else of all models; None if nothing was."""
    return learned.lengths.get(f"{task}|{model.lower()}") or learned.lengths.get(f"{task}|")
