"""Which JSON schemas are judged: what is in them, and how much."""

from collections.abc import Iterator, Mapping
from itertools import islice

MOST_VALUES = 1_000
MOST_DEPTH = 32
MOST_CHARACTERS = 64 << 10

NOT_JUDGED = frozenset(
    {"$schema", "$dynamicRef", "$recursiveRef", "patternProperties", "unevaluatedItems", "unevaluatedProperties"}
)
"""Keywords that are not judged, and below the root no other dialect: nothing may run a pattern but RE2, nor work uncounted."""


def judged(schema: Mapping[str, object]) -> bool:
    """Whether `schema`, without its own `$schema`, is small, shallow, and refers to nothing but itself.

    A property that is named like a keyword keeps a schema from being judged as well: that costs a signal, never a worker.
    """
    characters = 0
    for values, (depth, key, value) in enumerate(_walk(schema), start=1):
        characters += len(key) + (len(value) if isinstance(value, str) else 0)
        elsewhere = key == "$ref" and isinstance(value, str) and not value.startswith("#")
        if elsewhere or key in NOT_JUDGED or depth > MOST_DEPTH or values > MOST_VALUES:
            return False
    return characters <= MOST_CHARACTERS


def size(value: object, most: int) -> int:
    """How many JSON values `value` is made of, itself included; counted up to `most` + 1."""
    return sum(1 for _ in islice(_walk(value), most + 1))


def _walk(whole: object) -> Iterator[tuple[int, str, object]]:
    """Every value with its depth and, in an object, its key; without recursion, for depth is what is asked."""
    yield 0, "", whole
    waiting = [_inside(whole)]
    while waiting:
        found = next(waiting[-1], None)
        if found is None:
            waiting.pop()
            continue
        yield len(waiting), *found
        if isinstance(found[1], Mapping | list):
            waiting.append(_inside(found[1]))


def _inside(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        return iter(value.items())
    return (("", item) for item in value) if isinstance(value, list) else iter(())
