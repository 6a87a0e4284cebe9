"""When decisions see what workers report."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.catalog.model import DeploymentName
from controlplane.outcome.live import HealthReport, LiveView, Timing
from controlplane.outcome.sight import PAUSE, Sight
from controlplane.snapshot.holder import SnapshotHolder, Version
from controlplane.snapshot.model import Headroom, Health, HealthState, Live, Room
from tests.support.catalogs import catalog

BEGIN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NAME = DeploymentName("openai/gpt-4o")
NAMES = [NAME, DeploymentName("openai/gpt-4o-mini"), DeploymentName("anthropic/claude-haiku")]


class Versions:
    def load(self) -> Version | None:
        return None

    def save(self, version: Version) -> None:
        pass


class Watch:
    """A sight under a clock that is set by hand, and what it wants to be called for later."""

    def __init__(self, pause: timedelta = PAUSE) -> None:
        self.now = BEGIN
        self.later: list[tuple[float, Callable[[], None]]] = []
        self._holder = SnapshotHolder(Versions(), lambda: self.now)
        self._holder.publish(catalog(), bytes(32))
        self.sight = Sight(
            self._holder,
            LiveView(),
            lambda: self.now,
            pause=pause,
            later=lambda seconds, call: self.later.append((seconds, call)),
        )

    @property
    def live(self) -> Live:
        return self._holder.current.live

    def calls(self, busy: int, kind: HealthState = HealthState.READY, left: int = 5) -> None:
        room = Headroom(as_of=self.now, requests=Room(limit=60, remaining=left))
        told = HealthReport(deployment=NAME, health=Health(state=kind), in_flight=busy, headroom=room)
        self.sight.health("w", [told])

    def ring(self) -> None:
        """Let come what is due."""
        ((seconds, call),), self.later = self.later, []
        self.now += timedelta(seconds=seconds)
        call()


def timing(milliseconds: int, name: DeploymentName = NAME) -> Timing:
    span = timedelta(milliseconds=milliseconds)
    return Timing(deployment=name, latency=span, time_to_first_token=span / 2)


def test_what_is_told_after_a_while_is_seen_at_once() -> None:
    watch = Watch()
    for busy in (1, 2, 3):
        watch.calls(busy)
        assert watch.live.in_flight[NAME] == busy
        watch.now += PAUSE
    watch.sight.timings([timing(10)])
    assert watch.live.statistics[NAME].samples == 1
    assert watch.later == []


def test_what_comes_sooner_is_seen_together_when_the_pause_ends() -> None:
    watch = Watch()
    watch.calls(1)
    watch.now += PAUSE / 5
    for busy in (2, 3, 4):
        watch.calls(busy)
        watch.sight.timings([timing(10)])
    assert (watch.live.revision, watch.live.in_flight[NAME], watch.live.statistics) == (1, 1, {})
    ((seconds, _),) = watch.later
    assert seconds == pytest.approx(0.8 * PAUSE.total_seconds())
    watch.ring()
    assert (watch.live.revision, watch.live.in_flight[NAME], watch.live.statistics[NAME].samples) == (2, 4, 3)


def test_without_a_pause_every_report_makes_a_view_of_its_own() -> None:
    watch = Watch(pause=timedelta(0))
    for busy in (1, 2, 3, 4):
        watch.calls(busy)
    assert watch.live.revision == 4


def test_a_breaker_that_opens_is_seen_at_once_with_all_that_waited() -> None:
    watch = Watch()
    watch.calls(1)
    watch.sight.timings([timing(10)])
    assert NAME not in watch.live.statistics
    watch.calls(2, HealthState.OPEN)
    assert watch.live.health[NAME].state is HealthState.OPEN
    assert NAME in watch.live.statistics
    watch.ring()
    assert watch.live.revision == 2, "nothing was left to show"


def test_a_rate_limit_that_runs_out_is_seen_at_once_and_so_is_its_end() -> None:
    watch = Watch()
    watch.calls(1)
    for left, seen in ((4, 5), (0, 0), (0, 0), (9, 9), (8, 9)):
        watch.calls(1, left=left)
        room = watch.live.headroom[NAME].requests
        assert room is not None
        assert room.remaining == seen


def test_a_worker_that_was_not_known_is_seen_at_once() -> None:
    watch = Watch()
    watch.calls(1)
    watch.sight.elsewhere("another", [HealthReport(deployment=NAME, health=Health(state=HealthState.READY))], BEGIN)
    assert watch.live.revision == 2


def test_a_clock_that_goes_back_holds_nothing_up() -> None:
    watch = Watch()
    watch.calls(1)
    watch.now -= timedelta(hours=1)
    watch.calls(2)
    assert watch.live.in_flight[NAME] == 2


told = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 9_999)), max_size=5)


@given(st.lists(told, max_size=8))
def test_statistics_that_were_kept_are_those_that_are_worked_out_anew(
    rounds: Sequence[list[tuple[DeploymentName, int]]],
) -> None:
    kept, everyone = LiveView(window=4), []
    for told_now in rounds:
        timings = [timing(milliseconds, name) for name, milliseconds in told_now]
        everyone += timings
        kept.observe(timings, BEGIN)
        anew = LiveView(window=4)
        anew.observe(everyone, BEGIN)
        assert kept.merged(NAMES.__contains__, BEGIN).statistics == anew.merged(NAMES.__contains__, BEGIN).statistics
