"""Chooses the text of a conversation that is embedded."""

from typing import Final, Protocol

from turnout_features.looks import Looks, sampled
from turnout_features.model import Embedding

BRIEF: Final = 40
"""A last message of at most so many characters ("And in Python?") is embedded together with what was asked before it."""

EARLIER: Final = 200
"""Characters of what was asked before that count then: not so many that they drown the message."""

BODY: Final = 1_200
"""Characters of the text that a message brings along, so that it does not drown what is asked about it."""


class Encode(Protocol):
    """Makes a vector of a text: one signed byte for each dimension."""

    @property
    def name(self) -> str:
        """What made a vector; others cannot be compared with it."""
        ...

    def __call__(self, text: str, /) -> bytes:
        """The vector of any string, the same for the same string."""
        ...


def embedding(seen: Looks, encode: Encode) -> Embedding:
    """Where a conversation lies among others, by what is asked at its end."""
    return Embedding(encoder=encode.name, values=encode(asked(seen)))


def asked(seen: Looks) -> str:
    """What the last user message asks, then head and tail of what it brings along; before a brief one, what was asked earlier.

    The system prompt and answers are left out: they are the same, or about the same, for requests that differ.
    """
    text = f"{seen.ask}\n{sampled(seen.body, BODY)}" if seen.body else seen.last
    return f"{seen.earlier[:EARLIER]}\n{text}" if seen.earlier and len(seen.last) <= BRIEF else text
