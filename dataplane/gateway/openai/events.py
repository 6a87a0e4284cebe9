"""JSON and server-sent events as bytes, made quickly."""

import json
from json.encoder import encode_basestring

_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def json_bytes(value: object) -> bytes:
    """`value` as compact JSON in one line."""
    return _in_one_line(_ENCODE(value))


def quoted(text: str) -> bytes:
    """A JSON string."""
    return _in_one_line(encode_basestring(text))


def event(value: object) -> bytes:
    """An event of chat completions: data alone."""
    return b"data: " + json_bytes(value) + b"\n\n"


def named(name: str, value: object) -> bytes:
    """An event of responses: a name and data."""
    return b"event: " + name.encode() + b"\ndata: " + json_bytes(value) + b"\n\n"


def _in_one_line(text: str) -> bytes:
    """JSON as UTF-8. Some clients take all that Unicode calls a line's end for one, so such signs are written by number.

    Half a surrogate pair, which has no form in UTF-8, becomes a question mark.
    """
    if text.isascii():
        return text.encode()
    for sign, number in (("\x85", "\\u0085"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(sign, number)
    return text.encode("utf-8", "replace")
