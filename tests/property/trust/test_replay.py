"""Whatever the order of calls and the ways of the clock, no decision runs more often than it may."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.permit import steps
from dataplane.permit.model import PermittedDecision
from dataplane.permit.refusal import Refusal, RefusalReason
from dataplane.permit.replay import ReplayGuard
from tests.unit.trust.decisions import NOW, permitted
from turnout_wire.payload_type import CLOCK_SKEW

CAPACITY = 4
SECOND = timedelta(seconds=1)
DECISIONS = [
    permitted(f"{number}", max_runs=1 + number % 3, issued_at=NOW + number * 20 * SECOND) for number in range(12)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """At `after` seconds, present a decision, or give back a run of it."""

    after: float
    number: int
    release: bool


# Mostly forwards, so that decisions come and go; at times back, as clocks do.
calls = st.lists(
    st.builds(
        Call,
        after=st.floats(min_value=0, max_value=320),
        number=st.integers(min_value=0, max_value=len(DECISIONS) - 1),
        release=st.booleans(),
    ),
    max_size=60,
).flatmap(lambda some: st.sampled_from([some, sorted(some, key=lambda call: call.after)]))


class Ledger:
    """Presents decisions as the permit does, and keeps the count that no guard may exceed."""

    def __init__(self, guard: ReplayGuard) -> None:
        self.guard = guard
        self.running: Counter[str] = Counter()

    def make(self, call: Call) -> None:
        decision, now = DECISIONS[call.number], NOW + timedelta(seconds=call.after)
        if not call.release:
            self.present(decision, now)
        elif self.running[decision.decision_id]:
            self.guard.release(decision)
            self.running[decision.decision_id] -= 1

    def present(self, decision: PermittedDecision, now: datetime) -> Refusal | None:
        refusal = steps.time_window(decision, now) or self.guard.admit(decision, now)
        if refusal is None:
            self.running[decision.decision_id] += 1
            assert self.running[decision.decision_id] <= decision.limits.max_runs
        return refusal


@given(calls)
def test_no_decision_runs_more_often_than_it_may(sequence: list[Call]) -> None:
    ledger = Ledger(ReplayGuard(capacity=CAPACITY))
    for call in sequence:
        ledger.make(call)


@given(calls)
def test_memory_is_bounded(sequence: list[Call]) -> None:
    guard = ReplayGuard(capacity=CAPACITY)
    ledger = Ledger(guard)
    for call in sequence:
        ledger.make(call)
        held = sum(len(ids) for ids in guard._by_second.values())
        assert held == len(guard) <= CAPACITY
        assert len(guard._by_second) <= 60 + 2 * CLOCK_SKEW.seconds + 320


@given(calls)
def test_a_decision_is_refused_as_replayed_only_if_it_ran_as_often_as_it_may(sequence: list[Call]) -> None:
    ledger = Ledger(ReplayGuard(capacity=len(DECISIONS)))
    for call in sequence:
        decision, now = DECISIONS[call.number], NOW + timedelta(seconds=call.after)
        refusal = ledger.present(decision, now)
        if refusal is not None and refusal.reason is RefusalReason.DECISION_REPLAYED:
            assert ledger.running[decision.decision_id] == decision.limits.max_runs
        assert refusal is None or refusal.reason is not RefusalReason.REPLAY_GUARD_FULL


class EvictingGuard(ReplayGuard):
    """Makes room by forgetting what is still valid."""

    def admit(self, decision: PermittedDecision, now: datetime) -> Refusal | None:
        if len(self._runs) >= CAPACITY:
            self._runs.clear()
            self._by_second.clear()
        return super().admit(decision, now)


class ClockTrustingGuard(ReplayGuard):
    """Forgets by the clock of the moment, and does not remember that it has."""

    def admit(self, decision: PermittedDecision, now: datetime) -> Refusal | None:
        refusal = super().admit(decision, now)
        self._latest = 0
        return refusal


def fill(ledger: Ledger) -> None:
    for number in (*range(CAPACITY), 0):
        ledger.make(Call(after=60, number=number, release=False))


def step_back(ledger: Ledger) -> None:
    for after, number in ((0, 0), (80, 4), (0, 0)):
        ledger.make(Call(after=after, number=number, release=False))


@pytest.mark.parametrize(("guard", "sequence"), [(EvictingGuard, fill), (ClockTrustingGuard, step_back)])
def test_a_guard_without_the_protection_is_caught(guard: type[ReplayGuard], sequence: Callable[[Ledger], None]) -> None:
    sequence(Ledger(ReplayGuard(capacity=CAPACITY)))
    with pytest.raises(AssertionError):
        sequence(Ledger(guard(capacity=CAPACITY)))
