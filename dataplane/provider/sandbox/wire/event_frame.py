"""Frames of AWS' binary event stream."""

import struct
from collections.abc import Mapping
from zlib import crc32


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One frame; all headers are texts. Source: smithy.io/2.0/aws/amazon-eventstream.html."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", len(head) + len(payload) + 16, len(head))
    body = prelude + struct.pack(">I", crc32(prelude)) + head + payload
    return body + struct.pack(">I", crc32(body))


def event(name: str, payload: bytes) -> bytes:
    """An event of JSON."""
    return frame(
        {":event-type": name, ":content-type": "application/json", ":message-type": "event"},
        payload,
    )


def exception(name: str, payload: bytes) -> bytes:
    """An exception in the midst of a stream."""
    return frame(
        {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"},
        payload,
    )


def _header(name: str, value: str) -> bytes:
    data = value.encode()
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(data)) + data
