"""HTTP/1.1 without I/O: bytes to requests, answers to bytes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_HEAD_BYTES = 64 * 1024
_LINE_BYTES = 128
_REASONS: Mapping[int, str] = MappingProxyType(
    {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; header names are in lower case, `path` is as it was sent, without the query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    keep_alive: bool = True


class HttpError(Exception):
    """The bytes are not a request that can be answered: the connection ends after `status`.

    `request` is the head where that much could be read.
    """

    def __init__(self, status: int, reason: str, request: Request | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.request = status, reason, request


class RequestReader:
    """Takes bytes as they come, gives requests one by one; bodies by content-length or in chunks."""

    def __init__(self, max_body_bytes: int) -> None:
        self._buffer = bytearray()
        self._head: Request | None = None
        self._length: int | None = 0
        self._chunks = bytearray()
        self._max = max_body_bytes
        self.wants_continue = False

    @property
    def buffered(self) -> int:
        """How many bytes wait to be read."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Takes more bytes."""
        self._buffer += data

    def next(self) -> Request | None:
        """The next whole request, None where more bytes are needed.

        Raises:
            HttpError: the head cannot be read or is too large, or the body is larger than allowed.
        """
        if self._head is None and not self._read_head():
            return None
        body = self._chunked_body() if self._length is None else self._sized_body(self._length)
        if body is None or self._head is None:
            return None
        head, self._head, self.wants_continue = self._head, None, False
        return Request(
            method=head.method,
            path=head.path,
            query=head.query,
            headers=head.headers,
            body=body,
            keep_alive=head.keep_alive,
        )

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _HEAD_BYTES:
                raise HttpError(431, "the head of the request is too large")
            return False
        head = _head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        self._head, self._length, self._chunks = head, _length(head), bytearray()
        if self._length is not None and self._length > self._max:
            raise HttpError(413, f"the body has {self._length} bytes, {self._max} are allowed", head)
        self.wants_continue = head.headers.get("expect", "").lower() == "100-continue"
        return True

    def _sized_body(self, length: int) -> bytes | None:
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _chunked_body(self) -> bytes | None:
        while (line_end := self._buffer.find(b"\r\n")) >= 0:
            size = _chunk_size(bytes(self._buffer[:line_end]), self._head)
            if size + len(self._chunks) > self._max:
                raise HttpError(413, f"the body has more than {self._max} bytes", self._head)
            end = line_end + 2 + size
            if size == 0:
                return self._trailers(line_end + 2)
            if len(self._buffer) < end + 2:
                return None
            self._chunks += self._buffer[line_end + 2 : end]
            del self._buffer[: end + 2]
        if len(self._buffer) > _LINE_BYTES:
            raise HttpError(400, "a chunk without a size", self._head)
        return None

    def _trailers(self, start: int) -> bytes | None:
        """The body once its trailers, which are not used, have come too."""
        if self._buffer[start : start + 2] == b"\r\n":
            del self._buffer[: start + 2]
            return bytes(self._chunks)
        end = self._buffer.find(b"\r\n\r\n", start)
        if end < 0:
            return None
        del self._buffer[: end + 4]
        return bytes(self._chunks)


def _head(data: bytes) -> Request:
    lines = data.decode("latin-1").split("\r\n")
    try:
        method, target, version = lines[0].split(" ")
    except ValueError:
        raise HttpError(400, "the request line is not METHOD TARGET VERSION") from None
    if not version.startswith("HTTP/1."):
        raise HttpError(505, f"{version} is not spoken here, HTTP/1.1 is")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise HttpError(400, "a header without a colon")
        headers[name.lower()] = value.strip()
    path, _, query = target.partition("?")
    keep = headers.get("connection", "").lower()
    keep_alive = keep != "close" if version == "HTTP/1.1" else keep == "keep-alive"
    return Request(method=method, path=path, query=query, headers=headers, keep_alive=keep_alive)


def _length(head: Request) -> int | None:
    """The length of the body, None for one in chunks."""
    if "chunked" in head.headers.get("transfer-encoding", "").lower():
        return None
    text = head.headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise HttpError(400, "content-length is not a number", head)
    return int(text)


def _chunk_size(line: bytes, head: Request | None) -> int:
    try:
        return int(line.split(b";")[0].strip(), 16)
    except ValueError:
        raise HttpError(400, "the size of a chunk is not a number", head) from None


def whole(status: int, headers: Iterable[tuple[str, str]], body: bytes, *, keep_alive: bool = True) -> bytes:
    """A whole answer."""
    head = _response_head(status, headers, keep_alive=keep_alive)
    return f"{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body


def opening(status: int, headers: Iterable[tuple[str, str]], *, keep_alive: bool = True) -> bytes:
    """The head of an answer whose body comes in chunks."""
    head = _response_head(status, headers, keep_alive=keep_alive)
    return f"{head}transfer-encoding: chunked\r\n\r\n".encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a body; `data` is not empty."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _response_head(status: int, headers: Iterable[tuple[str, str]], *, keep_alive: bool) -> str:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    ending = "" if keep_alive else "connection: close\r\n"
    return f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n{lines}{ending}"
