"""What holds for a breaker whatever happens to it."""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from dataplane.execution.breaker import Breaker, BreakerSettings, BreakerState, Permit, Refused
from dataplane.execution.window import Window
from dataplane.provider.model import Verdict

SETTINGS = BreakerSettings(
    window=timedelta(seconds=10),
    minimum_calls=3,
    slow_after=timedelta(seconds=8),
    open_for=timedelta(seconds=2),
    open_cap=timedelta(seconds=20),
    calm=timedelta(seconds=60),
    probe_lease=timedelta(seconds=30),
    longest_trip=timedelta(seconds=100),
)
QUIET = 130.0
"""Longer than any time that a breaker of SETTINGS may stay shut."""

counted = st.sampled_from([Verdict.SUCCEEDED, Verdict.FAILED, Verdict.THROTTLED, Verdict.MISCONFIGURED])
hints = st.floats(0.1, 200)


class BreakerMachine(RuleBasedStateMachine):
    """Calls that begin, end, are cancelled or get lost, in any order and at any time."""

    permits = Bundle("permits")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.hinted_until = 0.0
        self.out: list[Permit] = []
        self.breaker = Breaker(SETTINGS, draw=random.Random(7).random)  # noqa: S311 - repeatable, no secret

    def shape(self) -> tuple[object, ...]:
        """All that a call may change."""
        view = self.breaker.view(self.now)
        return view, self.breaker.generation, self.breaker.probes_out

    def is_current(self, permit: Permit) -> bool:
        return permit.generation == self.breaker.generation

    @rule(seconds=st.floats(0.01, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=permits, forced=st.booleans())
    def a_call_begins(self, forced: bool) -> Permit | None:
        answer = self.breaker.admit(self.now, forced=forced)
        if isinstance(answer, Refused):
            assert self.breaker.state is not BreakerState.CLOSED
            return None
        assert self.breaker.state is not BreakerState.MISCONFIGURED
        assert self.now >= self.hinted_until, "a provider's hint was not kept"
        assert answer.probe == (self.breaker.state is not BreakerState.CLOSED)
        self.out.append(answer)
        return answer

    @rule(permit=consumes(permits), verdict=counted, elapsed=st.floats(0, 20))
    def a_call_ends(self, permit: Permit | None, verdict: Verdict, elapsed: float) -> None:
        if permit is None:
            return
        before, current = self.shape(), self.is_current(permit)
        permit.settle(verdict, now=self.now, elapsed=elapsed, cause="cause")
        self.out.remove(permit)
        assert current or self.shape() == before, "a late result of an earlier generation changed something"
        if verdict is Verdict.MISCONFIGURED and current:
            assert self.breaker.state is BreakerState.MISCONFIGURED

    @rule(permit=consumes(permits), seconds=hints)
    def a_call_is_throttled(self, permit: Permit | None, seconds: float) -> None:
        if permit is None:
            return
        permit.settle(Verdict.THROTTLED, now=self.now, retry_after=seconds)
        self.out.remove(permit)
        if self.breaker.state is not BreakerState.MISCONFIGURED:
            self.hinted_until = max(self.hinted_until, self.now + min(seconds, 100))

    @rule(permit=consumes(permits), how=st.sampled_from(["exit", "ignored"]))
    def a_call_is_cancelled(self, permit: Permit | None, how: str) -> None:
        if permit is None:
            return
        state = self.breaker.state
        if how == "ignored":
            permit.settle(Verdict.IGNORED, now=self.now, elapsed=100)
        else:
            with permit:
                pass
        self.out.remove(permit)
        assert self.breaker.state is state, "a cancellation changed the state"

    @rule(permit=permits)
    def a_permit_is_settled_twice(self, permit: Permit | None) -> None:
        if permit is None or permit in self.out:
            return
        before = self.shape()
        permit.settle(Verdict.FAILED, now=self.now)
        permit.give_back()
        assert self.shape() == before

    @rule(permit=consumes(permits))
    def a_permit_is_lost(self, permit: Permit | None) -> None:
        """A bug elsewhere: nobody will ever settle it."""

    @rule()
    def an_operator_acts(self) -> None:
        self.breaker.reset(self.now)
        self.hinted_until = 0.0

    @precondition(lambda self: self.breaker.state is not BreakerState.MISCONFIGURED)
    @rule()
    def after_enough_quiet_a_call_may_try(self) -> None:
        self.now += QUIET
        permit = self.breaker.admit(self.now)
        assert isinstance(permit, Permit)
        permit.give_back()

    @invariant()
    def no_more_probes_than_allowed(self) -> None:
        probes = [permit for permit in self.out if permit.probe and self.is_current(permit)]
        assert len(probes) == self.breaker.probes_out <= SETTINGS.probes
        if self.breaker.state is BreakerState.OPEN:
            assert len(probes) <= 1

    @invariant()
    def the_shown_state_is_what_a_call_meets(self) -> None:
        view = self.breaker.view(self.now)
        if view.state is BreakerState.OPEN:
            assert view.until is not None
            assert view.until > self.now


TestBreaker = BreakerMachine.TestCase


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 20), st.floats(0.05, 1.0))
def test_it_opens_at_the_first_call_that_reaches_the_stated_rate(
    fails: list[bool], minimum_calls: int, failure_rate: float
) -> None:
    settings = BreakerSettings(
        minimum_calls=minimum_calls, failure_rate=failure_rate, failures_in_a_row=100, window=timedelta(hours=1)
    )
    breaker = Breaker(settings, draw=lambda: 0.5)
    for number, failed in enumerate(fails, start=1):
        permit = breaker.admit(float(number))
        assert isinstance(permit, Permit)
        permit.settle(Verdict.FAILED if failed else Verdict.SUCCEEDED, now=float(number))
        reached = number >= minimum_calls and sum(fails[:number]) >= failure_rate * number
        assert (breaker.state is BreakerState.OPEN) == reached
        if reached:
            return


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans(), st.booleans()), max_size=80))
def test_a_window_counts_what_a_list_of_all_calls_would(calls: list[tuple[float, bool, bool]]) -> None:
    window, now, seen = Window(width=1.0, buckets=5), 0.0, []
    for passed, failed, slow in calls:
        now += passed
        window.add(now, failed=failed, slow=slow)
        seen.append((now, failed, slow))
        recent = [call for call in seen if call[0] // 1.0 > now // 1.0 - 5]
        assert (window.calls, window.failures, window.slow) == (
            len(recent),
            sum(failed for _, failed, _ in recent),
            sum(slow for _, _, slow in recent),
        )


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999])
@given(openings=st.integers(1, 40))
def test_open_times_grow_up_to_the_cap_and_spread_by_the_jitter(draw: float, openings: int) -> None:
    breaker = Breaker(SETTINGS, draw=lambda: draw)
    now = 1000.0
    for _ in range(SETTINGS.minimum_calls):
        permit = breaker.admit(now)
        assert isinstance(permit, Permit)
        permit.settle(Verdict.FAILED, now=now)
    for opening in range(openings):
        until = breaker.view(now).until
        assert until is not None
        grown = min(2.0 * 2.0**opening, 20.0)
        assert until - now == pytest.approx(grown * (1 + 0.2 * (2 * draw - 1)))
        now = until
        probe = breaker.admit(now)
        assert isinstance(probe, Permit)
        probe.settle(Verdict.FAILED, now=now)
