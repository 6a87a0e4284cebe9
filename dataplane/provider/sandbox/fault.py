"""Faults: which calls they strike, decided from a seed and counters alone."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from types import MappingProxyType

from dataplane.provider.sandbox.document import Bounds, DocumentError, array, joined, mapping, read
from dataplane.provider.sandbox.draws import Draws, digest

MAX_FAULTS = 200


class FaultKind(StrEnum):
    """What goes wrong."""

    STATUS = "status"
    SLOW_FIRST_BYTE = "slow_first_byte"
    HANG = "hang"
    RESET = "reset"
    DISCONNECT = "disconnect"
    TRUNCATE = "truncate"
    MALFORMED = "malformed"
    ERROR_EVENT = "error_event"
    EMPTY = "empty"
    CONTENT_TYPE = "content_type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    `status`: answer with HTTP `status`, and `retry_after_s` where given. `slow_first_byte`: `delay_s` more before
    anything is sent. `hang`: nothing is ever sent. `reset`: the connection is reset before the headers.
    `disconnect`, `truncate`, `malformed`, `error_event`: after `after_chunks` events of a stream, or in an
    answer that is not streamed, the connection breaks; the stream ends without its last events (None: after all
    others); an event is not JSON; an error is sent inside the 200 (with `status` and `retry_after_s` as its
    cause). `empty`: an answer without a word. `content_type`: a 200 with an HTML page.

    It strikes calls of `model` (None: of all) from `from_s` until `for_s` later, in seconds since it was set,
    each with probability `rate`, and at most `count` of them (None: no limit).
    """

    id: str = ""
    kind: FaultKind
    model: str | None = None
    status: int = 503
    retry_after_s: float | None = None
    delay_s: float = 5.0
    after_chunks: int | None = None
    rate: float = 1.0
    count: int | None = None
    from_s: float = 0.0
    for_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """A fault that was set at `since_s`, has looked at `seen` calls and has struck `hits` of them."""

    fault: Fault
    since_s: float
    seen: int = 0
    hits: int = 0


STATUSES = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)
_BOUNDS: Mapping[str, Bounds] = MappingProxyType(
    {
        "rate": Bounds(low=0.0, high=1.0),
        "count": Bounds(low=0),
        "after_chunks": Bounds(low=0),
        "delay_s": Bounds(low=0.0, high=86_400.0),
        "retry_after_s": Bounds(low=0.0, high=86_400.0),
        "from_s": Bounds(low=0.0),
        "for_s": Bounds(low=0.0),
    }
)
_COMMON = frozenset({"id", "kind", "model", "rate", "count", "from_s", "for_s"})
_OWN: Mapping[FaultKind, frozenset[str]] = MappingProxyType(
    {
        FaultKind.STATUS: frozenset({"status", "retry_after_s"}),
        FaultKind.ERROR_EVENT: frozenset({"status", "retry_after_s", "after_chunks"}),
        FaultKind.SLOW_FIRST_BYTE: frozenset({"delay_s"}),
        FaultKind.DISCONNECT: frozenset({"after_chunks"}),
        FaultKind.TRUNCATE: frozenset({"after_chunks"}),
        FaultKind.MALFORMED: frozenset({"after_chunks"}),
    }
)


def read_faults(data: object, path: str = "faults") -> tuple[Fault, ...]:
    """Faults from a list of mappings; one without an id gets its number.

    Raises:
        DocumentError: a field is wrong, an id is there twice, or there are more than 200.
    """
    items = array(data, path)
    if len(items) > MAX_FAULTS:
        raise DocumentError(path, f"{len(items)} faults are more than {MAX_FAULTS}")
    faults = tuple(read_fault(item, f"{path}[{number}]", str(number)) for number, item in enumerate(items))
    ids = [fault.id for fault in faults]
    twice = next((one for one in ids if ids.count(one) > 1), None)
    if twice is not None:
        raise DocumentError(path, f"the id {twice!r} is there twice")
    return faults


def read_fault(data: object, path: str, default_id: str) -> Fault:
    """One fault from a mapping.

    Raises:
        DocumentError: a field is wrong, or does not belong to the kind.
    """
    fault = read(Fault, data, path, _BOUNDS)
    stray = sorted(set(mapping(data, path)) - _COMMON - _OWN.get(fault.kind, frozenset()))
    if stray:
        raise DocumentError(joined(path, stray[0]), f"does not belong to a fault of kind {fault.kind}")
    if fault.status not in STATUSES:
        raise DocumentError(joined(path, "status"), f"{fault.status} is not one of {', '.join(map(str, STATUSES))}")
    return fault if fault.id else replace(fault, id=default_id)


def arm(faults: Sequence[Fault], now_s: float) -> tuple[Armed, ...]:
    """The faults as they are when they have just been set."""
    return tuple(Armed(fault=fault, since_s=now_s) for fault in faults)


def strike(armed: tuple[Armed, ...], model: str, now_s: float, seed: int) -> tuple[Fault | None, tuple[Armed, ...]]:
    """The first fault that strikes a call of `model`, if any, and all of them as they are afterwards.

    The draw depends on the seed, the fault's id and how many calls the fault has looked at, so a run of calls
    one after another meets the same faults each time.
    """
    for number, one in enumerate(armed):
        if not _looks(one, model, now_s):
            continue
        hit = Draws(digest(seed, one.fault.id, one.seen)).unit() < one.fault.rate
        after = replace(one, seen=one.seen + 1, hits=one.hits + hit)
        armed = (*armed[:number], after, *armed[number + 1 :])
        if hit:
            return one.fault, armed
    return None, armed


def _looks(one: Armed, model: str, now_s: float) -> bool:
    fault, age = one.fault, now_s - one.since_s
    if fault.model not in (None, model) or (fault.count is not None and one.hits >= fault.count):
        return False
    return fault.from_s <= age and (fault.for_s is None or age < fault.from_s + fault.for_s)


def described(one: Armed) -> dict[str, object]:
    """A fault as the admin surface shows it: what was set, and how often it struck."""
    defaults = {field.name: field.default for field in fields(Fault)}
    given = {name: value for name, value in asdict(one.fault).items() if value != defaults[name]}
    return {**given, "seen": one.seen, "hits": one.hits}
