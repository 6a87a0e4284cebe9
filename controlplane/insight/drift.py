"""Whether traffic is still as it was: of every segment the latest days beside those before them. Pure.

A band is at least as wide as the smallest shift that counts, and at least as wide as chance: that of so many requests, that of
one day which differs from another anyway, and that of so many bands which are looked at together. So an alarm takes both, a
shift that matters and one that is no chance.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from controlplane.insight.band import Band, Limits
from controlplane.insight.drift_means import mean_band
from controlplane.insight.drift_mix import mix_band
from controlplane.insight.traffic import Day, Moments, Traffic


class Measure(StrEnum):
    """What is watched."""

    MIX = "mix"
    CONFIDENCE = "confidence"
    QUALITY = "quality"


class State(StrEnum):
    """Whether it is within its band."""

    ALARM = "alarm"
    STEADY = "steady"
    UNKNOWN = "unknown"
    """There is too little to tell."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Segment:
    """Whose requests. `task_type` is empty where it is all of the workload's."""

    tenant: str
    workload: str
    task_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Subject:
    """What has a band."""

    segment: Segment
    measure: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Somebody knows of the alarm that began `since`, when it was this `shift` from what was due. `by` whom, `at` that time."""

    by: str
    at: datetime
    since: datetime
    shift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How it is with a subject. `band` is None where it is UNKNOWN; while there is an alarm it is the one in which that ends.

    `recent`, `reference`: how many requests, or judgements of quality, it follows from. `since`: when an alarm that was there before
    began.
    """

    subject: Subject
    state: State
    band: Band | None
    recent: int
    reference: int
    detail: str
    since: datetime | None = None
    acknowledged: Acknowledgement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enough:
    """Fewer requests, or judgements, than these tell nothing."""

    recent: int
    reference: int


def _least() -> Mapping[Measure, float]:
    return MappingProxyType({Measure.MIX: 0.1, Measure.CONFIDENCE: 0.05, Measure.QUALITY: 0.05})


def _enough() -> Mapping[Measure, Enough]:
    requests = Enough(recent=50, reference=200)
    judged = Enough(recent=30, reference=100)
    return MappingProxyType({Measure.MIX: requests, Measure.CONFIDENCE: requests, Measure.QUALITY: judged})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """`least`: the smallest shift that counts, of a mix as its population stability index, of a mean as a difference.

    `rate`: how likely any alarm of a look may be where nothing has changed. `leave`: the part of a band in which an alarm ends,
    and of `enough` with which it goes on. `days`: with fewer of them a reference tells nothing.

    An index of 0.1 is a shift by convention (Siddiqi: Credit Risk Scorecards, 2006).
    """

    least: Mapping[Measure, float] = field(default_factory=_least)
    enough: Mapping[Measure, Enough] = field(default_factory=_enough)
    rate: float = 0.01
    leave: float = 0.7
    days: int = 7


def judged(
    watched: Mapping[Segment, Traffic], held: Mapping[Subject, datetime] | None = None, tuning: Tuning | None = None
) -> Sequence[Drift]:
    """All subjects: alarms first, then by segment. Of task types only those with enough, and those that are `held`.

    Alarms that are held, with when they began, go on until the value is well within its band, so that they do not come and go
    with every look. The chance of a false one is shared among all that is looked at (Bonferroni).
    """
    tuned, held = tuning or Tuning(), held or {}
    asked = [Subject(segment=segment, measure=measure) for segment in watched for measure in _measures(segment)]
    told = {subject for subject in asked if _is_enough(subject, watched[subject.segment], held, tuned)}
    tail = tuned.rate / max(1, len(told))
    found = [
        _judged(subject, watched[subject.segment], subject in held, tuned, tail)
        if subject in told
        else _unknown(subject, watched[subject.segment], tuned)
        for subject in asked
        if subject in told or subject in held or not subject.segment.task_type
    ]
    found = [replace(each, since=held.get(each.subject)) if each.state is State.ALARM else each for each in found]
    return sorted(found, key=lambda each: (each.state is not State.ALARM, each.subject))


def shift(band: Band) -> float:
    """How far the value is from what was due, below it negative."""
    return band.value - band.reference


def standing(drift: Drift, found: Acknowledgement | None, tuning: Tuning | None = None) -> bool:
    """Whether an acknowledgement still holds: it is the same alarm, and no shift that counts was added to it.

    An alarm that ended and began again is another one; so is what shifted to the other side.
    """
    if found is None or drift.band is None or drift.state is not State.ALARM or drift.since != found.since:
        return False
    now, least = shift(drift.band), (tuning or Tuning()).least[drift.subject.measure]
    return now * found.shift > 0 and abs(now) <= abs(found.shift) + least


def _measures(segment: Segment) -> Iterable[Measure]:
    """A kind of work has no mix of its own."""
    return (Measure.CONFIDENCE, Measure.QUALITY) if segment.task_type else Measure


def moments_of(measure: Measure, day: Day) -> Moments:
    """The values whose mean is watched."""
    return day.quality if measure is Measure.QUALITY else day.confidence


def _counts(measure: Measure, days: Iterable[Day]) -> list[int]:
    """Requests, or judgements, of each day that has any."""
    found = [day.requests if measure is Measure.MIX else moments_of(measure, day).count for day in days]
    return [count for count in found if count]


def _is_enough(subject: Subject, traffic: Traffic, held: Container[Subject], tuned: Tuning) -> bool:
    enough, share = tuned.enough[subject.measure], tuned.leave if subject in held else 1.0
    recent, reference = (sum(_counts(subject.measure, days)) for days in (traffic.recent, traffic.reference))
    days = len(_counts(subject.measure, traffic.reference))
    return recent >= share * enough.recent and reference >= share * enough.reference and days >= tuned.days


def _judged(subject: Subject, traffic: Traffic, held: bool, tuned: Tuning, tail: float) -> Drift:  # noqa: FBT001
    band = band_of(subject.measure, traffic, Limits(least=tuned.least[subject.measure], tail=tail))
    if held:
        band = band.narrowed(tuned.leave)
    state = State.STEADY if band.holds else State.ALARM
    return _drift(subject, traffic, state, band, band.detail)


def band_of(measure: Measure, traffic: Traffic, limits: Limits) -> Band:
    """The band of one measure. There must be something to measure in both times."""
    if measure is Measure.MIX:
        return mix_band(traffic, limits)
    return mean_band(traffic, lambda day: moments_of(measure, day), limits)


def _unknown(subject: Subject, traffic: Traffic, tuned: Tuning) -> Drift:
    enough = tuned.enough[subject.measure]
    what = "judged answers" if subject.measure is Measure.QUALITY else "requests"
    detail = f"too little to tell: it takes {enough.recent} {what} lately, and {enough.reference} on {tuned.days} days before"
    return _drift(subject, traffic, State.UNKNOWN, None, detail)


def _drift(subject: Subject, traffic: Traffic, state: State, band: Band | None, detail: str) -> Drift:
    recent, reference = (sum(_counts(subject.measure, days)) for days in (traffic.recent, traffic.reference))
    return Drift(subject=subject, state=state, band=band, recent=recent, reference=reference, detail=detail)
