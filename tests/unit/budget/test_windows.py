"""Windows begin and end by UTC, wherever the clock stands."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from controlplane.budget.model import Window
from controlplane.budget.windows import span


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)  # type: ignore[misc,arg-type]  # the year and what follows it


@pytest.mark.parametrize(
    ("window", "now", "start", "end"),
    [
        (Window.MINUTE, utc(2026, 11, 21, 12, 34, 56), utc(2026, 11, 21, 12, 34), utc(2026, 11, 21, 12, 35)),
        (Window.HOUR, utc(2026, 11, 21, 23, 0, 0), utc(2026, 11, 21, 23), utc(2026, 11, 22)),
        (Window.DAY, utc(2026, 11, 21, 23, 59, 59, 999_999), utc(2026, 11, 21), utc(2026, 11, 22)),
        (Window.MONTH, utc(2026, 12, 31, 23, 59), utc(2026, 12, 1), utc(2027, 1, 1)),
        (Window.MONTH, utc(2028, 2, 29), utc(2028, 2, 1), utc(2028, 3, 1)),
        (Window.MONTH, utc(2026, 3, 1), utc(2026, 3, 1), utc(2026, 4, 1)),
    ],
)
def test_a_window_is_that_of_the_calendar(window: Window, now: datetime, start: datetime, end: datetime) -> None:
    found = span(window, now)
    assert (found.start, found.ends_at) == (start.timestamp(), end)


def test_what_counts_in_all_never_begins_anew_and_never_ends() -> None:
    found = span(Window.TOTAL, utc(2026, 11, 21))
    assert (found.start, found.ends_at) == (0, None)


@pytest.mark.parametrize("window", [Window.DAY, Window.MONTH])
def test_another_time_zone_changes_nothing(window: Window) -> None:
    now = utc(2026, 11, 30, 23, 30)
    assert span(window, now.astimezone(timezone(timedelta(hours=9)))) == span(window, now)
