"""Conversations in one line each."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from turnout_features import Conversation, Speaker, Utterance


def talk(*said: str, system: str = "", images: int = 0) -> Conversation:
    """User and assistant take turns, the user first; `images` come with the last message."""
    speakers = (Speaker.USER, Speaker.ASSISTANT)
    utterances = [Utterance(speaker=speakers[turn % 2], text=text) for turn, text in enumerate(said)]
    if images:
        utterances[-1] = Utterance(speaker=utterances[-1].speaker, text=utterances[-1].text, images=images)
    first = [Utterance(speaker=Speaker.SYSTEM, text=system)] if system else []
    return Conversation(utterances=(*first, *utterances))


@dataclass
class Words:
    """Patterns that are words, each its own signal; keeps what it was shown."""

    words: Sequence[str] = ()
    digest: bytes = b"words"
    shown: list[str] = field(default_factory=list)

    def match(self, text: str) -> tuple[str, ...]:
        """Those of the words that are in `text`."""
        self.shown.append(text)
        return tuple(word for word in self.words if word in text)
