"""How long a provider asks to wait, from headers and error bodies."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(days=1)
"""A longer hint is cut to this: whoever waits a day will ask again anyway."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = re.compile(r"(?:\d{1,12}(?:\.\d{1,12})?(?:ms|s|m|h|d)){1,6}", re.ASCII)
_SPAN_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_DECIMAL = re.compile(r"\d{1,15}(?:\.\d{1,12})?", re.ASCII)
_RESETS = ("requests", "tokens")


def from_headers(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """The wait that `retry-after-ms` (OpenAI, Azure) or `retry-after` (RFC 9110, 10.2.3: seconds or a date) asks for."""
    milliseconds = _seconds(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    text = headers.get("retry-after", "").strip()
    seconds = _seconds(text)
    return _bounded(seconds) if seconds is not None else _until(text, now)


def from_rate_limits(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """The wait until the limits that `x-ratelimit-*` tells of are open again.

    OpenAI and its likes give one reset for requests and one for tokens, as spans such as `6m0s`: the longest of those
    that are used up, or the shortest if none says so. OpenRouter gives one point in time, in milliseconds.
    """
    spans = {kind: from_span(headers.get(f"x-ratelimit-reset-{kind}", "")) for kind in _RESETS}
    known = {kind: span for kind, span in spans.items() if span is not None}
    used_up = [span for kind, span in known.items() if headers.get(f"x-ratelimit-remaining-{kind}") == "0"]
    if used_up:
        return max(used_up)
    return min(known.values()) if known else from_epoch(headers.get("x-ratelimit-reset", ""), now)


def from_span(text: str) -> timedelta | None:
    """A span such as `34.07s`, `6m0s`, `250ms`, or plain seconds."""
    if _SPAN.fullmatch(text):
        return _bounded(sum(float(number) * _UNITS[unit] for number, unit in _SPAN_PART.findall(text)))
    seconds = _seconds(text)
    return None if seconds is None else _bounded(seconds)


def from_epoch(text: str, now: datetime) -> timedelta | None:
    """The time until a point given in milliseconds since 1970."""
    milliseconds = _seconds(text)
    return None if milliseconds is None else _bounded(milliseconds / 1000 - now.timestamp())


def _seconds(text: str) -> float | None:
    return float(text) if _DECIMAL.fullmatch(text.strip()) else None


def _bounded(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST.total_seconds()))


def _until(text: str, now: datetime) -> timedelta | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _bounded((moment - now).total_seconds())
