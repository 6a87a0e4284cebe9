"""The face that every wire protocol shows to the server."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dataplane.provider.sandbox.answer.completion import Completion
from dataplane.provider.sandbox.call import Call, ProtocolName
from dataplane.provider.sandbox.wire.reading import BadRequest, Json

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the path of a request says: the model and whether to stream, for a protocol that puts them there."""

    model: str = ""
    stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What makes an answer one of a kind: `token` is 40 letters and digits, `created_s` unix time."""

    token: str
    created_s: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """An error as a provider answers it; `param`, `code` and `reason` where the protocol has such a thing."""

    status: int
    message: str
    param: str | None = None
    code: str | None = None
    reason: str | None = None
    retry_after_s: float | None = None


def no_headers(_error: ApiError) -> Headers:
    """None: the body says it all."""
    return ()


class Frame(NamedTuple):
    """One event of a stream, ready to send once `tokens` tokens are made; `last` for those that end an answer."""

    tokens: int
    data: bytes
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One wire protocol.

    `parse` raises `BadRequest` for a body that is not as the protocol wants it. `failure` is the error that the
    provider answers with that HTTP status when it is in trouble; `refusal`, `unknown_model`, `bad_key` and
    `too_long` (tokens, window) are those for which the caller is to blame. `error_headers` are for a protocol that names
    its errors there.
    """

    name: ProtocolName
    stream_type: str
    answer_type: str
    key: Callable[[Mapping[str, str]], str | None]
    parse: Callable[[Json, Target, Mapping[str, str]], Call]
    answer: Callable[[Call, Completion, Identity], bytes]
    frames: Callable[[Call, Completion, Identity, int | None], Iterator[Frame]]
    headers: Callable[[Identity], Headers]
    error: Callable[[ApiError, Identity], bytes]
    error_frame: Callable[[ApiError, Identity], bytes]
    malformed_frame: bytes
    refusal: Callable[[BadRequest], ApiError]
    unknown_model: Callable[[str], ApiError]
    bad_key: Callable[[str | None], ApiError]
    too_long: Callable[[int, int], ApiError]
    failure: Callable[[int], ApiError]
    error_headers: Callable[[ApiError], Headers] = no_headers


def frame_text(pieces: tuple[str, ...], first: int, rest: int) -> Iterator[tuple[int, str]]:
    """The text in runs of `first`, then `rest` tokens, each with the number of tokens up to its end."""
    at, size = 0, first
    while at < len(pieces):
        yield min(at + size, len(pieces)), "".join(pieces[at : at + size])
        at, size = at + size, rest


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of an `Authorization: Bearer` header."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
