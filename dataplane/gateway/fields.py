"""Members of a request by the type that they must have, and notes of what only one protocol can say."""

import re
from collections.abc import Callable, Iterator, Mapping

from dataplane.gateway.model import BadRequest

_PLACE = re.compile(r"\[\d+\](\[type=)?")

Spelling = Callable[[Mapping[str, object]], Mapping[str, object]]
"""Gives an object's members the names under which they are looked up."""

MAX_NOTES = 16
"""More of a kind say nothing that the first ones do not."""
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
        self._only[_anywhere(path)] = None

    def lose(self, path: str) -> None:
        """Without this the answer is still what was asked for."""
        self._lost[_anywhere(path)] = None

    @property
    def kept(self) -> tuple[str, ...]:
        """What may not be dropped."""
        return tuple(self._only)[:MAX_NOTES]

    @property
    def lost(self) -> tuple[str, ...]:
        """What may be dropped, if the answer says so."""
        return tuple(path for path in self._lost if path not in self._only)[:MAX_NOTES]


class Fields:
    """The JSON object at `path`; null is as good as absent. Objects in it are spelled as itself.

    Each method raises BadRequest, with the member's path, for a value of another type than it returns; those that return no
    None also for an absent member.
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
        """A string that must be there; it may be empty."""
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

    def text_or_empty(self, name: str) -> str:
        """A string, empty if absent."""
        return self.text(name) if name in self else ""

    def flag(self, name: str) -> bool:
        """A boolean, false if absent."""
        value = self._value.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "a boolean")
        return bool(value)

    def whole(self, name: str, least: int | None = None) -> int | None:
        """A whole number that is not below `least`."""
        value = self._value.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(name, "a whole number")
        if not -(1 << 63) <= value < 1 << 63:
            raise BadRequest(self.at(name), "is out of range: whole numbers have 64 bits")
        if least is not None and value < least:
            raise BadRequest(self.at(name), f"is {value}; it must be at least {least}")
        return value

    def number(self, name: str, least: float, most: float) -> float | None:
        """A number between the bounds."""
        value = self._value.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.wrong(name, "a number")
        if not least <= value <= most:
            raise BadRequest(self.at(name), f"must be between {least:g} and {most:g}")
        return value

    def json(self, name: str) -> Mapping[str, object]:
        """An object of the caller's own, such as a schema, that must be there."""
        value = self._value.get(name)
        if not isinstance(value, Mapping):
            raise self.wrong(name, "an object")
        return value

    def json_or_none(self, name: str) -> Mapping[str, object] | None:
        """An object of the caller's own."""
        return self.json(name) if name in self else None

    def inner(self, name: str) -> "Fields":
        """An object that must be there."""
        return Fields(self.json(name), self.at(name), self._spelling)

    def inner_or_none(self, name: str) -> "Fields | None":
        """An object."""
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
        """Note what is not `known` as what may be dropped: an SDK may be younger than this."""
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


def _anywhere(path: str) -> str:
    """A path without the places in arrays."""
    return _PLACE.sub(lambda place: place[1] or "[]", path)
