"""JSON and server-sent events as bytes, made quickly."""

import re
from json.encoder import encode_basestring

from dataplane.provider import json_text

_CUTS = re.compile("[\x85\u2028\u2029]")
"""What Python's `splitlines` takes for the end of a line and JSON does not escape: some SDKs cut there."""


def quoted(text: str) -> bytes:
    """`text` as a JSON string; see `json_bytes`."""
    return _in_one_line(encode_basestring(text))


def json_bytes(value: object) -> bytes:
    """`value` as compact JSON in one line, whatever reads the lines. Half a surrogate pair becomes a question mark."""
    return _in_one_line(json_text.write(value))


def event(value: object) -> bytes:
    """An event of data alone."""
    return b"data: " + json_bytes(value) + b"\n\n"


def named(name: str, value: object) -> bytes:
    """An event with a name and data."""
    return b"event: " + name.encode() + b"\ndata: " + json_bytes(value) + b"\n\n"


def _in_one_line(text: str) -> bytes:
    if text.isascii():
        return text.encode()
    if "\x85" in text or "\u2028" in text or "\u2029" in text:
        text = _CUTS.sub(lambda end: f"\\u{ord(end[0]):04x}", text)
    return text.encode("utf-8", "replace")
