"""The little of HTTP that calling a provider needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Trouble(StrEnum):
    """How a transport can fail."""

    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT_CONNECT = "timeout_connect"
    TIMEOUT_FIRST_BYTE = "timeout_first_byte"
    TIMEOUT_BETWEEN_CHUNKS = "timeout_between_chunks"
    TIMEOUT_TOTAL = "timeout_total"
    DISCONNECTED = "disconnected"
    MALFORMED = "malformed"
    BAD_URL = "bad_url"
    ADDRESS = "address"


class TransportFailure(Exception):
    """The transport gave no whole answer. `unsent` is True only if no byte of the request can have left."""

    def __init__(self, trouble: Trouble, message: str = "", *, unsent: bool = False) -> None:
        super().__init__(f"{trouble}: {message}" if message else str(trouble))
        self.trouble = trouble
        self.message = message
        self.unsent = unsent


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time limits of one exchange, in seconds.

    `connect` includes waiting for a place in the pool; `first_byte` runs from the start to the first byte of the body;
    `between_chunks` from each byte that came to the next; `total` from the start to the end.
    """

    connect: float
    first_byte: float
    between_chunks: float
    total: float


class Reply(Protocol):
    """An answer whose head has come. Whoever holds it closes it."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names are looked up in lower case."""
        ...

    async def read(self) -> bytes:
        """The bytes that came, as soon as any did; none at the end. Raises TransportFailure."""
        ...

    def close(self) -> None:
        """Hang up at once, unless the answer is at its end: then the connection goes back to the pool."""
        ...


class Transport(Protocol):
    """Sends requests. It follows no redirects, keeps no cookies, knows no proxies and always verifies certificates."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, limits: Limits) -> Reply:
        """The answer to one request; cancelling it hangs up. Raises TransportFailure."""
        ...
