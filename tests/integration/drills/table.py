"""The drills: what goes wrong, and what callers, bills and receipts say of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.support.claude import opening, piece, written
from tests.support.drills import Drill, Way
from tests.support.fault_proxy import Slow, Stalled, garbled, halved, reset, silent, truncated
from tests.support.provider import Step, begin, error
from tests.support.raw_server import Connection

BUSY = b'{"error":{"message":"busy","type":"overloaded_error"}}'


def oops(*texts: str) -> Step:
    """A stream that begins with these pieces and ends with an error event."""

    async def step(connection: Connection, asked: dict[str, object]) -> None:
        await begin(connection, *texts)
        await connection.send_chunk(b'data: {"error":{"message":"oops","type":"server_error"}}\n\n')
        await connection.send_chunk(b"data: [DONE]\n\n")
        await connection.send_chunk(b"")

    return step


WAITS_LITTLE = {"first_token": "300ms"}
STALLS_LITTLE = {"between_chunks": "300ms"}
SECOND = "second succeeded stated"
"""The target behind the one that a drill is about answers."""
DOWN = "InternalServerError 502 TARGETS_EXHAUSTED, do not"
LATE = "InternalServerError 504 TARGETS_EXHAUSTED, do not"
BUSY_OPENAI = "InternalServerError 503 TARGETS_EXHAUSTED, do not"
BUSY_CLAUDE = "OverloadedError 529 TARGETS_EXHAUSTED, do not"
LIMITED = "RateLimitError 429 PROVIDER_THROTTLED, come again"
DOWN_CLAUDE = "ServiceUnavailableError 503 TARGETS_EXHAUSTED, do not"
LATE_CLAUDE = "GatewayTimeoutError 504 TARGETS_EXHAUSTED, do not"
BROKEN = "APIError stream_broken"


def made_good(name: str, seen: dict[Way, str], *calls: str, **fault: object) -> Iterator[Drill]:
    """The second target answers, and the caller notices nothing; `seen` is the control, where one attempt is all there is."""
    for way, told in seen.items():
        drill = replace(Drill(name=name, way=way), **fault)  # type: ignore[arg-type]  # the table names fields of Drill
        yield replace(drill, calls=(*calls, SECOND))
        failed = f"failed {told.split()[2].removesuffix(',')}"
        yield replace(drill, alone=True, seen=told, read="", receipt=failed, calls=calls[:1])


def broken(name: str, way: Way, seen: str, read: str, end: str, **fault: object) -> Drill:
    """After the first content nobody takes over: what came was read, then the SDK raises, and what came is billed."""
    drill = Drill(name=name, way=way, seen=seen, read=read, receipt="broken STREAM_BROKEN")
    return replace(drill, calls=(f"first {end} estimated",), **fault)  # type: ignore[arg-type]  # see above


def _no_answer() -> Iterator[Drill]:
    everybody = {Way.WHOLE: DOWN, Way.STREAM: DOWN, Way.CLAUDE: DOWN_CLAUDE}
    yield from made_good("refused", everybody, *["first failed connect free"] * 2, refused=True)
    yield from made_good("reset", everybody, "first failed disconnected estimated", plays=(reset,))
    yield from made_good(
        "hanging TLS",
        {Way.STREAM: LATE},
        *["first failed timeout_connect free"] * 2,
        plays=(silent, silent),
        tls=True,
        timeouts={"connect": "300ms"},
    )
    yield from made_good(
        "slow first byte",
        {Way.STREAM: LATE, Way.CLAUDE: LATE_CLAUDE},
        "first failed timeout_first_token estimated",
        plays=(Slow(),),
        timeouts=WAITS_LITTLE,
    )
    yield from made_good(
        "slow answer",
        {Way.WHOLE: LATE},
        "first failed timeout_total estimated",
        plays=(Slow(),),
        timeouts={"total": "300ms"},
    )
    yield from made_good(
        "stall before content",
        {Way.STREAM: LATE},
        "first failed timeout_first_token estimated",
        plays=(Stalled(0),),
        timeouts=WAITS_LITTLE,
    )


def _unreadable() -> Iterator[Drill]:
    stream, whole = {Way.STREAM: DOWN}, {Way.WHOLE: DOWN}
    everybody = {**whole, **stream, Way.CLAUDE: DOWN_CLAUDE}
    cut, unread = "first failed stream_cut estimated", "first failed malformed estimated"
    oops_first = "first failed error_event estimated"
    halves = error("200 OK", body=b'{"choices": [{"del')
    yield from made_good("truncated", whole, "first failed disconnected estimated", plays=(halved,))
    yield from made_good("truncated before content", stream, cut, plays=(truncated(0),))
    yield from made_good("malformed answer", whole, unread, steps=(halves,))
    yield from made_good("malformed first event", stream, unread, plays=(garbled(0),))
    yield from made_good("error in a 200", everybody, oops_first, steps=(error("200 OK"),))
    yield from made_good("error event first", stream, oops_first, steps=(oops(),))


def _broken() -> Iterator[Drill]:
    api, late = "APIStatusError api_error stream_broken", "APIStatusError timeout_error stream_broken"
    stall, cut, unread = "failed timeout_between_chunks", "failed stream_cut", "failed malformed"
    torn = b'data: {"type": "content_\n\n'
    half, after, end = {"events": 1}, {"events": 3}, "truncated between events"
    yield broken("stall", Way.STREAM, BROKEN, "Bl", stall, plays=(Stalled(1),), timeouts=STALLS_LITTLE)
    yield broken("stall", Way.CLAUDE, late, "Bl", stall, plays=(Stalled(3),), timeouts=STALLS_LITTLE)
    yield broken(
        "truncated in an event", Way.STREAM, BROKEN, "Bl", cut, plays=(truncated(**half, more=30, framed=True),)
    )
    yield broken("truncated in an event", Way.CLAUDE, api, "Bl", cut, plays=(truncated(**after, more=30, framed=True),))
    yield broken(end, Way.STREAM, BROKEN, "Blue.", cut, plays=(truncated(2),))
    yield broken(end, Way.CLAUDE, api, "Blue.", cut, plays=(truncated(5),))
    yield broken("malformed event", Way.STREAM, BROKEN, "Bl", unread, plays=(garbled(1),))
    yield broken("malformed event", Way.CLAUDE, api, "Bl", unread, plays=(garbled(3, torn),))
    yield broken("error event", Way.STREAM, BROKEN, "Bl", "failed error_event", steps=(oops("Bl"),))
    yield broken(
        "error event",
        Way.CLAUDE,
        "APIStatusError overloaded_error stream_broken",
        "Bl",
        "throttled overloaded",
        steps=(claude_oops(),),
    )


def _limited() -> Iterator[Drill]:
    limit, free = "429 Too Many Requests", "first throttled rate_limited free"
    everybody = dict.fromkeys(Way, LIMITED)
    later = dict.fromkeys((Way.STREAM, Way.CLAUDE), "RateLimitError 429 PROVIDER_THROTTLED after 900, do not")
    soon = error(limit, headers="Retry-After-Ms: 50\r\n")
    yield from made_good("429", everybody, free, steps=(error(limit),))
    yield from made_good("429 for 15 minutes", later, free, steps=(error(limit, headers="Retry-After: 900\r\n"),))
    (again, alone) = made_good(
        "429 for a moment",
        {Way.STREAM: "RateLimitError 429 PROVIDER_THROTTLED after 1, come again"},
        free,
        steps=(soon,),
    )
    yield from (replace(again, calls=(free, "first succeeded stated")), alone)


def _overloaded() -> Iterator[Drill]:
    failed, throttled = "first failed overloaded free", "first throttled overloaded free"
    openais = {Way.WHOLE: BUSY_OPENAI, Way.STREAM: BUSY_OPENAI}
    minute = "Retry-After: 60\r\n"
    soon = {Way.STREAM: "InternalServerError 503 PROVIDER_THROTTLED after 60, come again"}
    claude_soon = {Way.CLAUDE: "OverloadedError 529 PROVIDER_THROTTLED after 60, come again"}
    away, busy = "503 Service Unavailable", "529 Overloaded"
    yield from made_good("503", openais, failed, steps=(error(away, body=BUSY),))
    yield from made_good("503 for a minute", soon, throttled, steps=(error(away, body=BUSY, headers=minute),))
    yield from made_good("529", {Way.CLAUDE: BUSY_CLAUDE}, failed, steps=(error(busy, body=BUSY),))
    yield from made_good("529 for a minute", claude_soon, throttled, steps=(error(busy, body=BUSY, headers=minute),))
    yield from made_good("500", {Way.STREAM: DOWN}, "first failed http_500 free", steps=(error("500 Oops"),))


def claude_oops() -> Step:
    """Anthropic's error event in mid stream."""

    async def step(connection: Connection, asked: dict[str, object]) -> None:
        await begin(connection)
        busy = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        for event in (*opening(), piece("Bl"), busy):
            await connection.send_chunk(written(event))
        await connection.send_chunk(b"")

    return step


DRILLS: Sequence[Drill] = (*_no_answer(), *_unreadable(), *_broken(), *_limited(), *_overloaded())
