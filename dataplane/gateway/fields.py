"""Members of a request by the type that they must have, and notes of what only one protocol can say."""

import math
import re
from collections.abc import Callable, Iterator, Mapping

from dataplane.gateway.model import BadRequest

_PLACE = re.compile(r"\[\d+\]")
_MOST = 1 << 53
"""Whole numbers up to here are the same in every language's JSON."""

Spelling = Callable[[Mapping[str, object]], Mapping[str, object]]
"""Gives an object's members the names under which they are looked up."""

MAX_NOTES = 16
MAX_NAME = 64
"""Characters of a name of the caller's that go into a note or a message."""


class Notes:
    """What was read that other protocols cannot say, each path once and without places: `messages[].content[type=document]`."""

    __slots__ = ("_lost", "_only")

    def __init__(self) -> None:
        self._only: dict[str, None] = {}
        self._lost: dict[str, None] = {}

    def only(self, path: str) -> None:
        """Without this the answer would not be what was asked for."""
        self._only[_PLACE.sub("[]", path)] = None

    def lose(self, path: str) -> None:
        """Without this the answer is still what was asked for."""
        self._lost[_PLACE.sub("[]", path)] = None

    @property
    def kept(self) -> tuple[str, ...]:
        """What may not be dropped."""
        return tuple(self._only)[:MAX_NOTES]

    @property
    def lost(self) -> tuple[str, ...]:
        """What may be dropped, if the answer says so."""
        return tuple(self._lost)[:MAX_NOTES]


class Fields:
    """The JSON object at `path`; null is as good as absent. Objects in it are spelled as itself.

    Each method raises BadRequest, with the member's path, for a value of another type than it returns.
    """

    __slots__ = ("_spelling", "_value", "path")

    def __init__(self, value: object, path: str = "", spelling: Spelling | None = None) -> None:
        if not isinstance(value, Mapping):
            raise BadRequest(path, f"must be an object, not {kind(value)}")
        self._value: Mapping[str, object] = value if spelling is None else spelling(value)
        self._spelling = spelling
        self.path = path

    def __contains__(self, name: str) -> bool:
        return self._value.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        """Names of the members that say something."""
        return (name for name, value in self._value.items() if value is not None)

    def at(self, name: str) -> str:
        """The path of a member."""
        return f"{self.path}.{name}" if self.path else name

    def get(self, name: str) -> object:
        """The value, whatever it is."""
        return self._value.get(name)

    def text(self, name: str) -> str:
        """A string that must be there."""
        value = self._value.get(name)
        if not isinstance(value, str):
            raise self.wrong(name, "a string")
        return value

    def word(self, name: str) -> str:
        """A string that must be there and not empty."""
        value = self.text(name)
        if not value:
            raise BadRequest(self.at(name), "must not be empty")
        return value

    def optional_text(self, name: str) -> str:
        """A string, empty if absent."""
        return self.text(name) if name in self else ""

    def flag(self, name: str) -> bool:
        """A boolean, false if absent."""
        value = self._value.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return bool(value)

    def whole(self, name: str, least: int) -> int | None:
        """A whole number from `least` on."""
        value = self.number(name, least, _MOST)
        if value is not None and int(value) != value:
            raise BadRequest(self.at(name), "must be a whole number")
        return None if value is None else int(value)

    def number(self, name: str, least: float = -math.inf, most: float = math.inf) -> float | None:
        """A number within bounds."""
        value = self._value.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.wrong(name, "a number")
        if value < least:
            raise BadRequest(self.at(name), f"must be at least {least:g}")
        if value > most:
            raise BadRequest(self.at(name), f"must be at most {most:g}")
        return value

    def json(self, name: str) -> Mapping[str, object]:
        """An object of the caller's own, such as a schema, that must be there."""
        value = self._value.get(name)
        if not isinstance(value, Mapping):
            raise self.wrong(name, "an object")
        return value

    def inner(self, name: str) -> "Fields":
        """An object that must be there."""
        return Fields(self.json(name), self.at(name), self._spelling)

    def optional(self, name: str) -> "Fields | None":
        """An object, None if absent."""
        return self.inner(name) if name in self else None

    def items(self, name: str) -> Iterator[tuple[str, object]]:
        """The entries of an array with their paths; none if absent."""
        value = self._value.get(name)
        if value is None:
            return iter(())
        if not isinstance(value, list):
            raise self.wrong(name, "an array")
        path = self.at(name)
        return ((f"{path}[{number}]", item) for number, item in enumerate(value))

    def objects(self, name: str) -> Iterator["Fields"]:
        """The entries of an array of objects; none if absent."""
        return (Fields(item, path, self._spelling) for path, item in self.items(name))

    def one_or_more(self, name: str) -> Iterator["Fields"]:
        """The entries of an array of objects, or the one object that stands for an array of one; none if absent."""
        return iter((self.inner(name),)) if isinstance(self._value.get(name), Mapping) else self.objects(name)

    def texts(self, name: str) -> Iterator[str]:
        """The entries of an array of strings; none if absent."""
        for path, item in self.items(name):
            if not isinstance(item, str):
                raise BadRequest(path, f"must be a string, not {kind(item)}")
            yield item

    def lose_others(self, known: frozenset[str], notes: Notes) -> None:
        """Note every member that is not `known` as one that may be dropped."""
        for name, value in self._value.items():
            if name not in known and value is not None:
                notes.lose(self.at(name[:MAX_NAME]))

    def wrong(self, name: str, wanted: str) -> BadRequest:
        """What to raise for a member that is not what it must be."""
        value = self._value.get(name)
        if value is None:
            return BadRequest(self.at(name), f"is missing: send {wanted}")
        return BadRequest(self.at(name), f"must be {wanted}, not {kind(value)}")


def kind(value: object) -> str:
    """What a JSON value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
