"""Drift is told where there is some, and seldom where there is none."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.insight.band import Limits, Noise
from controlplane.insight.drift import Drift, Measure, Segment, State, Subject, Tuning, judged
from controlplane.insight.drift_mix import mix_of, shifts
from controlplane.insight.tails import f_quantile, f_tail
from controlplane.insight.traffic import Day, Moments, Traffic
from tests.support.drifting import Draw, Habits, looks, shifted

SUPPORT = Segment(tenant="acme", workload="support")
UNEVEN = Habits(requests=1_000, uneven=0.01, daily=0.02)
WEEKS = 30
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


def alarms(habits: Habits, weeks: int = WEEKS, seed: int = 1) -> Sequence[int]:
    """Alarms of each look, one a day over steady weeks."""
    days = {SUPPORT: Draw(seed).days(habits, 28 + 7 * weeks)}
    return [sum(drift.state is State.ALARM for drift in judged(look)) for look in looks(days)]


def share(counts: Sequence[int]) -> float:
    """Of looks with an alarm."""
    return sum(map(bool, counts)) / len(counts)


STEADY = {
    "few": Habits(requests=60, uneven=0.01, daily=0.02),
    "usual": UNEVEN,
    "weekends": replace(UNEVEN, weekend=0.5),
    "alike": Habits(requests=1_000),
    "many": Habits(requests=20_000, uneven=0.03, daily=0.03, weekend=0.3),
    "rough": Habits(requests=500, uneven=0.06, daily=0.06),
}


@pytest.mark.parametrize("habits", STEADY.values(), ids=STEADY)
def test_steady_traffic_seldom_alarms(habits: Habits) -> None:
    assert share(alarms(habits)) <= 0.02


def test_without_what_days_differ_by_anyway_steady_traffic_would_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(squares: float, sizes: Iterable[list[int]], *, fitted: float) -> float:
        return 0.0

    monkeypatch.setattr("controlplane.insight.drift_mix.between", none)
    monkeypatch.setattr("controlplane.insight.drift_means.between", none)
    assert share(alarms(STEADY["rough"], weeks=8)) > 0.5


def test_without_the_noise_of_samples_little_traffic_would_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(limits: Limits, noise: Noise) -> float:
        return 0.0

    little = Habits(requests=60, judged=0.8)
    assert share(alarms(little, weeks=8)) == 0
    monkeypatch.setattr("controlplane.insight.band.Limits.reach", nothing)
    assert share(alarms(little, weeks=8)) > 0.3


def test_without_sharing_the_chance_among_all_that_is_looked_at_many_workloads_would_alarm() -> None:
    days = {Segment(tenant="acme", workload=str(each)): Draw(each).days(UNEVEN, 40) for each in range(15)}
    often = Tuning(rate=0.3)
    together = sum(any(each.state is State.ALARM for each in judged(look, tuning=often)) for look in looks(days))
    alone = sum(
        any(each.state is State.ALARM for segment in look for each in judged({segment: look[segment]}, tuning=often))
        for look in looks(days)
    )
    assert together <= 4
    assert alone >= 8


def today(before: Habits, after: Habits, seed: int, weekday: int = 28) -> Traffic:
    """Four weeks of one kind, and a day of another."""
    draw = Draw(seed)
    reference = draw.days(before, 28)
    return Traffic(recent=[draw.day(after, weekday)], reference=reference)


def state(traffic: Traffic, measure: Measure) -> State:
    """Of one measure."""
    return drift(traffic, measure).state


def drift(traffic: Traffic, measure: Measure) -> Drift:
    """One measure alone."""
    return next(each for each in judged({SUPPORT: traffic}) if each.subject.measure is measure)


CHANGES = {
    "a fifth of requests is of another kind": (UNEVEN, shifted(UNEVEN, 0.2), Measure.MIX),
    "on a weekend": (STEADY["weekends"], shifted(STEADY["weekends"], 0.25), Measure.MIX),
    "confidence is 0.1 lower": (UNEVEN, replace(UNEVEN, confidence=0.7), Measure.CONFIDENCE),
    "quality of 200 judged answers is 0.2 lower": (
        replace(UNEVEN, judged=0.2),
        replace(UNEVEN, judged=0.2, quality=0.65),
        Measure.QUALITY,
    ),
}


@pytest.mark.parametrize(("before", "after", "measure"), CHANGES.values(), ids=CHANGES)
def test_a_shift_is_found_within_a_day(before: Habits, after: Habits, measure: Measure) -> None:
    weekday = 33 if before.weekend else 28
    found = [state(today(before, after, seed, weekday), measure) is State.ALARM for seed in range(40)]
    assert sum(found) >= 38


def test_a_kind_of_request_that_was_never_seen_alarms() -> None:
    only = Day(weekend=False, mix={("qa", "simple"): 200})
    new = Day(weekend=False, mix={("qa", "simple"): 150, ("code", "expert"): 50})
    found = drift(Traffic(recent=[new], reference=[only] * 14), Measure.MIX)
    assert found.state is State.ALARM
    assert found.detail == "most of it: all other kinds is 25.0% of requests, where 0.0% were due"


def test_three_strange_requests_do_not_alarm_though_their_kind_was_never_seen() -> None:
    only = Day(weekend=False, mix={("qa", "simple"): 60})
    new = Day(weekend=False, mix={("qa", "simple"): 57, ("code", "expert"): 3})
    assert state(Traffic(recent=[new], reference=[only] * 14), Measure.MIX) is State.STEADY


def judged_day(good: int, bad: int) -> Day:
    """A working day on which answers were judged."""
    return Day(weekend=False, mix={("qa", "simple"): 100}, quality=Moments(count=good + bad, total=good, squares=good))


def test_few_bad_answers_do_not_alarm_where_there_was_none_before() -> None:
    assert (
        state(Traffic(recent=[judged_day(28, 2)], reference=[judged_day(30, 0)] * 14), Measure.QUALITY) is State.STEADY
    )
    assert (
        state(Traffic(recent=[judged_day(15, 15)], reference=[judged_day(30, 0)] * 14), Measure.QUALITY) is State.ALARM
    )


def test_too_little_tells_nothing() -> None:
    for traffic in (
        Traffic(recent=[judged_day(29, 0)], reference=[judged_day(30, 0)] * 14),
        Traffic(recent=[judged_day(30, 0)], reference=[judged_day(30, 0)] * 6),
        Traffic(recent=[judged_day(30, 0)], reference=[judged_day(9, 0)] * 10),
    ):
        found = drift(traffic, Measure.QUALITY)
        assert (found.state, found.band) == (State.UNKNOWN, None)
        assert found.detail == "too little to tell: it takes 30 judged answers lately, and 100 on 7 days before"


def test_weekends_are_compared_with_weekends() -> None:
    habits = replace(UNEVEN, weekend=1.0, uneven=0.002)
    traffic = today(habits, habits, 3, weekday=33)
    assert state(traffic, Measure.MIX) is State.STEADY
    monday = replace(traffic, recent=[replace(traffic.recent[0], weekend=False)])
    assert state(monday, Measure.MIX) is State.ALARM


def test_days_over_a_weekend_are_compared_with_as_much_of_both() -> None:
    draw, habits = Draw(5), replace(UNEVEN, weekend=0.6)
    reference = draw.days(habits, 28)
    friday, saturday = draw.day(replace(habits, requests=500), 32), draw.day(replace(habits, requests=500), 33)
    assert state(Traffic(recent=[friday, saturday], reference=reference), Measure.MIX) is State.STEADY


def test_an_alarm_ends_well_within_its_band_and_not_at_its_edge() -> None:
    subject = Subject(segment=SUPPORT, measure=Measure.QUALITY)

    def now(good: int, *, held: bool) -> State:
        traffic = Traffic(recent=[judged_day(good, 1000 - good)], reference=[judged_day(900, 100)] * 14)
        found = judged({SUPPORT: traffic}, {subject: BEGAN} if held else {})
        told = next(each for each in found if each.subject == subject)
        assert told.since == (BEGAN if held and told.state is State.ALARM else None)
        return told.state

    path = [(840, State.ALARM), (852, State.ALARM), (858, State.ALARM), (862, State.ALARM), (870, State.STEADY)]
    held = False
    for good, expected in path:
        found = now(good, held=held)
        assert found is expected, good
        held = found is State.ALARM
    assert now(858, held=False) is State.STEADY, "which would flap without what is held"


def test_an_alarm_of_a_kind_of_work_is_told_though_there_is_too_little_of_it_now() -> None:
    code = replace(SUPPORT, task_type="code")
    traffic = {code: Traffic(recent=[judged_day(3, 0)], reference=[judged_day(30, 0)] * 14)}
    assert [each.state for each in judged(traffic) if each.subject.measure is Measure.QUALITY] == []
    held = judged(traffic, {Subject(segment=code, measure=Measure.QUALITY): BEGAN})
    assert [each.state for each in held if each.subject.measure is Measure.QUALITY] == [State.UNKNOWN]


kinds = st.sampled_from([("qa", "simple"), ("code", "expert"), ("chat", ""), ("", "")])
moments = st.lists(st.floats(0, 1), max_size=8).map(
    lambda values: Moments(count=len(values), total=sum(values), squares=sum(each * each for each in values))
)
days = st.builds(
    Day,
    weekend=st.booleans(),
    mix=st.dictionaries(kinds, st.integers(1, 10**6), max_size=4),
    confidence=moments,
    quality=moments,
)
LITTLE = Tuning(
    days=1, enough={each: replace(Tuning().enough[each], recent=1, reference=1) for each in Measure}
)  # so that everything is told


@given(st.lists(days, max_size=4), st.lists(days, max_size=9), st.integers(1, 3))
def test_whatever_was_counted_every_band_has_an_order_and_every_alarm_is_out_of_its_band(
    recent: list[Day], reference: list[Day], length: int
) -> None:
    found = judged({SUPPORT: Traffic(recent=recent, reference=reference, days=length)}, tuning=LITTLE)
    assert {each.subject.measure for each in found} == set(Measure)
    for each in found:
        if each.band is None:
            assert each.state is State.UNKNOWN
        else:
            assert each.band.low <= each.band.reference <= each.band.high
            assert (each.state is State.ALARM) == (not each.band.low <= each.band.value <= each.band.high)


@given(st.lists(days.filter(lambda day: day.requests > 0), min_size=1, max_size=5))
def test_a_mix_beside_itself_is_no_shift(found: list[Day]) -> None:
    alike = [replace(day, weekend=False) for day in found]
    assert sum(shifts(mix_of(Traffic(recent=alike, reference=alike)))) < 1e-9


@given(st.floats(1e-8, 0.5), st.floats(1, 30), st.floats(1, 800))
def test_a_quantile_is_exceeded_as_often_as_was_asked(tail: float, upper: float, lower: float) -> None:
    value = f_quantile(tail, upper, lower)
    if value < 1e11:
        assert abs(f_tail(value, upper, lower) / tail - 1) < 1e-3


def test_quantiles_are_those_of_the_tables() -> None:
    table = {(0.05, 1, 10): 4.965, (0.01, 5, 20): 4.103, (0.05, 10, 120): 1.910, (0.01, 1, 6): 13.745}
    for (tail, upper, lower), value in table.items():
        assert abs(f_quantile(tail, upper, lower) - value) < 1e-3
