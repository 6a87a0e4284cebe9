"""Readers: functions from a place in a document to a value, which refuse with every problem that they find."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from controlplane.catalog.document.node import At, Items, Scalar, Table
from controlplane.catalog.document.problem import Problem, ProblemKind, Refused

T = TypeVar("T")
K = TypeVar("K")

Reader = Callable[[At], T]


def nearest(word: str, known: Iterable[str], *, noun: str) -> str:
    """The way out of an unknown word: the one that was probably meant, or all of them if they are few."""
    words = sorted(known)
    close = get_close_matches(word, words, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    if not words:
        return f"there is no {noun}"
    shown = ", ".join(words[:12]) + (f" and {len(words) - 12} more" if len(words) > 12 else "")
    return f"the {noun}s are {shown}" if len(words) > 1 else f"the only {noun} is {shown}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How a field of a record is read, and whether it must be there."""

    read: Reader[Any]
    required: bool = False


def required(read: Reader[Any]) -> Field:
    """A field that must be there."""
    return Field(read=read, required=True)


def optional(read: Reader[Any]) -> Field:
    """A field that may be absent."""
    return Field(read=read)


def kind_of(at: At) -> str:
    """What stands at a place, in a word."""
    match at.node:
        case Table():
            return "a table"
        case Items():
            return "a list"
        case Scalar(text=""):
            return "nothing"
        case Scalar(text=text):
            return f"`{text[:60]}`"


def wrong_type(at: At, wanted: str, example: str) -> Refused:
    """The refusal of something of another type."""
    return at.refuse(ProblemKind.WRONG_TYPE, f"{wanted} is wanted here, not {kind_of(at)}", f"write it like {example}")


def table(at: At, example: str = "`name: value`") -> Table:
    """The table at a place."""
    if not isinstance(at.node, Table):
        raise wrong_type(at, "a table", example)
    return at.node


def items(at: At, limit: int) -> list[At]:
    """The items of the list at a place."""
    if not isinstance(at.node, Items):
        raise wrong_type(at, "a list", "`[a, b]`, or one item a line with `- ` before it")
    if len(at.node.items) > limit:
        raise at.refuse(ProblemKind.TOO_MANY, f"{len(at.node.items)} items", f"keep to {limit}")
    return [at.item(index, node) for index, node in enumerate(at.node.items)]


class Collector:
    """Tries one reader after another and keeps what they refuse."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def attempt(self, read: Reader[T], at: At) -> T | None:
        """What `read` gives for `at`; None if it refuses."""
        try:
            return read(at)
        except Refused as refused:
            self.problems.extend(refused.problems)
            return None

    def finish(self) -> None:
        """Raise Refused if anything was refused."""
        if self.problems:
            raise Refused(*self.problems)


def record(at: At, fields: Mapping[str, Field], *, noun: str) -> dict[str, Any]:
    """The fields that the table at `at` has, each read by its reader.

    Raises Refused with all problems of all fields, unknown and missing ones included.
    """
    found = Collector()
    values: dict[str, Any] = {}
    for entry in table(at).entries:
        here = at.field(entry)
        if field := fields.get(entry.name):
            values[entry.name] = found.attempt(field.read, here)
        else:
            reason = f"`{entry.name}` is not a field of a {noun}"
            found.problems.append(
                here.problem(ProblemKind.UNKNOWN_FIELD, reason, nearest(entry.name, fields, noun="field"))
            )
    for name, field in fields.items():
        if field.required and name not in values:
            found.problems.append(at.problem(ProblemKind.MISSING_FIELD, f"a {noun} needs `{name}`", "add it"))
    found.finish()
    return values


def each(read: Reader[T], *, limit: int) -> Reader[tuple[T, ...]]:
    """A reader of a list, item by item."""

    def read_all(at: At) -> tuple[T, ...]:
        found = Collector()
        values = [found.attempt(read, here) for here in items(at, limit)]
        found.finish()
        return tuple(value for value in values if value is not None)

    return read_all


def mapped(key: Reader[K], value: Reader[T], *, limit: int) -> Reader[dict[K, T]]:
    """A reader of a table whose names are data."""

    def read_all(at: At) -> dict[K, T]:
        entries = table(at).entries
        if len(entries) > limit:
            raise at.refuse(ProblemKind.TOO_MANY, f"{len(entries)} fields", f"keep to {limit}")
        found = Collector()
        values: dict[K, T] = {}
        for entry in entries:
            here = at.field(entry)
            name = At(source=here.source, path=here.path, line=here.line, node=Scalar(text=entry.name, quoted=True))
            read_key = found.attempt(key, name)
            read_value = found.attempt(value, here)
            if read_key is not None and read_value is not None:
                values[read_key] = read_value
        found.finish()
        return values

    return read_all
