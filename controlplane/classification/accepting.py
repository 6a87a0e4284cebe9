"""What is taken of an answer that somebody else's classifier gives."""

import re
from dataclasses import replace
from math import isfinite

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.classification.model import Classification, Signal, Silence
from controlplane.classification.rules import Hint

MAX_SIGNALS = 16
MAX_REASON = 200
"""Characters of a reason for silence."""
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,63}")
_VOTE = re.compile(r"(task_type|complexity|domain)=([a-z_]{1,32})")


class AnswerInvalid(ValueError):
    """An answer is not what a classifier may say; the message says why."""


def accepted(answer: object, name: str, hint: Hint, earlier: Classification | None) -> Classification | Silence:
    """`answer` of the classifier `name`, with what `hint` knows, and the route that was found `earlier`. Raises AnswerInvalid.

    Only values of the exact types are taken: others could run code of their own where they are read.

    Signals go into the record of the decision. Their names are words, so that a text that is classified does not get there.
    """
    if type(answer) is Silence:
        return Silence(_reason(answer.reason))
    if type(answer) is not Classification:
        raise AnswerInvalid(f"a {type(answer).__name__} is neither a Classification nor a Silence")
    _check_words(answer)
    told = (*earlier.signals,) if earlier is not None else ()
    taken = Classification(
        task_type=hint.task_type or answer.task_type,
        complexity=hint.complexity or answer.complexity,
        domain=answer.domain,
        confidence=_confidence(answer.confidence),
        classifier=name,
        signals=(*told, *_signals(answer.signals)),
    )
    return taken if earlier is None else replace(taken, votes=earlier.votes, nearest=earlier.nearest)


def _reason(reason: object) -> str:
    if type(reason) is not str or not reason.isprintable():
        raise AnswerInvalid("the reason of a silence is not one line of text")
    return reason[:MAX_REASON] or "it has nothing to say"


def _check_words(answer: Classification) -> None:
    for field, kind in (("task_type", TaskType), ("complexity", Complexity), ("domain", Domain)):
        value = getattr(answer, field)
        if type(value) is not kind and not (field == "domain" and value is None):
            raise AnswerInvalid(f"{field} is a {type(value).__name__}, not a {kind.__name__}")


def _confidence(value: object) -> float:
    if (type(value) is float or type(value) is int) and 0 <= value <= 1:
        return float(value)
    raise AnswerInvalid("confidence is not a number from 0 to 1")


def _finite(value: object) -> bool:
    return (type(value) is float and isfinite(value)) or type(value) is int


def _signals(signals: object) -> tuple[Signal, ...]:
    if type(signals) is not tuple or len(signals) > MAX_SIGNALS:
        raise AnswerInvalid(f"signals are not a tuple of at most {MAX_SIGNALS}")
    for signal in signals:
        if type(signal) is not Signal or type(signal.name) is not str or not _WORD.fullmatch(signal.name):
            raise AnswerInvalid("a signal is not named by a word of at most 64 letters, digits, `.`, `_`, `/` and `-`")
        if type(signal.votes_for) is not str or not _VOTE.fullmatch(signal.votes_for) or not _finite(signal.weight):
            raise AnswerInvalid(f"the signal {signal.name} does not vote for AXIS=VALUE with a finite weight")
    return signals
