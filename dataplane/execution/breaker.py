"""A circuit breaker: when may a target be called, judged by how its calls ended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import TracebackType
from typing import Self

from dataplane.execution.window import Window
from dataplane.provider.model import Verdict


class BreakerState(StrEnum):
    """Whether calls go through: all, none until a time, a few probes, none until someone acts."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a breaker opens, and how it closes again.

    It opens when at least `minimum_calls` ended in the last `window` and the share of failures reaches `failure_rate`,
    or that of calls slower than `slow_after` reaches `slow_rate`; and at `failures_in_a_row`, for a window that is full
    of good calls notices an outage late. It stays open for `open_for`, growing by `open_growth`
    with each opening in a row up to `open_cap`, ± `jitter` of it; a new row begins when the last opening is over for
    `calm`. Then at most `probes` calls are out at once, until `probes_to_close` of them ended well. Probes of which nothing is
    heard for `probe_lease` no longer count. A provider's hint is believed for `longest_trip`.
    """

    window: timedelta = timedelta(seconds=60)
    buckets: int = 12
    minimum_calls: int = 5
    failure_rate: float = 0.5
    failures_in_a_row: int = 10
    slow_after: timedelta = timedelta(seconds=30)
    slow_rate: float = 0.8
    open_for: timedelta = timedelta(seconds=5)
    open_growth: float = 2.0
    open_cap: timedelta = timedelta(minutes=2)
    jitter: float = 0.2
    calm: timedelta = timedelta(minutes=2)
    probes: int = 3
    probes_to_close: int = 2
    probe_lease: timedelta = timedelta(minutes=1)
    longest_trip: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        if min(self.buckets, self.minimum_calls, self.failures_in_a_row, self.probes, self.probes_to_close) < 1:
            raise ValueError("buckets, calls, failures in a row and probes must be at least 1")
        if not 0 < self.failure_rate <= 1 or not 0 < self.slow_rate <= 1 or not 0 <= self.jitter < 1:
            raise ValueError("failure_rate and slow_rate must be in (0, 1], jitter in [0, 1)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A call that is not let through: until `until`, None if that is not known.

    `held` says that the provider itself asked for this time; `cause` is why in one word.
    """

    state: BreakerState
    until: float | None = None
    held: bool = False
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerView:
    """A breaker's state: since when, until when if that is known, why in one word. Times are monotonic seconds."""

    state: BreakerState
    since: float
    until: float | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A breaker went from one state to another at `now`."""

    before: BreakerState
    after: BreakerState
    now: float
    until: float | None
    cause: str


class Permit:
    """Leave for one call. Whoever leaves its context without having settled it gives it back uncounted."""

    __slots__ = ("_breaker", "_held", "generation", "probe")

    def __init__(self, breaker: "Breaker", *, generation: int, probe: bool) -> None:
        self._breaker = breaker
        self._held = True
        self.generation = generation
        self.probe = probe

    def settle(
        self, verdict: Verdict, *, now: float, elapsed: float = 0.0, retry_after: float | None = None, cause: str = ""
    ) -> None:
        """Say how the call ended; only the first time counts."""
        if self._held:
            self._held = False
            self._breaker._settle(self, verdict, now=now, elapsed=elapsed, retry_after=retry_after, cause=cause)

    def give_back(self) -> None:
        """The call says nothing, or was never made."""
        if self._held:
            self._held = False
            self._breaker._release(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()


class Breaker:
    """One circuit breaker. The clock is an argument of each call, in monotonic seconds; `draw` is uniform in [0, 1).

    Every change of state begins a generation, and how a call of an earlier one ended changes nothing. A provider's hint
    is the exception: it tells of the time to come, so `trip` always counts, and the later of two hints holds.
    """

    __slots__ = (
        "_cause", "_draw", "_failed", "_generation", "_good", "_heard", "_held", "_notify", "_openings", "_probes", "_row_end",
        "_since", "_until", "_window", "settings", "state",
    )  # fmt: skip

    def __init__(
        self, settings: BreakerSettings, *, draw: Callable[[], float], notify: Callable[[Change], None] | None = None
    ) -> None:
        self.settings = settings
        self._draw = draw
        self._notify = notify
        self._window = Window(width=settings.window.total_seconds() / settings.buckets, buckets=settings.buckets)
        self.state = BreakerState.CLOSED
        self._cause = ""
        self._since = self._until = self._held = self._heard = self._row_end = 0.0
        self._generation = self._openings = self._probes = self._good = self._failed = 0

    def admit(self, now: float, *, forced: bool = False) -> Permit | Refused:
        """Leave for one call, or why not.

        `forced` asks for the one call that an open breaker lets through when there is nothing else to call; never while
        a provider's hint holds.
        """
        if self.state is BreakerState.CLOSED:
            return Permit(self, generation=self._generation, probe=False)
        if self.state is BreakerState.MISCONFIGURED:
            return Refused(state=self.state, cause=self._cause)
        if self.state is BreakerState.OPEN and now >= self._until:
            self._enter(BreakerState.HALF_OPEN, now, self._cause)
        if self.state is BreakerState.HALF_OPEN:
            return self._probe(now, at_most=self.settings.probes) or Refused(state=self.state)
        held = now < self._held
        refused = Refused(state=self.state, until=self._until, held=held)
        return refused if held or not forced else self._probe(now, at_most=1) or refused

    def trip(self, now: float, seconds: float) -> None:
        """Let nothing through for `seconds`, as the provider asked; the later of two such times holds."""
        if self.state is BreakerState.MISCONFIGURED:
            return
        self._held = max(self._held, now + min(seconds, self.settings.longest_trip.total_seconds()))
        if self.state is not BreakerState.OPEN:
            self._enter(BreakerState.OPEN, now, "throttled", until=self._held)
        elif self._held > self._until:
            self._until, self._cause = self._held, "throttled"

    def reset(self, now: float) -> None:
        """Forget everything, for someone has acted."""
        self._held = 0.0
        self._openings = 0
        self._enter(BreakerState.CLOSED, now, "reset")

    def view(self, now: float) -> BreakerView:
        """The state as it is at `now`."""
        if self.state is not BreakerState.OPEN:
            return BreakerView(state=self.state, since=self._since, cause=self._cause)
        if now >= self._until:
            return BreakerView(state=BreakerState.HALF_OPEN, since=self._until, cause=self._cause)
        return BreakerView(state=self.state, since=self._since, until=self._until, cause=self._cause)

    @property
    def generation(self) -> int:
        """How often the state changed; calls that were let through before the last change no longer count."""
        return self._generation

    @property
    def probes_out(self) -> int:
        """Probes of this generation whose end is not known yet."""
        return self._probes

    def _probe(self, now: float, *, at_most: int) -> Permit | None:
        if self._probes >= at_most:
            if now - self._heard < self.settings.probe_lease.total_seconds():
                return None
            self._generation += 1
            self._probes = 0
        self._probes += 1
        self._heard = now
        return Permit(self, generation=self._generation, probe=True)

    def _release(self, permit: Permit) -> None:
        if permit.probe and permit.generation == self._generation:
            self._probes -= 1

    def _settle(
        self, permit: Permit, verdict: Verdict, *, now: float, elapsed: float, retry_after: float | None, cause: str
    ) -> None:
        self._release(permit)
        if verdict is Verdict.THROTTLED and retry_after:
            self.trip(now, retry_after)
        elif permit.generation != self._generation or verdict is Verdict.IGNORED:
            return
        elif verdict is Verdict.MISCONFIGURED:
            self._enter(BreakerState.MISCONFIGURED, now, cause)
        else:
            slow = elapsed >= self.settings.slow_after.total_seconds()
            self._count(now, failed=verdict is not Verdict.SUCCEEDED, slow=slow)

    def _count(self, now: float, *, failed: bool, slow: bool) -> None:
        if self.state is BreakerState.CLOSED:
            self._window.add(now, failed=failed, slow=slow)
            self._failed = self._failed + 1 if failed else 0
            self._judge(now)
        elif self.state is BreakerState.OPEN:
            if not failed and not slow and now >= self._held:
                self._enter(BreakerState.HALF_OPEN, now, self._cause)
                self._recover(now)
        elif failed or slow:
            self._open(now, "probe_failed" if failed else "probe_slow")
        else:
            self._recover(now)

    def _recover(self, now: float) -> None:
        self._good += 1
        if self._good >= self.settings.probes_to_close:
            self._enter(BreakerState.CLOSED, now, "recovered")

    def _judge(self, now: float) -> None:
        if self._failed >= self.settings.failures_in_a_row:
            self._open(now, "failures_in_a_row")
            return
        calls = self._window.calls
        if calls < self.settings.minimum_calls:
            return
        if self._window.failures >= self.settings.failure_rate * calls:
            self._open(now, "failure_rate")
        elif self._window.slow >= self.settings.slow_rate * calls:
            self._open(now, "slow_calls")

    def _open(self, now: float, cause: str) -> None:
        if now - self._row_end >= self.settings.calm.total_seconds():
            self._openings = 0
        grown = self.settings.open_for.total_seconds() * self.settings.open_growth ** min(self._openings, 64)
        spread = 1 + self.settings.jitter * (2 * self._draw() - 1)
        self._openings += 1
        self._row_end = now + min(grown, self.settings.open_cap.total_seconds()) * spread
        self._enter(BreakerState.OPEN, now, cause, until=max(self._row_end, self._held))

    def _enter(self, state: BreakerState, now: float, cause: str, *, until: float = 0.0) -> None:
        before, self.state = self.state, state
        self._generation += 1
        self._since, self._until, self._cause = now, until, cause
        self._probes = self._good = self._failed = 0
        self._window.clear()
        if self._notify and before is not state:
            shown = until if state is BreakerState.OPEN else None
            self._notify(Change(before=before, after=state, now=now, until=shown, cause=cause))
