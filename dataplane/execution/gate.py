"""Whether a target may be called now: known, with a credential, with room, let through by its breakers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from dataplane.execution.board import Admission, BreakerBoard, TargetKey
from dataplane.execution.breaker import BreakerState, BreakerView, Refused
from dataplane.execution.budget import RetryBudgets
from dataplane.execution.bulkhead import Bulkheads, Slot
from dataplane.execution.clock import Clock
from dataplane.execution.plan import Attempt, Refusal
from dataplane.execution.receipt import SkipReason
from dataplane.provider.headroom import Headroom
from dataplane.snapshot.model import Deployment, WorkerSnapshot

Credentials = Callable[[str], str | None]
"""Resolves a credential reference just now; None where the worker does not have it. An empty one needs none."""


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
    """Leave to call a deployment; its permits and its place are given back on leaving the context."""

    __slots__ = ("_admission", "_slot", "credential", "deployment", "reached", "settle")

    def __init__(self, deployment: Deployment, credential: str, slot: Slot, admission: Admission) -> None:
        self.deployment = deployment
        self.credential = credential
        self._slot = slot
        self._admission = admission
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

    def admit(self, attempt: Attempt, snapshot: WorkerSnapshot) -> Admitted | Refusal:
        """Leave for `attempt`, or why not.

        The breaker is asked last, because its probes are few. A forced call is paid from the retry budget, so that an
        outage of every target sees about one call a second and not one for every request.
        """
        now = self._clock.monotonic()
        deployment = snapshot.deployments.get(attempt.target.deployment)
        if deployment is None:
            return Refusal(now=now, reason=SkipReason.TARGET_UNKNOWN)
        credential = self._credentials(deployment.credential) if deployment.credential else ""
        if credential is None:
            return Refusal(now=now, reason=SkipReason.NO_CREDENTIAL)
        budget = self._budgets.of(deployment.name, now)
        if attempt.forced and not budget.take(now):
            return Refusal(now=now, reason=SkipReason.RETRY_BUDGET)
        slot = self._bulkheads.enter(deployment.name, deployment.max_concurrency)
        if slot is None:
            return Refusal(now=now, reason=SkipReason.BULKHEAD_FULL)
        admission = self._board.admit(target_key(deployment), now, forced=attempt.forced)
        if isinstance(admission, Refused):
            slot.leave()
            return _refusal(admission, now)
        if not attempt.tries and not attempt.forced:
            budget.deposit(now)
        return Admitted(deployment, credential, slot, admission)

    def renew(self, snapshot: WorkerSnapshot) -> None:
        """Forget what is known of deployments that `snapshot` no longer has, or has with another address or credential."""
        self._board.retain([target_key(deployment) for deployment in snapshot.deployments.values()])
        self._budgets.retain(frozenset(snapshot.deployments))

    def reset(self, deployment: Deployment) -> None:
        """Take `deployment` back in after an operator acted."""
        self._board.reset(target_key(deployment), self._clock.monotonic())

    def health(self, snapshot: WorkerSnapshot) -> tuple[TargetHealth, ...]:
        """The state of every deployment of `snapshot`, by name."""
        return tuple(self._health(snapshot.deployments[name]) for name in sorted(snapshot.deployments))

    def _health(self, deployment: Deployment) -> TargetHealth:
        monotonic, now = self._clock.monotonic(), self._clock.now()
        view = self._board.view(target_key(deployment), monotonic)
        absent = bool(deployment.credential) and self._credentials(deployment.credential) is None
        return TargetHealth(
            deployment=deployment.name,
            state=TargetState.NO_CREDENTIAL if absent else TargetState(view.state),
            in_flight=self._bulkheads.in_flight(deployment.name),
            cause="no_credential" if absent else view.cause,
            since=None if absent else _since(view, monotonic, now),
            until=None if absent or view.until is None else now + timedelta(seconds=view.until - monotonic),
        )


def target_key(deployment: Deployment) -> TargetKey:
    """What fails together with `deployment`."""
    address = urlsplit(deployment.base_url)
    return TargetKey(
        credential=deployment.credential,
        provider=deployment.provider,
        origin=f"{address.scheme}://{address.netloc}",
        model=deployment.provider_model or deployment.model,
    )


def _refusal(refused: Refused, now: float) -> Refusal:
    if refused.state is BreakerState.MISCONFIGURED:
        return Refusal(now=now, reason=SkipReason.MISCONFIGURED)
    return Refusal(now=now, reason=SkipReason.BREAKER_OPEN, until=refused.until, held=refused.held)


def _since(view: BreakerView, monotonic: float, now: datetime) -> datetime | None:
    return now - timedelta(seconds=monotonic - view.since) if view.cause else None
