"""Reads the fields of a request, and tells what is wrong in a way that each protocol can phrase as its own."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import cast

Path = tuple[str | int, ...]
Json = Mapping[str, object]


class Problem(StrEnum):
    """What is wrong with a field."""

    MISSING = "missing"
    TYPE = "type"
    VALUE = "value"
    LOW = "low"
    HIGH = "high"
    EMPTY = "empty"
    LONG = "long"
    UNKNOWN = "unknown"
    RULE = "rule"


class BadRequest(Exception):
    """A request is refused for one field.

    `wanted` is the type, the choices or the bound; `got` what came instead; for `RULE` `wanted` is the sentence.
    """

    def __init__(self, problem: Problem, path: Path, *, wanted: str = "", got: str = "") -> None:
        super().__init__(f"{dotted(path)}: {problem} {wanted} {got}")
        self.problem, self.path, self.wanted, self.got = problem, path, wanted, got


def dotted(path: Path) -> str:
    """`messages.0.role`."""
    return ".".join(map(str, path))


def indexed(path: Path) -> str:
    """`messages[0].role`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def type_name(value: object) -> str:
    """The JSON name of the type of `value`, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case list():
            return "an array"
        case _:
            return "an object"


def as_object(value: object, path: Path) -> Json:
    """`value` as an object."""
    if not isinstance(value, dict):
        raise BadRequest(Problem.TYPE, path, wanted="an object", got=type_name(value))
    return cast("Json", value)


def as_array(value: object, path: Path, *, least: int = 0, most: int | None = None) -> list[object]:
    """`value` as an array of an allowed length."""
    if not isinstance(value, list):
        raise BadRequest(Problem.TYPE, path, wanted="an array", got=type_name(value))
    if len(value) < least:
        raise BadRequest(Problem.EMPTY, path, wanted=str(least), got=str(len(value)))
    if most is not None and len(value) > most:
        raise BadRequest(Problem.LONG, path, wanted=str(most), got=str(len(value)))
    return value


def as_text(value: object, path: Path) -> str:
    """`value` as a string."""
    if not isinstance(value, str):
        raise BadRequest(Problem.TYPE, path, wanted="a string", got=type_name(value))
    return value


def required(data: Json, key: str, path: Path = ()) -> object:
    """The value at `key`, which has to be there."""
    value = data.get(key)
    if value is None:
        raise BadRequest(Problem.MISSING, (*path, key))
    return value


def text(data: Json, key: str, path: Path = ()) -> str:
    """The string at `key`, which has to be there."""
    return as_text(required(data, key, path), (*path, key))


def choice(data: Json, key: str, choices: Collection[str], path: Path = (), *, absent: str | None = None) -> str:
    """The string at `key`, one of `choices`; `absent` where there is none and that is allowed."""
    if data.get(key) is None and absent is not None:
        return absent
    value = text(data, key, path)
    if value not in choices:
        raise BadRequest(Problem.VALUE, (*path, key), wanted=", ".join(f"'{one}'" for one in choices), got=value)
    return value


def whole(data: Json, key: str, path: Path = (), *, low: int | None = None, high: int | None = None) -> int | None:
    """The whole number at `key`, None where there is none."""
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest(Problem.TYPE, (*path, key), wanted="an integer", got=type_name(value))
    _check(value, (*path, key), low, high)
    return value


def number(data: Json, key: str, path: Path = (), *, low: float | None = None, high: float | None = None) -> None:
    """Checks the number at `key`, if there is one."""
    value = data.get(key)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(Problem.TYPE, (*path, key), wanted="a decimal", got=type_name(value))
    _check(value, (*path, key), low, high)


def flag(data: Json, key: str, path: Path = (), *, absent: bool = False) -> bool:
    """The boolean at `key`."""
    value = data.get(key)
    if value is None:
        return absent
    if not isinstance(value, bool):
        raise BadRequest(Problem.TYPE, (*path, key), wanted="a boolean", got=type_name(value))
    return value


def items(data: Json, key: str, path: Path = (), *, least: int = 0, most: int | None = None) -> list[object]:
    """The array at `key`, empty where there is none."""
    value = data.get(key)
    return [] if value is None else as_array(value, (*path, key), least=least, most=most)


def nested(data: Json, key: str, path: Path = ()) -> Json:
    """The object at `key`, empty where there is none."""
    value = data.get(key)
    return {} if value is None else as_object(value, (*path, key))


def known(data: Json, keys: Collection[str], path: Path = ()) -> None:
    """Refuses a field that the protocol does not have."""
    for key in data:
        if key not in keys:
            raise BadRequest(Problem.UNKNOWN, (*path, key))


def _check(value: float, path: Path, low: float | None, high: float | None) -> None:
    if low is not None and not value >= low:
        raise BadRequest(Problem.LOW, path, wanted=str(low), got=str(value))
    if high is not None and not value <= high:
        raise BadRequest(Problem.HIGH, path, wanted=str(high), got=str(value))
