"""A prompt and what it is."""

from dataclasses import dataclass
from enum import StrEnum

from controlplane.catalog.model import Complexity, Domain, TaskType
from turnout_features import Conversation, Speaker, Utterance


class Split(StrEnum):
    """What a family is for: it is never divided."""

    TRAIN = "train"
    HELD_OUT = "held_out"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A labelled prompt of a `family` of a `source`.

    `also` are task types that are as right; `complexity` is None where nobody labelled it, `domain` None where there is none,
    and `domain_known` False where nobody can say. `language` is an ISO 639-1 code, or empty where nobody labelled it.
    """

    source: str
    family: str
    split: Split
    conversation: Conversation
    task_type: TaskType
    also: frozenset[TaskType] = frozenset()
    complexity: Complexity | None = None
    domain: Domain | None = None
    domain_known: bool = True
    language: str = ""


def single(text: str) -> Conversation:
    """A conversation of one user message."""
    return Conversation(utterances=(Utterance(speaker=Speaker.USER, text=text),))
