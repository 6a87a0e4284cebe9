"""A request's body as JSON, and where in it its members stand."""

import json
import re
from typing import NoReturn

from dataplane.gateway.model import BadRequest
from dataplane.provider import json_text

_SPACE = re.compile(r"[ \t\n\r]*").match


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_READER = json.JSONDecoder(parse_constant=_refuse)

Members = tuple[dict[str, object], dict[str, tuple[int, int]]]


def members(text: str) -> Members:
    """The object that `text` is, and the span of each of its members' values. Raises BadRequest.

    A name that occurs twice is refused: what is decided on could be another value than what the provider takes.
    """
    try:
        value, spans = _object(text)
    except IndexError:
        raise BadRequest("", "the body is cut off: send one whole JSON object") from None
    except RecursionError:
        raise BadRequest("", "the body is nested too deeply; send a flatter one") from None
    except ValueError as error:
        raise BadRequest("", f"the body is no JSON: {error}") from None
    return json_text.without_surrogates(value) if "\\ud" in text or "\\uD" in text else value, spans


def _object(text: str) -> Members:
    value: dict[str, object] = {}
    spans: dict[str, tuple[int, int]] = {}
    at = _expect(text, 0, "{")
    if text[at] == "}":
        return _ended(text, at + 1, value, spans)
    while True:
        if text[at] != '"':
            raise ValueError(f"expecting a member's name in quotes at character {at}")
        name, at = _READER.raw_decode(text, at)
        start = _expect(text, at, ":")
        member, end = _READER.raw_decode(text, start)
        if name in spans:
            raise ValueError(f"the member {name[:64]!r} occurs twice")
        value[name], spans[name] = member, (start, end)
        at = _SPACE(text, end).end()  # type: ignore[union-attr]  # it matches everywhere
        if text[at] == "}":
            return _ended(text, at + 1, value, spans)
        at = _expect(text, at, ",")


def _ended(text: str, at: int, value: dict[str, object], spans: dict[str, tuple[int, int]]) -> Members:
    if _SPACE(text, at).end() != len(text):  # type: ignore[union-attr]
        raise ValueError(f"something follows the object, at character {at}")
    return value, spans


def _expect(text: str, at: int, sign: str) -> int:
    """The place behind `sign` and the white space around it. Raises ValueError if something else stands there."""
    at = _SPACE(text, at).end()  # type: ignore[union-attr]
    if text[at] != sign:
        raise ValueError(f"expecting {sign!r} at character {at}")
    return _SPACE(text, at + 1).end()  # type: ignore[union-attr]
