"""What a plan knows so far of its attempts, its time and its money, and what that allows."""

from dataplane.execution.receipt import SkipReason
from dataplane.execution.step import (
    FINAL,
    Attempt,
    Bounds,
    Called,
    Ending,
    EndKind,
    PlanSettings,
    Raced,
    Refusal,
    Report,
    Skip,
    Wait,
    WaitFor,
)
from dataplane.execution.verdict import CallEnd, Next, next_step
from dataplane.permit.model import Limits, Target
from dataplane.provider.model import Verdict


class Progress:
    """What a plan knows so far."""

    __slots__ = (
        "alone", "attempts", "beyond", "bounds", "called", "done", "hedge_after", "incompatible", "last", "limits", "now",
        "refusals", "settings", "spent", "targets", "tries", "unfit",
    )  # fmt: skip

    def __init__(
        self,
        *,
        targets: tuple[Target, ...],
        limits: Limits,
        bounds: Bounds,
        settings: PlanSettings,
        incompatible: frozenset[int],
        hedge_after: float | None,
    ) -> None:
        self.targets = targets
        self.hedge_after = hedge_after
        self.done: set[int] = set()
        self.incompatible = incompatible
        self.limits = limits
        self.bounds = bounds
        self.settings = settings
        self.now = bounds.started
        self.attempts = 0
        self.spent = 0
        self.last: CallEnd | None = None
        self.refusals: dict[int, Refusal] = {}
        self.unfit: set[str] = set()
        self.called: dict[int, int] = {}
        self.tries: dict[int, int] = {}
        self.beyond: set[int] = set()
        self.alone = False

    def hear(self, report: Report) -> None:
        """Take in what happened."""
        self.now = max(self.now, report.now)
        for called in report.called if isinstance(report, Raced) else (report,) if isinstance(report, Called) else ():
            self.attempts += 1
            self.spent += called.cost_nanousd
            self.last = called.end

    def settle(self, attempt: Attempt, report: Raced) -> None:
        """Book both calls of a race, or the one and why the other was refused."""
        self.called[attempt.index] = self.called.get(attempt.index, 0) + report.first.cost_nanousd
        if attempt.beside is None:
            return
        if isinstance(report.second, Called):
            self.done.add(attempt.beside.index)
            self.called[attempt.beside.index] = report.second.cost_nanousd
        else:
            self.refuse(attempt.beside.index, report.second)

    def outcome(self, attempt: Attempt, report: Raced) -> Ending | None:
        """The ending if one of two calls says it; neither of them is made again."""
        last = report.called[-1].end
        final = next_step(last)
        if final in FINAL:
            return Ending(kind=FINAL[final], last=last)
        for index, each in (
            (attempt.index, report.first),
            (attempt.beside.index if attempt.beside else None, report.second),
        ):
            if index is not None and isinstance(each, Called) and next_step(each.end) is Next.OTHER_MODEL:
                self.unfit.add(self.targets[index].model)
        return None

    def refuse(self, index: int, report: Report) -> None:
        """Keep why a target could not be called."""
        if isinstance(report, Refusal):
            self.refusals[index] = report

    def stop(self) -> Ending | None:
        """Why no call may begin now, if that is so."""
        if self.attempts >= self.limits.max_attempts:
            return Ending(kind=EndKind.EXHAUSTED, last=self.last)
        if self.now >= self.bounds.end_by:
            return Ending(kind=EndKind.DEADLINE, last=self.last)
        if self.attempts and self.now >= self.bounds.expires:
            return Ending(kind=EndKind.EXPIRED, last=self.last)
        if self.attempts and 0 < self.limits.max_cost_nanousd <= self.spent:
            return Ending(kind=EndKind.COST_LIMIT, last=self.last)
        return None

    def exhausted(self) -> Ending:
        """The end when no target is left; COST_LIMIT if money alone kept away all that were not called."""
        if self.now >= self.bounds.end_by:
            return Ending(kind=EndKind.DEADLINE, last=self.last)
        everyone = set(range(len(self.targets))) - self.incompatible
        poor = self.beyond and self.beyond | self.called.keys() == everyone
        return Ending(kind=EndKind.COST_LIMIT if poor else EndKind.EXHAUSTED, last=self.last)

    def pass_over(self, index: int) -> Skip:
        """targets[`index`] is dearer than what is left of what is held."""
        if index not in self.called:
            self.beyond.add(index)
        return Skip(index=index, target=self.targets[index], reason=SkipReason.RESERVATION)

    def affords(self, index: int) -> bool:
        """Whether what is held for the run has room for one more call of targets[`index`]."""
        reserved = self.limits.reserved_nanousd
        if reserved is None:
            return True
        return not self.called.get(index) and self.spent + self.targets[index].max_cost_nanousd <= reserved

    def attempt(self, index: int, *, forced: bool, tried: tuple[str, ...]) -> Attempt:
        """The next call, with its even share of what is left of the time."""
        left, tries = self.bounds.end_by - self.now, self.tries.get(index, 0)
        sharers = min(self.others(index) + 1, self.limits.max_attempts - self.attempts)
        return Attempt(
            number=self.attempts + 1,
            index=index,
            target=self.targets[index],
            share=left / sharers,
            left=left,
            tries=tries,
            forced=forced,
            tried=tried,
            beside=None if tries or forced else self.beside(index),
            after=self.hedge_after or 0.0,
        )

    def beside(self, index: int) -> Attempt | None:
        """What may be called beside targets[`index`], where there is one and attempts, time and money are enough for both."""
        after = self.hedge_after
        if after is None or self.alone or self.limits.max_attempts - self.attempts < 2:
            return None
        left = self.bounds.end_by - self.now - after
        if left <= 0 or self.now + after >= self.bounds.expires:
            return None
        behind = (other for other in range(index + 1, len(self.targets)) if self.may_race(index, other))
        other = next(behind, None)
        if other is None:
            return None
        target = self.targets[other]
        return Attempt(number=self.attempts + 2, index=other, target=target, share=left, left=left, hedged=True)

    def may_race(self, index: int, other: int) -> bool:
        """Whether targets[`other`] may be called beside targets[`index`]."""
        if (
            other in self.incompatible
            or other in self.done
            or self.targets[other].model in self.unfit
            or self.called.get(other)
        ):
            return False
        both = (self.targets[index], self.targets[other])
        reserved, limit = self.limits.reserved_nanousd, self.limits.max_cost_nanousd
        if reserved is not None and self.spent + sum(target.max_cost_nanousd for target in both) > reserved:
            return False
        dearest = sum(max(target.max_cost_nanousd, target.cost_nanousd) for target in both)
        return not limit or self.spent + dearest <= limit

    def wait(self, index: int, purpose: WaitFor, *, tries: int, hint: float) -> Wait:
        """A wait for targets[`index`]."""
        return Wait(
            purpose=purpose,
            index=index,
            target=self.targets[index],
            tries=tries,
            hint=hint,
            left=self.bounds.end_by - self.now,
        )

    def others(self, index: int) -> int:
        """How many targets may still have their turn after targets[`index`]."""
        return 0 if self.alone else len(set(range(index + 1, len(self.targets))) - self.incompatible - self.done)

    def may_rotate(self, index: int) -> bool:
        """Whether targets[`index`] may be called with another key: one attempt is left for those behind it."""
        return self.limits.max_attempts - self.attempts > min(self.others(index), 1)

    def may_stay(self, index: int, end: CallEnd) -> bool:
        """Whether the same target may be called again: a short hint, and attempts enough for the targets behind it.

        A throttle that comes without a hint is worth a guess only where there is nobody else to ask.
        """
        others = self.others(index)
        if self.limits.max_attempts - self.attempts <= others:
            return False
        hint = end.retry_after or 0.0
        if others and end.verdict is Verdict.THROTTLED:
            return 0.0 < hint <= self.settings.longest_wait.total_seconds()
        return hint <= self.settings.last_wait.total_seconds()

    def soon(self, until: float) -> bool:
        """Whether it is worth waiting for `until`."""
        return until - self.now <= self.settings.longest_wait.total_seconds() and until < self.bounds.end_by

    def first_opening(self, *, held: bool = True) -> tuple[int, Refusal] | None:
        """Of the targets that open breakers kept away, the one that opens first; not `held`: of those without a hint."""
        opening = [
            (refusal.until, index)
            for index, refusal in self.refusals.items()
            if refusal.reason is SkipReason.BREAKER_OPEN and refusal.until is not None and (held or not refusal.held)
        ]
        if not opening:
            return None
        index = min(opening)[1]
        return index, self.refusals[index]
