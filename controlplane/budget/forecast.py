"""Where a window will end if it goes on like this."""

from dataclasses import dataclass
from datetime import datetime, timedelta

LEAST_SHARE = 20
"""What was spent is taken as that of at least one part in so many of the window: a few requests in its first moments are no
rate that holds for the rest of it.
"""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How far a window has come: what it began and ends at, and what the one before came to, None if that is not known."""

    begins_at: datetime
    ends_at: datetime
    spent: int
    previous: int | None = None
    previous_begins_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What will be spent when the window ends, and when the limit is met, None if not in this window."""

    spent: int
    exceeds_at: datetime | None


def forecast(course: Course, limit: int, now: datetime) -> Forecast:
    """The end of a window as it looks at `now`, which is taken into the window if it lies outside.

    To what is spent comes, for the time that is left, a rate: this window's own, `spent` over the time that passed (at
    least one part in LEAST_SHARE of the window), and that of the window before, each weighted by how much is known of this
    one: with the share of it that passed, and with the rest. That is a credibility estimate (Bühlmann 1967) whose weight is
    0 at the begin and 1 at the end; it needs no parameter, and follows a change within the window late rather than wildly.
    Days of the week and hours of the day are not looked at. Without a window before, its own rate counts alone.

    Never below `spent`; `spent` at the end; grows with `spent`.
    """
    length = _micros(course.ends_at - course.begins_at)
    passed = min(max(_micros(now - course.begins_at), 0), length)
    left = length - passed
    growth = _growth(course, length, passed)
    return Forecast(spent=course.spent + growth, exceeds_at=_exceeds_at(course, limit, growth, left))


def _growth(course: Course, length: int, passed: int) -> int:
    """What comes in the time that is left, rounded down."""
    left = length - passed
    own = course.spent * left // max(passed, length // LEAST_SHARE, 1)
    if course.previous is None or course.previous_begins_at is None:
        return own
    before = course.previous * left // max(_micros(course.begins_at - course.previous_begins_at), 1)
    return (own * passed + before * left) // length


def _exceeds_at(course: Course, limit: int, growth: int, left: int) -> datetime | None:
    """By straight line from now on; now, if it is met already."""
    missing, now = limit - course.spent, course.ends_at - left * _MICROSECOND
    if missing <= 0:
        return now
    return now + -(-left * missing // growth) * _MICROSECOND if growth >= missing else None


def _micros(delta: timedelta) -> int:
    return delta // _MICROSECOND
