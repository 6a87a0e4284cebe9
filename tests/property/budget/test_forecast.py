"""What must hold of every forecast."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from controlplane.budget.forecast import Course, forecast
from controlplane.budget.model import Window
from controlplane.budget.windows import span

TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - they get UTC
WINDOWS = st.sampled_from([Window.MINUTE, Window.HOUR, Window.DAY, Window.MONTH])
AMOUNTS = st.integers(0, 10**18)


@st.composite
def courses(draw: st.DrawFn) -> tuple[Course, datetime]:
    """A window with a time in it."""
    now, window = draw(TIMES), draw(WINDOWS)
    present = span(window, now)
    begins_at = datetime.fromtimestamp(present.start, UTC)
    assert present.ends_at is not None
    before = span(window, begins_at - timedelta(microseconds=1))
    course = Course(
        begins_at=begins_at,
        ends_at=present.ends_at,
        spent=draw(AMOUNTS),
        previous=draw(st.none() | AMOUNTS),
        previous_begins_at=datetime.fromtimestamp(before.start, UTC),
    )
    return course, now


@given(courses(), AMOUNTS)
def test_it_is_never_below_what_is_spent(given_course: tuple[Course, datetime], limit: int) -> None:
    course, now = given_course
    assert forecast(course, limit, now).spent >= course.spent


@given(courses(), AMOUNTS, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_at_the_end_and_after_it_is_what_is_spent(
    given_course: tuple[Course, datetime], limit: int, late: timedelta
) -> None:
    course, _ = given_course
    assert forecast(course, limit, course.ends_at + late).spent == course.spent


@given(courses(), AMOUNTS, AMOUNTS)
def test_who_spent_more_will_have_spent_more(given_course: tuple[Course, datetime], more: int, limit: int) -> None:
    course, now = given_course
    higher = replace(course, spent=course.spent + more)
    assert forecast(higher, limit, now).spent >= forecast(course, limit, now).spent + more


@given(courses(), AMOUNTS)
def test_the_limit_is_met_in_this_window_if_the_forecast_reaches_it(
    given_course: tuple[Course, datetime], limit: int
) -> None:
    course, now = given_course
    found = forecast(course, limit, now)
    assert (found.exceeds_at is not None) == (found.spent >= limit)
    assert found.exceeds_at is None or now <= found.exceeds_at <= course.ends_at


@given(courses())
def test_a_rate_that_goes_on_as_in_the_window_before_is_foretold_from_the_begin(
    given_course: tuple[Course, datetime],
) -> None:
    course, _ = given_course
    assert course.previous_begins_at is not None
    length, before = course.ends_at - course.begins_at, course.begins_at - course.previous_begins_at
    previous = course.previous or 0
    at_begin = forecast(replace(course, spent=0, previous=previous), 0, course.begins_at).spent
    assert at_begin == previous * (length // timedelta(microseconds=1)) // (before // timedelta(microseconds=1))
