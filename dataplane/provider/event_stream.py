"""AWS' binary event stream from bytes that arrive in any pieces."""

import struct
from collections.abc import Iterator
from zlib import crc32

from dataplane.provider import json_text
from dataplane.provider.failure import malformed
from dataplane.provider.shape import as_object, as_text
from dataplane.provider.sse import MAX_EVENT_BYTES, EventTooLarge, ServerEvent

AWS_EVENT_STREAM = "application/vnd.amazon.eventstream"
_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_STRING, _BYTES = 7, 6
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Types of header values, other than texts, with their sizes; 6 and 7 have a length in front."""


class EventStreamDecoder:
    """Decodes frames of total length, headers' length, checksum of both, headers, payload and checksum of all that.

    Source: smithy.io/2.0/aws/amazon-eventstream.html. An event is named by its `:event-type`; an exception or an error
    becomes an event `error` with `{"error": {"type": …, "message": …}}`.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._held = bytearray()

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that `chunk` completes. Raises EventTooLarge, or CallFailure `malformed` for what fails its checksum."""
        self._held += chunk
        return list(self._events())

    def end(self) -> list[ServerEvent]:
        """Nothing: half a frame is none."""
        self._held.clear()
        return []

    def _events(self) -> Iterator[ServerEvent]:
        while len(self._held) >= _PRELUDE.size:
            total, headers, check = _PRELUDE.unpack_from(self._held)
            if crc32(self._held[:8]) != check:
                raise malformed("the head of a frame fails its checksum")
            if total > self._limit:
                raise EventTooLarge(f"more than {self._limit} bytes in one event")
            if total < headers + _PRELUDE.size + _CRC.size:
                raise malformed("a frame is shorter than its headers")
            if len(self._held) < total:
                return
            frame = bytes(self._held[:total])
            del self._held[:total]
            yield _event(frame, headers)


def _event(frame: bytes, headers: int) -> ServerEvent:
    body = frame[: -_CRC.size]
    if crc32(body) != _CRC.unpack_from(frame, len(body))[0]:
        raise malformed("a frame fails its checksum")
    start = _PRELUDE.size + headers
    named = dict(_headers(frame[_PRELUDE.size : start]))
    payload = body[start:].decode("utf-8", "replace")
    match named.get(":message-type"):
        case "exception":
            return _error(named.get(":exception-type", ""), _message(payload))
        case "error":
            return _error(named.get(":error-code", ""), named.get(":error-message", ""))
        case _:
            return ServerEvent(name=named.get(":event-type", ""), data=payload)


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    """The headers that are texts."""
    at = 0
    try:
        while at < len(data):
            end = at + 1 + data[at]
            name, kind, at = data[at + 1 : end].decode("utf-8", "replace"), data[end], end + 1
            if kind in (_BYTES, _STRING):
                size = int.from_bytes(data[at : at + 2], "big")
                at += 2
            else:
                size = _FIXED[kind]
            if kind == _STRING:
                yield name, data[at : at + size].decode("utf-8", "replace")
            at += size
    except (IndexError, KeyError):
        raise malformed("the headers of a frame cannot be read") from None


def _error(kind: str, message: str) -> ServerEvent:
    return ServerEvent(name="error", data=json_text.write({"error": {"type": kind, "message": message}}))


def _message(payload: str) -> str:
    try:
        return as_text(as_object(json_text.parse(payload)).get("message"))
    except ValueError:
        return payload
