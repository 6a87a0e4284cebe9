"""Whether a target may be called now: known, with a credential, with room, let through by its breakers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from types import TracebackType
from typing import Self

from dataplane.execution.board import Admission, BreakerBoard
from dataplane.execution.breaker import BreakerState, BreakerView, Refused
from dataplane.execution.budget import RetryBudgets
from dataplane.execution.bulkhead import Bulkheads, Slot
from dataplane.execution.clock import Clock
from dataplane.execution.keys import KeyRing, references, target_key, target_keys
from dataplane.execution.receipt import SkipReason
from dataplane.execution.step import Attempt, Refusal
from dataplane.provider.headroom import Headroom
from dataplane.snapshot.model import Deployment, WorkerSnapshot

Credentials = Callable[[str], str | None]
"""Resolves a credential reference just now; None where the worker does not have it. An empty one needs none."""

Headers = Mapping[str, str]
"""Headers of an answer, looked up in lower case."""


class TargetState(StrEnum):
    """Whether a deployment may be called, mirroring turnout.outcome.v1.TargetState."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    NO_CREDENTIAL = "no_credential"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHealth:
    """What this worker knows about a deployment; `cause` is one word, empty where nothing ever happened.

    `headroom` is what the provider's rate limits leave, None where its answers say nothing of them.
    """

    deployment: str
    state: TargetState
    in_flight: int
    cause: str = ""
    since: datetime | None = None
    until: datetime | None = None
    headroom: Headroom | None = None


class Admitted:
    """Leave to call a deployment with one of its keys; its permits and its place are given back on leaving the context.

    `reference` names the key, `credential` is it; `heard` takes the headers of the answer.
    """

    __slots__ = ("_admission", "_slot", "credential", "deployment", "heard", "reached", "reference", "settle")

    def __init__(
        self, deployment: Deployment, key: "_Key", slot: Slot, admission: Admission, heard: Callable[[Headers], None]
    ) -> None:
        self.deployment = deployment
        self.reference = key.reference
        self.credential = key.secret
        self._slot = slot
        self._admission = admission
        self.heard = heard
        self.reached = admission.reached
        self.settle = admission.settle

    def leave(self) -> None:
        """Give back what is held; only the first time counts."""
        self._admission.leave()
        self._slot.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()


