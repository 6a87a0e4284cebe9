"""When the windows of budgets begin and end, by UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from controlplane.budget.model import Window

_SECONDS = MappingProxyType({Window.MINUTE: 60, Window.HOUR: 3_600, Window.DAY: 86_400})


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One window: `start` in seconds since 1970, 0 where it never begins anew; `ends_at` is None if it never ends."""

    start: int
    ends_at: datetime | None


def span(window: Window, now: datetime) -> Span:
    """The window of this kind that `now` is in. A month is that of the calendar; leap seconds do not count."""
    if window is Window.TOTAL:
        return Span(start=0, ends_at=None)
    if window is Window.MONTH:
        return _month(now.astimezone(UTC))
    length = _SECONDS[window]
    start = int(now.timestamp() // length) * length
    return Span(start=start, ends_at=datetime.fromtimestamp(start + length, UTC))


def _month(now: datetime) -> Span:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + timedelta(days=31)).replace(day=1)
    return Span(start=int(first.timestamp()), ends_at=following)
