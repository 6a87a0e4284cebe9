"""Members of a request by the type that they must have, with the path by which OpenAI's errors name them."""

import math
import re
from collections.abc import Iterator, Mapping

from dataplane.gateway.model import BadRequest

_PLACES = re.compile(r"\[\d+\](\[type=)?")
MAX_NOTES = 16
"""More of a kind say nothing that the first ones do not."""


class Notes:
    """What was read that other protocols cannot say: `only` must not be dropped, `loses` may be.

    Paths are kept once, without the places in arrays: `messages[].content[type=file]`.
    """

    def __init__(self) -> None:
        self._only: dict[str, None] = {}
        self._loses: dict[str, None] = {}

    def only(self, path: str) -> None:
        """The answer would not be what the caller's code relies on without this."""
        self._only[_anywhere(path)] = None

    def lose(self, path: str) -> None:
        """The answer is what was asked for without this, too."""
        self._loses[_anywhere(path)] = None

    @property
    def kept(self) -> tuple[str, ...]:
        """Paths of what must not be dropped."""
        return tuple(self._only)[:MAX_NOTES]

    @property
    def lost(self) -> tuple[str, ...]:
        """Paths of what may be dropped."""
        return tuple(path for path in self._loses if path not in self._only)[:MAX_NOTES]


class Fields:
    """A JSON object at `path`; null is as good as absent.

    Every method raises BadRequest for a wrong type; those that return no None also for an absent member.
    """

    __slots__ = ("_value", "path")

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict | Mapping):
            raise BadRequest(path, f"must be an object, not {kind(value)}")
        self._value: Mapping[str, object] = value
        self.path = path

    def at(self, name: str) -> str:
        """The path of a member."""
        return f"{self.path}.{name}" if self.path else name

    def __contains__(self, name: str) -> bool:
        return self._value.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._value)

    def get(self, name: str) -> object:
        """The value as it is, None if absent."""
        return self._value.get(name)

    def text(self, name: str) -> str:
        """A string that must be there; it may be empty."""
        value = self._value.get(name)
        if isinstance(value, str):
            return value
        raise _wrong(self.at(name), value, "a string")

    def word(self, name: str) -> str:
        """A string that must be there and says something."""
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
        if value is None or isinstance(value, bool):
            return bool(value)
        raise _wrong(self.at(name), value, "a boolean")

    def whole(self, name: str, least: int | None = None) -> int | None:
        """A whole number that is not below `least`."""
        value = self._value.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong(self.at(name), value, "a whole number")
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
            raise _wrong(self.at(name), value, "a number")
        if not least <= value <= most or not math.isfinite(value):
            raise BadRequest(self.at(name), f"must be between {least:g} and {most:g}")
        return value

    def inner(self, name: str) -> "Fields":
        """An object that must be there."""
        value = self._value.get(name)
        if value is None:
            raise _wrong(self.at(name), value, "an object")
        return Fields(value, self.at(name))

    def inner_or_none(self, name: str) -> "Fields | None":
        """An object."""
        return self.inner(name) if name in self else None

    def json(self, name: str) -> Mapping[str, object] | None:
        """An object whose members are the caller's own, such as a schema."""
        value = self._value.get(name)
        if value is None or isinstance(value, dict):
            return value
        raise _wrong(self.at(name), value, "an object")

    def items(self, name: str) -> Iterator[tuple[str, object]]:
        """The entries of an array with their paths; none if absent."""
        value = self._value.get(name)
        if value is None:
            return iter(())
        if not isinstance(value, list):
            raise _wrong(self.at(name), value, "an array")
        path = self.at(name)
        return ((f"{path}[{number}]", item) for number, item in enumerate(value))

    def objects(self, name: str) -> Iterator["Fields"]:
        """The entries of an array of objects; none if absent."""
        return (Fields(item, path) for path, item in self.items(name))

    def tell_unknown(self, known: frozenset[str], notes: Notes) -> None:
        """Note as lost what is not `known`: an SDK may be younger than this."""
        for name, value in self._value.items():
            if name not in known and value is not None:
                notes.lose(self.at(name[:64]))


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
    return _PLACES.sub(lambda place: place[1] or "[]", path)


def _wrong(path: str, value: object, wanted: str) -> BadRequest:
    return BadRequest(path, f"is missing: send {wanted}" if value is None else f"must be {wanted}, not {kind(value)}")