class Gate:
    """All that stands between a plan and its targets, for every run of a worker."""

    def __init__(
        self,
        *,
        board: BreakerBoard,
        bulkheads: Bulkheads,
        budgets: RetryBudgets,
        credentials: Credentials,
        clock: Clock,
    ) -> None:
        self._board = board
        self._bulkheads = bulkheads
        self._budgets = budgets
        self._credentials = credentials
        self._clock = clock
        self._ring = KeyRing(clock)

    def admit(self, attempt: Attempt, snapshot: WorkerSnapshot) -> Admitted | Refusal:
        """Leave for `attempt`, with the first key whose breaker lets it through, or why not.

        The breakers are asked last, because their probes are few. A forced call is paid from the retry budget, so that an
        outage of every target sees about one call a second and not one for every request.
        """
        now = self._clock.monotonic()
        deployment = snapshot.deployments.get(attempt.target.deployment)
        if deployment is None:
            return Refusal(now=now, reason=SkipReason.TARGET_UNKNOWN)
        keys = self._keys(deployment, attempt.tried)
        if not keys:
            return Refusal(now=now, reason=SkipReason.NO_CREDENTIAL)
        budget = self._budgets.of(deployment.name, now)
        if attempt.forced and not budget.take(now):
            return Refusal(now=now, reason=SkipReason.RETRY_BUDGET)
        slot = self._bulkheads.enter(deployment.name, deployment.max_concurrency)
        if slot is None:
            return Refusal(now=now, reason=SkipReason.BULKHEAD_FULL)
        admitted = self._let_through(deployment, keys, slot, now, forced=attempt.forced)
        if isinstance(admitted, Refusal):
            slot.leave()
        elif not attempt.tries and not attempt.forced:
            budget.deposit(now)
        return admitted

    def spare(self, deployment: Deployment, tried: Collection[str]) -> bool:
        """Whether the deployment has another key that is there and that its breaker keeps from nothing."""
        now = self._clock.monotonic()
        return any(
            self._board.view(target_key(deployment, name), now).state in (BreakerState.CLOSED, BreakerState.HALF_OPEN)
            for name in references(deployment)
            if name not in tried and self._secret(name) is not None
        )

    def renew(self, snapshot: WorkerSnapshot) -> None:
        """Forget what is known of deployments that `snapshot` no longer has, or has with another address or credential."""
        keys = [key for deployment in snapshot.deployments.values() for key in target_keys(deployment)]
        self._board.retain(keys)
        self._ring.retain(keys)
        self._budgets.retain(frozenset(snapshot.deployments))

    def reset(self, deployment: Deployment) -> None:
        """Take `deployment` back in after an operator acted."""
        for key in target_keys(deployment):
            self._board.reset(key, self._clock.monotonic())

    def health(self, snapshot: WorkerSnapshot) -> tuple[TargetHealth, ...]:
        """The state of every deployment of `snapshot`, by name: that of its best key."""
        return tuple(self._health(snapshot.deployments[name]) for name in sorted(snapshot.deployments))

    def _keys(self, deployment: Deployment, tried: Collection[str]) -> list["_Key"]:
        names = (name for name in self._ring.order(deployment) if name not in tried)
        secrets = ((name, self._secret(name)) for name in names)
        return [_Key(reference=name, secret=secret) for name, secret in secrets if secret is not None]

    def _secret(self, reference: str) -> str | None:
        return self._credentials(reference) if reference else ""

    def _let_through(
        self, deployment: Deployment, keys: Sequence["_Key"], slot: Slot, now: float, *, forced: bool
    ) -> Admitted | Refusal:
        refused = []
        for key in keys:
            target = target_key(deployment, key.reference)
            admission = self._board.admit(target, now, forced=forced)
            if isinstance(admission, Admission):
                return Admitted(deployment, key, slot, admission, partial(self._ring.hear, target))
            refused.append(admission)
        return _refusal(refused, now)

    def _health(self, deployment: Deployment) -> TargetHealth:
        monotonic, now = self._clock.monotonic(), self._clock.now()
        there = [target_key(deployment, name) for name in references(deployment) if self._secret(name) is not None]
        in_flight = self._bulkheads.in_flight(deployment.name)
        if not there:
            state = TargetState.NO_CREDENTIAL
            return TargetHealth(deployment=deployment.name, state=state, in_flight=in_flight, cause="no_credential")
        views = {key: self._board.view(key, monotonic) for key in there}
        view = min(views.values(), key=_goodness)
        usable = [key for key, one in views.items() if one.state is not BreakerState.MISCONFIGURED]
        return TargetHealth(
            deployment=deployment.name,
            state=TargetState(view.state),
            in_flight=in_flight,
            cause=view.cause,
            since=_since(view, monotonic, now),
            until=None if view.until is None else now + timedelta(seconds=view.until - monotonic),
            headroom=self._ring.headroom(usable) if usable else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """A key and where it is from."""

    reference: str
    secret: str = field(repr=False)


_GOODNESS = (BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN, BreakerState.MISCONFIGURED)


def _goodness(view: BreakerView) -> tuple[int, float]:
    return _GOODNESS.index(view.state), view.until or 0.0


def _refusal(refused: Sequence[Refused], now: float) -> Refusal:
    """Why none of the keys was let through: a breaker that will open again says more than one that will not."""
    opening = [each for each in refused if each.state is not BreakerState.MISCONFIGURED]
    if not opening:
        return Refusal(now=now, reason=SkipReason.MISCONFIGURED, detail=refused[0].cause)
    untils = [each.until for each in opening if each.until is not None]
    return Refusal(
        now=now,
        reason=SkipReason.BREAKER_OPEN,
        until=min(untils, default=None),
        held=all(each.held for each in opening),
    )


def _since(view: BreakerView, monotonic: float, now: datetime) -> datetime | None:
    return now - timedelta(seconds=monotonic - view.since) if view.cause else None
