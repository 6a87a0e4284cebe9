"""What a provider's rate limits leave, as the headers of its answers say."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import starmap

from dataplane.provider import retry_hint

UNTOLD = timedelta(minutes=1)
"""How long a limit is believed whose window's end is not told: the providers that do not tell it count by the minute."""

_NUMBER = re.compile(r"(\d{1,15})(?:\.\d+)?", re.ASCII)
_MILLISECONDS_SINCE_1970 = 1e11
_SECONDS_SINCE_1970 = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """Requests and tokens that are left of their limits, and when each window begins anew, mirroring turnout.outcome.v1.Headroom.

    A pair of zeros is a limit that the provider does not tell. `as_of` is when it said so.
    """

    as_of: datetime
    requests_limit: int = 0
    requests_remaining: int = 0
    requests_reset_at: datetime | None = None
    tokens_limit: int = 0
    tokens_remaining: int = 0
    tokens_reset_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Window:
    limit: int
    remaining: int
    reset_at: datetime | None

    @property
    def share(self) -> float:
        return self.remaining / self.limit


@dataclass(frozen=True, slots=True)
class _Names:
    """The headers of one limit; the reset is empty where the provider does not tell it."""

    remaining: str
    limit: str
    reset: str = ""


def _common(kind: str) -> _Names:
    return _Names(f"x-ratelimit-remaining{kind}", f"x-ratelimit-limit{kind}", f"x-ratelimit-reset{kind}")


def _anthropic(kind: str) -> _Names:
    start = f"anthropic-ratelimit-{kind}"
    return _Names(f"{start}-remaining", f"{start}-limit", f"{start}-reset")


# OpenAI, Azure and Groq; Anthropic; Mistral; Cerebras; OpenRouter and Together.
_REQUESTS = (
    _common("-requests"),
    _anthropic("requests"),
    _common("-req-minute"),
    _common("-requests-minute"),
    _common("-requests-day"),
    _common(""),
)
_TOKENS = (
    _common("-tokens"),
    _anthropic("tokens"),
    _anthropic("input-tokens"),
    _anthropic("output-tokens"),
    _common("-tokens-minute"),
    _Names("x-tokenlimit-remaining", "x-tokenlimit-limit", "x-tokenlimit-reset"),
)


def read_headroom(headers: Mapping[str, str], now: datetime) -> Headroom | None:
    """The headroom that an answer tells of, None if it tells nothing.

    Where several limits are told the tightest counts. What is left of a limit that is not told counts as all of it.
    """
    requests, tokens = (_tightest(_told(headers, names, now)) for names in (_REQUESTS, _TOKENS))
    return None if requests is None and tokens is None else _headroom(requests, tokens, now)


def renewed(headroom: Headroom, now: datetime) -> Headroom:
    """`headroom` as it is at `now`: a window that began anew is full again, and one whose end was not told is forgotten in time."""
    requests, tokens = (_renewed(window, headroom.as_of, now) for window in _windows(headroom))
    return _headroom(requests, tokens, headroom.as_of)


def merged(before: Headroom | None, after: Headroom) -> Headroom:
    """`after`, with what it does not tell from `before`."""
    if before is None:
        return after
    requests, tokens = (new or old for old, new in zip(_windows(before), _windows(after), strict=True))
    return _headroom(requests, tokens, after.as_of)


def total(headrooms: Iterable[Headroom]) -> Headroom | None:
    """What several keys leave together, None without any; a limit counts only if all of them tell it."""
    every = list(headrooms)
    if not every:
        return None
    requests, tokens = (_sum(windows) for windows in zip(*map(_windows, every), strict=True))
    return _headroom(requests, tokens, max(each.as_of for each in every)) if requests or tokens else None


def share_left(headroom: Headroom | None) -> float:
    """The share that is left of the tightest limit, from 0 to 1; 1 where nothing is known."""
    return min((window.share for window in _windows(headroom) if window), default=1.0) if headroom else 1.0


def _told(headers: Mapping[str, str], limits: tuple[_Names, ...], now: datetime) -> Iterator[_Window]:
    for names in limits:
        remaining = _number(headers.get(names.remaining))
        if remaining is None:
            continue
        limit = _number(headers.get(names.limit))
        limit = max(remaining, 1) if limit is None else limit
        if limit:  # a limit of zero is none: Azure tells -1 and 0 of the endpoints that it does not count
            reset = headers.get(names.reset, "") if names.reset else ""
            yield _Window(limit, min(remaining, limit), _moment(reset, now))


def _tightest(windows: Iterator[_Window]) -> _Window | None:
    return min(windows, key=lambda window: window.share, default=None)


def _headroom(requests: _Window | None, tokens: _Window | None, as_of: datetime) -> Headroom:
    none = _Window(0, 0, None)
    some, more = requests or none, tokens or none
    return Headroom(
        as_of=as_of,
        requests_limit=some.limit,
        requests_remaining=some.remaining,
        requests_reset_at=some.reset_at,
        tokens_limit=more.limit,
        tokens_remaining=more.remaining,
        tokens_reset_at=more.reset_at,
    )


def _windows(headroom: Headroom) -> tuple[_Window | None, _Window | None]:
    told = (
        (headroom.requests_limit, headroom.requests_remaining, headroom.requests_reset_at),
        (headroom.tokens_limit, headroom.tokens_remaining, headroom.tokens_reset_at),
    )
    requests, tokens = (window if window.limit else None for window in starmap(_Window, told))
    return requests, tokens


def _renewed(window: _Window | None, as_of: datetime, now: datetime) -> _Window | None:
    if window is None or (window.reset_at is None and now - as_of >= UNTOLD and window.remaining < window.limit):
        return None
    if window.reset_at is not None and window.reset_at <= now:
        return _Window(window.limit, window.limit, None)
    return window


def _sum(windows: tuple[_Window | None, ...]) -> _Window | None:
    known = [window for window in windows if window]
    if len(known) < len(windows):
        return None
    resets = [window.reset_at for window in known if window.reset_at]
    limit, remaining = sum(window.limit for window in known), sum(window.remaining for window in known)
    return _Window(limit, remaining, max(resets, default=None))


def _number(text: str | None) -> int | None:
    found = _NUMBER.fullmatch(text.strip()) if text else None
    return int(found[1]) if found else None


def _moment(text: str, now: datetime) -> datetime | None:
    """A point in time: RFC 3339, seconds or milliseconds since 1970, or a span such as `6m0s` or plain seconds."""
    text = text.strip()
    if "T" in text:
        return _rfc3339(text)
    since_1970 = _number(text) or 0
    if since_1970 >= _SECONDS_SINCE_1970:
        scale = 1000 if since_1970 >= _MILLISECONDS_SINCE_1970 else 1
        return datetime.fromtimestamp(
            min(since_1970 / scale, now.timestamp() + retry_hint.LONGEST.total_seconds()), UTC
        )
    span = retry_hint.from_span(text)
    return None if span is None else now + span


def _rfc3339(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
