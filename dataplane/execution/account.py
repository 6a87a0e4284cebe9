"""What a run has done so far, and the one receipt that it makes of it."""

from datetime import datetime, timedelta

from dataplane.chat.model import FinishReason
from dataplane.execution.clock import Clock
from dataplane.execution.receipt import AttemptRecord, Receipt, RunResult, SkippedTarget
from dataplane.execution.run import Run
from dataplane.execution.step import Refusal


class Account:
    """One run's account."""

    def __init__(self, run: Run, *, clock: Clock) -> None:
        self.run = run
        self.started_at: datetime = clock.now()
        self.started: float = clock.monotonic()
        self.attempts: list[AttemptRecord] = []
        self.first_content: float | None = None
        self.closed = False
        self.begun = 0
        self._called: set[int] = set()
        self._latest = self.started
        self._skipped: dict[int, Refusal] = {}

    def called(self, index: int, now: float) -> None:
        """targets[`index`] is called."""
        self._called.add(index)
        if self.begun == len(self.attempts):
            self._latest = now
        self.begun += 1
        self._skipped.pop(index, None)

    def skip(self, index: int, refusal: Refusal) -> None:
        """targets[`index`] is passed over; what was called before is not skipped."""
        if index not in self._called:
            self._skipped[index] = refusal

    def commit(self, now: float) -> timedelta:
        """The first content is there: the time since the run began."""
        self.first_content = now
        return timedelta(seconds=now - self.started)

    def calling(self, now: float) -> float:
        """The seconds that calls took so far, with that of the call under way."""
        return sum(attempt.duration.total_seconds() for attempt in self.attempts) + now - self._latest

    def refusals(self) -> tuple[tuple[str, Refusal], ...]:
        """The deployments that were not called at all, in the plan's order, and why not."""
        targets = self.run.decision.targets
        return tuple((targets[index].deployment, self._skipped[index]) for index in sorted(self._skipped))

    def close(
        self,
        result: RunResult,
        *,
        worker: str,
        receipt_id: str,
        now: float,
        error_reason: str = "",
        finish_reason: FinishReason = FinishReason.UNKNOWN,
    ) -> Receipt:
        """The run's receipt. Raises RuntimeError if it was made already."""
        if self.closed:
            raise RuntimeError("a run has one receipt")
        self.closed = True
        return Receipt(
            receipt_id=receipt_id,
            decision_id=self.run.decision.decision_id,
            worker=worker,
            result=result,
            attempts=tuple(self.attempts),
            cost_nanousd=sum(attempt.cost_nanousd for attempt in self.attempts),
            cost_estimated=any(attempt.cost_estimated for attempt in self.attempts),
            started_at=self.started_at,
            duration=timedelta(seconds=now - self.started),
            snapshot_version=self.run.snapshot.version,
            request_digest=self.run.decision.request_digest,
            error_reason=error_reason,
            time_to_first_token=self._since_start(self.first_content),
            finish_reason=finish_reason,
            skipped=tuple(
                SkippedTarget(deployment=name, reason=refusal.reason, detail=refusal.detail)
                for name, refusal in self.refusals()
            ),
            envelope=self.run.envelope,
        )

    def _since_start(self, moment: float | None) -> timedelta | None:
        return None if moment is None else timedelta(seconds=moment - self.started)
