"""A string for a JSON schema: by pattern, format, the property's name, or the words of the prompt."""

from collections.abc import Sequence

from dataplane.provider.sandbox.answer.pattern import matching
from dataplane.provider.sandbox.answer.words import FORMATS, STRINGS
from dataplane.provider.sandbox.call import Schema
from dataplane.provider.sandbox.draws import Draws

_LONGEST = 64 * 1024


def string_for(schema: Schema, name: str, draws: Draws, topics: Sequence[str]) -> str | None:
    """A string as long as the schema wants it; None where its pattern is not understood, or it is too long."""
    shortest, longest = count(schema.get("minLength")) or 0, count(schema.get("maxLength"))
    if shortest > _LONGEST:
        return None
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        return matching(pattern, draws, shortest=shortest, longest=longest)
    known = FORMATS.get(str(schema.get("format")))
    if known is not None:
        return draws.pick(known)
    return _fitted(_plain(name.lower(), draws, topics), shortest, longest, topics)


def _plain(name: str, draws: Draws, topics: Sequence[str]) -> str:
    for fragment, choices in STRINGS.items():
        if name == fragment or name.endswith("_" + fragment) or (len(fragment) > 3 and fragment in name):
            return draws.pick(choices)
    first = draws.below(len(topics))
    return " ".join((*topics[first:], *topics[:first])[: draws.between(1, 3)])


def _fitted(text: str, shortest: int, longest: int | None, topics: Sequence[str]) -> str:
    while len(text) < shortest:
        text = f"{text} {' '.join(topics)}"
    return text if longest is None else text[:longest]


def count(value: object) -> int | None:
    """A count in a schema, None where there is none; Gemini writes 64-bit integers as strings."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None
