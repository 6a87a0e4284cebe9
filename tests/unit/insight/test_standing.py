"""When an acknowledgement of an alarm still holds."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.insight.band import Band
from controlplane.insight.drift import Acknowledgement, Drift, Measure, Segment, State, Subject, standing

BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)
KNOWN = Acknowledgement(by="ann", at=BEGAN + timedelta(hours=1), since=BEGAN, shift=-0.2)
"""Of a mean that was 0.7, where 0.9 was due; 0.05 is the smallest shift that counts."""


def alarm(value: float, since: datetime = BEGAN, state: State = State.ALARM) -> Drift:
    return Drift(
        subject=Subject(segment=Segment(tenant="acme", workload="support"), measure=Measure.QUALITY),
        state=state,
        band=Band(value=value, reference=0.9, low=0.85, high=0.95, detail=""),
        recent=100,
        reference=1_000,
        detail="",
        since=since,
    )


@pytest.mark.parametrize("value", [0.7, 0.66, 0.8])
def test_it_holds_while_the_shift_is_about_as_it_was_or_less(value: float) -> None:
    assert standing(alarm(value), KNOWN)


@pytest.mark.parametrize(
    "other",
    [
        alarm(0.64),
        alarm(0.99),
        alarm(0.7, since=BEGAN + timedelta(days=1)),
        alarm(0.7, state=State.STEADY),
    ],
    ids=["further", "on the other side", "another alarm", "no alarm"],
)
def test_it_does_not_hold_for_what_is_news(other: Drift) -> None:
    assert not standing(other, KNOWN)


def test_without_one_nothing_is_known() -> None:
    assert not standing(alarm(0.7), None)
