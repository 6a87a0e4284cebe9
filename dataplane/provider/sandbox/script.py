"""What is sent for a call, and when: control flow without I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from dataplane.provider.sandbox.answer.completion import Completion
from dataplane.provider.sandbox.call import Call
from dataplane.provider.sandbox.fault import Fault, FaultKind
from dataplane.provider.sandbox.pace import Pace
from dataplane.provider.sandbox.wire.model import ApiError, Frame, Headers, Identity, Wire

_PAGE = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>We will be back</h1></body></html>\n"
_AFTER_CHUNKS = 2


class Reply(NamedTuple):
    """Send a whole answer."""

    at_s: float
    status: int
    headers: Headers
    body: bytes


class Begin(NamedTuple):
    """Send the head of an answer that comes in chunks."""

    at_s: float
    status: int
    headers: Headers


class Chunk(NamedTuple):
    """Send a part of the body."""

    at_s: float
    data: bytes


class End(NamedTuple):
    """End the body properly."""

    at_s: float


class Break(NamedTuple):
    """Close the connection, by a reset or in the middle of the body."""

    at_s: float
    reset: bool


class Hang(NamedTuple):
    """Send nothing more, until the client goes."""

    at_s: float


Step = Reply | Begin | Chunk | End | Break | Hang


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that the steps of one answer depend on."""

    wire: Wire
    call: Call
    completion: Completion
    identity: Identity
    pace: Pace
    chunk_tokens: int | None = None
    fault: Fault | None = None

    def is_struck_by(self, kind: FaultKind) -> bool:
        """Whether the fault of this call is of that kind."""
        return self.fault is not None and self.fault.kind is kind


def steps(scene: Scene) -> Iterator[Step]:
    """The steps of an answer, `at_s` in seconds from the start of the call, never decreasing."""
    fault = scene.fault
    match fault.kind if fault else None:
        case FaultKind.STATUS if fault:
            yield refused(scene.wire, failure_of(scene.wire, fault), scene.identity)
        case FaultKind.HANG:
            yield Hang(0.0)
        case FaultKind.RESET:
            yield Break(0.0, reset=True)
        case FaultKind.CONTENT_TYPE:
            yield Reply(_first(scene), 200, (("content-type", "text/html; charset=utf-8"),), _PAGE)
        case _ if scene.call.stream:
            yield from _streamed(scene)
        case _:
            yield from _whole(scene)


def refused(wire: Wire, error: ApiError, identity: Identity) -> Reply:
    """The answer to a call that is refused."""
    headers: Headers = (("content-type", wire.answer_type), *wire.headers(identity), *wire.error_headers(error))
    if error.retry_after_s is not None:
        # RFC 9110 allows whole seconds only: rounded up, so that nobody comes too early.
        headers = (*headers, ("retry-after", str(-int(-error.retry_after_s // 1))))
    return Reply(0.0, error.status, headers, wire.error(error, identity))


def failure_of(wire: Wire, fault: Fault) -> ApiError:
    """The error that a provider answers with the status of `fault`."""
    error = wire.failure(fault.status)
    return ApiError(
        status=error.status,
        message=error.message,
        code=error.code,
        reason=error.reason,
        retry_after_s=fault.retry_after_s,
    )


def _first(scene: Scene) -> float:
    slow = scene.fault.delay_s if scene.fault and scene.fault.kind is FaultKind.SLOW_FIRST_BYTE else 0.0
    return scene.pace.first_s + slow


def _headers(scene: Scene, content_type: str) -> Headers:
    quality = ("x-sandbox-quality", scene.completion.quality.value)
    return (("content-type", content_type), quality, *scene.wire.headers(scene.identity))


def _whole(scene: Scene) -> Iterator[Step]:
    body = scene.wire.answer(scene.call, scene.completion, scene.identity)
    at_s = _first(scene) + scene.pace.at(scene.completion.tokens) - scene.pace.first_s
    headers = _headers(scene, scene.wire.answer_type)
    if scene.is_struck_by(FaultKind.DISCONNECT):
        yield Begin(at_s, 200, headers)
        yield Chunk(at_s, body[: len(body) // 2])
        yield Break(at_s, reset=False)
        return
    if scene.is_struck_by(FaultKind.TRUNCATE):
        body = body[: len(body) // 2]
    elif scene.is_struck_by(FaultKind.MALFORMED):
        body = b"{" + body
    elif scene.is_struck_by(FaultKind.ERROR_EVENT) and scene.fault:
        body = scene.wire.error(failure_of(scene.wire, scene.fault), scene.identity)
    yield Reply(at_s, 200, headers, body)


def _streamed(scene: Scene) -> Iterator[Step]:
    delay = _first(scene) - scene.pace.first_s
    at_s = _first(scene)
    yield Begin(at_s, 200, _headers(scene, scene.wire.stream_type))
    for frame in _struck(scene):
        at_s = max(at_s, delay + scene.pace.at(frame.tokens))
        yield Chunk(at_s, frame.data)
    yield Break(at_s, reset=False) if scene.is_struck_by(FaultKind.DISCONNECT) else End(at_s)


def _struck(scene: Scene) -> Iterator[Frame]:
    """The frames of the answer, with what the fault does to them."""
    frames, fault = scene.wire.frames(scene.call, scene.completion, scene.identity, scene.chunk_tokens), scene.fault
    if fault is None:
        return frames
    after = _AFTER_CHUNKS if fault.after_chunks is None else fault.after_chunks
    match fault.kind:
        case FaultKind.DISCONNECT:
            return islice(frames, after)
        case FaultKind.TRUNCATE:
            return islice((frame for frame in frames if not frame.last), fault.after_chunks)
        case FaultKind.MALFORMED:
            return _with(frames, after, scene.wire.malformed_frame, goes_on=True)
        case FaultKind.ERROR_EVENT:
            error = scene.wire.error_frame(failure_of(scene.wire, fault), scene.identity)
            return _with(frames, after, error, goes_on=False)
        case _:
            return frames


def _with(frames: Iterator[Frame], after: int, extra: bytes, *, goes_on: bool) -> Iterator[Frame]:
    """`after` of the frames (fewer where the answer is shorter), one more, and the rest where it `goes_on`."""
    tokens = 0
    for frame in islice((frame for frame in frames if goes_on or not frame.last), after):
        tokens = frame.tokens
        yield frame
    yield Frame(tokens, extra)
    if goes_on:
        yield from frames
