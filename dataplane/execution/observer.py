"""Who wants to know what runs do: hooks with frozen values, so that runs know no telemetry."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dataplane.execution.board import BreakerChanged
from dataplane.execution.receipt import AttemptRecord, Receipt, SkipReason
from dataplane.execution.step import WaitFor
from dataplane.snapshot.model import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A call is about to be made; `tries` counts the calls of this target before it in this run."""

    decision_id: str
    number: int
    model: str
    deployment: Deployment
    streaming: bool
    tries: int
    forced: bool
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """A call ended; `committed` if content of it was forwarded."""

    decision_id: str
    record: AttemptRecord
    committed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The first content of a run is about to be forwarded, `after` its begin: no failover from here on."""

    decision_id: str
    number: int
    deployment: str
    after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSkipped:
    """A target was passed over; `detail` is more of why, where there is more to say."""

    decision_id: str
    deployment: str
    reason: SkipReason
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """A run waited for a target, or was `denied` to."""

    decision_id: str
    deployment: str
    purpose: WaitFor
    duration: timedelta
    denied: bool


class AttemptScope(Protocol):
    """One call under observation."""

    def current(self) -> AbstractContextManager[object]:
        """Entered around the opening of the call, and left before anything is forwarded, so that it may set context
        variables: a span that is made current here is the parent of what the provider's client records.
        """
        ...

    def end(self, ended: AttemptEnded) -> None:
        """The call ended; comes exactly once, also when it was cancelled."""
        ...


class RunObserver(Protocol):
    """Told of everything that runs do. Calls must return quickly and may not raise."""

    def attempt_started(self, started: AttemptStarted) -> AttemptScope:
        """A call begins."""
        ...

    def committed(self, committed: Committed) -> None:
        """Content begins to flow to the caller."""
        ...

    def target_skipped(self, skipped: TargetSkipped) -> None:
        """A target is passed over."""
        ...

    def waited(self, waited: Waited) -> None:
        """A wait is over."""
        ...

    def breaker_changed(self, changed: BreakerChanged) -> None:
        """A breaker changed its state; to be given to BreakerBoard as `notify`."""
        ...

    def run_ended(self, receipt: Receipt) -> None:
        """A run ended."""
        ...


class Unobserved:
    """Nobody wants to know."""

    def attempt_started(self, started: AttemptStarted) -> AttemptScope:  # noqa: ARG002 - the protocol's argument
        """Nothing."""
        return self

    def current(self) -> AbstractContextManager[object]:
        """Nothing."""
        return nullcontext()

    def end(self, ended: AttemptEnded) -> None:
        """Nothing."""

    def committed(self, committed: Committed) -> None:
        """Nothing."""

    def target_skipped(self, skipped: TargetSkipped) -> None:
        """Nothing."""

    def waited(self, waited: Waited) -> None:
        """Nothing."""

    def breaker_changed(self, changed: BreakerChanged) -> None:
        """Nothing."""

    def run_ended(self, receipt: Receipt) -> None:
        """Nothing."""
