"""Counts how often each decision was run, within bounded memory."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from dataplane.permit.model import PermittedDecision
from dataplane.permit.refusal import Refusal, RefusalReason
from turnout_wire.payload_type import CLOCK_SKEW

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class _Runs(NamedTuple):
    used: int
    until: int
    """The last second, since 1970, in which the decision could pass the check of its time."""


class ReplayGuard:
    """Remembers up to `capacity` decisions until they have expired for certain; never drops one before.

    It belongs to one event loop: no call may interrupt another. A worker that restarts has forgotten everything, and
    two workers know nothing of each other; the ledger finds the runs that this lets through.
    """

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._runs: dict[str, _Runs] = {}
        self._by_second: dict[int, set[str]] = {}
        self._latest = 0

    def __len__(self) -> int:
        """The decisions that are remembered."""
        return len(self._runs)

    def admit(self, decision: PermittedDecision, now: datetime) -> Refusal | None:
        """Count a run of `decision`, or say why there may be none.

        `now` may step back. What was forgotten stays expired then, for the latest time that was seen counts; it is
        never far ahead, as only a decision that is valid at `now` comes here.
        """
        self._advance((now - _EPOCH) // _SECOND)
        until = (decision.expires_at - _EPOCH + CLOCK_SKEW) // _SECOND
        if until < self._latest:
            return _EXPIRED
        runs = self._runs.get(decision.decision_id)
        if runs is None and len(self._runs) >= self._capacity:
            return _FULL
        if runs is not None and runs.used >= decision.limits.max_runs:
            return _REPLAYED
        self._remember(decision.decision_id, runs, until)
        return None

    def release(self, decision: PermittedDecision) -> None:
        """Give back one run that was admitted and did not begin; at most once for each run.

        The decision itself stays remembered until it expires, so that admitting and releasing makes no room for more.
        """
        runs = self._runs.get(decision.decision_id)
        if runs is not None:
            self._runs[decision.decision_id] = runs._replace(used=max(0, runs.used - 1))

    def _remember(self, decision_id: str, runs: _Runs | None, until: int) -> None:
        if runs is None:
            runs = _Runs(used=0, until=until)
        else:
            self._by_second[runs.until].discard(decision_id)
        last = max(until, runs.until)
        self._by_second.setdefault(last, set()).add(decision_id)
        self._runs[decision_id] = _Runs(used=runs.used + 1, until=last)

    def _advance(self, second: int) -> None:
        """Forget whatever expired before `second`; there are no more sets than seconds in the longest life."""
        if second <= self._latest:
            return
        self._latest = second
        for past in [until for until in self._by_second if until < second]:
            for decision_id in self._by_second.pop(past):
                del self._runs[decision_id]


_EXPIRED = Refusal(
    reason=RefusalReason.DECISION_EXPIRED,
    message="The decision was still valid by a clock that has stepped back since; decide again.",
)
_REPLAYED = Refusal(
    reason=RefusalReason.DECISION_REPLAYED,
    message="The decision was run as often as limits.max_runs allows; decide again for another run.",
)
_FULL = Refusal(
    reason=RefusalReason.REPLAY_GUARD_FULL,
    message="This worker can remember no more decisions until some expire; try another worker, or again in a moment.",
)
