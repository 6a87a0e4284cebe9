"""Where windows end, by figures."""

from datetime import UTC, datetime, timedelta

from controlplane.budget.forecast import Course, forecast

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
DAY = timedelta(days=1)


def course(spent: int, previous: int | None = None) -> Course:
    return Course(
        begins_at=MIDNIGHT,
        ends_at=MIDNIGHT + DAY,
        spent=spent,
        previous=previous,
        previous_begins_at=MIDNIGHT - DAY,
    )


def test_without_a_day_before_half_a_day_stands_for_the_other_half() -> None:
    found = forecast(course(600), 1_000, MIDNIGHT + DAY / 2)
    assert found.spent == 1_200
    assert found.exceeds_at == MIDNIGHT + timedelta(hours=20)


def test_the_first_moments_do_not_stand_for_the_whole_day() -> None:
    assert forecast(course(10), 1_000, MIDNIGHT + timedelta(seconds=1)).spent < 10 * 21
    assert forecast(course(10), 1_000, MIDNIGHT + DAY / 20).spent == 10 * 20


def test_the_day_before_counts_as_much_as_is_left_of_this_one() -> None:
    at_six = forecast(course(0, previous=2_400), 10_000, MIDNIGHT + DAY / 4)
    assert at_six.spent == 2_400 * 3 // 4 * 3 // 4
    at_noon = forecast(course(600, previous=2_400), 10_000, MIDNIGHT + DAY / 2)
    assert at_noon.spent == 600 + (600 + 1_200) // 2


def test_a_limit_that_is_met_is_met_now() -> None:
    now = MIDNIGHT + DAY / 2
    assert forecast(course(1_000), 1_000, now).exceeds_at == now


def test_nothing_spent_meets_nothing() -> None:
    assert forecast(course(0), 1, MIDNIGHT + DAY / 2).exceeds_at is None
