"""Pieces of server-sent events as bytes, made quickly."""

from collections.abc import Mapping
from json.encoder import encode_basestring, encode_basestring_ascii

from dataplane.provider import json_text

_LINE_ENDS = ("\x85", "\u2028", "\u2029")
"""What Python's `splitlines` takes for the end of a line and JSON does not escape: some SDKs cut there."""


def quoted(text: str) -> bytes:
    """`text` as a JSON string in one line, whatever reads the lines."""
    if text.isascii():
        return encode_basestring_ascii(text).encode("ascii")
    if any(end in text for end in _LINE_ENDS):
        return encode_basestring_ascii(text).encode("ascii")
    try:
        return encode_basestring(text).encode()
    except UnicodeEncodeError:  # a lone surrogate, which has no bytes
        return encode_basestring_ascii(text).encode("ascii")


def json_bytes(value: Mapping[str, object]) -> bytes:
    """`value` as compact JSON in one line."""
    text = json_text.write(value)
    for end in _LINE_ENDS:
        if end in text:
            text = text.replace(end, f"\\u{ord(end):04x}")
    return text.encode("utf-8", "replace")
